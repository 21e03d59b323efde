import { knownZone, ownZone } from './when.ts'

/** Whose trace is shown, and times of which zone; all of it is in the address of the page. */
export type Subject = {
  kind: Kind
  of: string
  zone: string
  /** Of an intent: only what went to this person, and to this endpoint of theirs. */
  recipient?: string | undefined
  endpoint?: string | undefined
  /** Of a person: from then on, as in RFC 3339. */
  since?: string | undefined
}
export type Kind = 'intent' | 'recipient' | 'delivery' | 'examples'

/** What can be asked of, as people and as the API call it. */
export const kinds: readonly { kind: Kind; name: string; asks: string }[] = [
  { kind: 'intent', name: 'Intent', asks: 'Its id, or PRODUCER/KEY' },
  { kind: 'recipient', name: 'Person', asks: 'The id of the person' },
  { kind: 'delivery', name: 'Delivery', asks: 'BATCH.SLOT, as its provider knows it' },
]

export const nameOf = (kind: Kind): string => (kinds.find(one => one.kind === kind) ?? kinds[0]!).asks

/** Reads an address. Of examples, `of` is the question. */
export function subjectOf(search: string): Subject {
  const given = new URLSearchParams(search)
  const zone = knownZone(given.get('zone') ?? ownZone)
  if (given.has('stage') || given.has('what')) {
    given.delete('zone')
    return { kind: 'examples', of: given.toString(), zone }
  }
  const kind = (['intent', 'delivery', 'recipient'] as const).find(one => given.has(one)) ?? 'intent'
  const optional = (name: string) => given.get(name) ?? undefined
  return {
    ...{ kind, of: given.get(kind) ?? '', zone },
    ...(kind === 'intent' && { recipient: optional('recipient'), endpoint: optional('endpoint') }),
    ...(kind === 'recipient' && { since: optional('since') }),
  }
}

export function searchOf({ zone, ...subject }: Subject): string {
  const asked = askedOf(subject)
  if (zone !== ownZone) asked.set('zone', zone)
  return `?${asked.toString()}`
}

/** What the API is asked. */
export const pathOf = (subject: Subject): string =>
  `/v1/trace${subject.kind === 'examples' ? '/examples' : ''}?${askedOf(subject).toString()}`

function askedOf({ kind, of, recipient, endpoint, since }: Omit<Subject, 'zone'>): URLSearchParams {
  const asked = new URLSearchParams(kind === 'examples' ? of : { [kind]: of })
  for (const [name, value] of Object.entries({ recipient, endpoint, since })) if (value) asked.set(name, value)
  return asked
}
