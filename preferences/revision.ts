import { createHash } from 'node:crypto'
import type { Person } from './preferences.ts'

/** What a person has said, as an entity tag (RFC 9110): who changes it by an old one does not know what they change. Pure. */
export const revisionOf = ({ choices, zone, locale, quiet }: Said): string =>
  entityTag([choices, zone ?? null, locale ?? null, quiet ?? null])
type Said = Pick<Person, 'choices' | 'zone' | 'locale' | 'quiet'>

/** The tag of anything that JSON can say. Pure. */
const entityTag = (value: unknown): string =>
  `"${createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22)}"`

/** Whether an If-Match header, if there is one, is about this revision. A proxy that packs an answer makes its tag weak. */
export const isMatch = (ifMatch: string | undefined, revision: string): boolean =>
  ifMatch === undefined || ifMatch.split(',').some(one => ['*', revision].includes(one.trim().replace(/^W\//, '')))
