/** What takes a merge patch (RFC 7396) back, once it was applied to `before`. Pure. */
export function inverse(patch: object, before: object): Record<string, unknown> {
  const known = before as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(patch).map(([field, change]): [string, unknown] => {
      const old = Object.hasOwn(known, field) ? known[field] : undefined
      if (isObject(change) && isObject(old)) return [field, inverse(change, old)]
      return [field, old ?? (isObject(change) ? inverse(change, {}) : null)]
    }),
  )
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
