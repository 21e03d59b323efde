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

/** What a merge patch makes of something. Pure. */
export function merged(before: object, patch: object): Record<string, unknown> {
  const after: Record<string, unknown> = { ...before }
  for (const [field, change] of Object.entries(patch)) {
    const old = Object.hasOwn(after, field) ? after[field] : undefined
    if (change === null) delete after[field]
    else after[field] = isObject(change) && isObject(old) ? merged(old, change) : change
  }
  return after
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
