import type { Catalogue } from './catalogue.ts'

/** A recipient id, or the beginning of ids and `*`. */
export type AllowPattern = string

/**
 * The catalogue of an installation that tells nobody but these people: each of its types carries the question, so that
 * whoever decides or claims asks it. An empty list allows nobody. Without a list use the catalogue as it is.
 */
export function onlyFor(catalogue: Catalogue, allowed: readonly AllowPattern[]): Catalogue {
  const ids = new Set(allowed.filter(pattern => !pattern.endsWith('*')))
  const beginnings = allowed.filter(pattern => pattern.endsWith('*')).map(pattern => pattern.slice(0, -1))
  const allowedHere = (id: string): boolean => ids.has(id) || beginnings.some(beginning => id.startsWith(beginning))
  const types = new Map([...catalogue.types].map(([type, entry]) => [type, { ...entry, allowedHere }]))
  return { ...catalogue, types }
}
