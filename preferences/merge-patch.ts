import type { EpochMs } from '#contracts/ids.ts'
import { isObject } from './profile.ts'

/** Notes a problem at a path. */
export type No = (path: readonly string[], detail: string) => void

/** The members of an object in a patch; none where it is absent or null, and a problem where it is anything else. */
export function membersOf(value: unknown, path: readonly string[], no: No): [string, unknown][] {
  if (value === undefined || value === null) return []
  if (isObject(value)) return Object.entries(value)
  no(path, 'must be an object or null')
  return []
}

/** The instant of a time like 2026-11-21T08:00:00Z. */
export function instantOf(text: string): EpochMs | undefined {
  try {
    return Temporal.Instant.from(text).epochMilliseconds
  } catch {
    return undefined
  }
}

/** The members after a merge patch (RFC 7396) of plain values: null takes one away, or all. */
export function patchedMap<T>(before: ReadonlyMap<string, T>, patch: Record<string, T | null> | null | undefined) {
  if (patch === null) return new Map<string, T>()
  const after = new Map(before)
  for (const [key, value] of Object.entries(patch ?? {}))
    if (value === null) after.delete(key)
    else after.set(key, value)
  return after
}
