import { invalid } from './refusal.ts'

export type FieldMask = { paths: string[] } | null

type Fields = Record<string, unknown>
type Rule = { mask: FieldMask; allowed: readonly string[] }

/**
 * `current` with the fields that the mask names taken from `wanted`. A path is a field in snake case, or a field of a
 * field (`retry_policy.minimum_backoff`); one in `allowed` may be changed.
 * Throws INVALID_ARGUMENT for an empty mask and for a field that is unknown or cannot be changed.
 */
export function applyFieldMask<T extends Fields>(current: T, wanted: Fields, { mask, allowed }: Rule): T {
  if (!mask || mask.paths.length === 0) throw invalid('An update must name at least one field in update_mask.')
  const updated: Fields = { ...current }
  for (const path of mask.paths) {
    const [field = '', inner, ...deeper] = path.split('.').map(camelCase)
    if (!allowed.includes(field) || deeper.length > 0) {
      throw invalid(`The field "${path}" in update_mask is unknown or cannot be changed after creation.`)
    }
    if (inner === undefined) updated[field] = wanted[field]
    else updated[field] = { ...asFields(updated[field]), [inner]: asFields(wanted[field])[inner] }
  }
  return updated as T
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
}
