import type { EpochMs } from '#contracts/ids.ts'
import type { ConsentLine } from './consent-log.ts'
import type { Endpoint } from './preferences.ts'
import type { GivenEndpoint } from './profile.ts'

/** An endpoint that a product registers, and the hash of its address. */
export type Given = GivenEndpoint & { hash: string }
export type Registration = {
  /** The people concerned as they are stored, former owners of given tokens among them. */
  people: ReadonlyMap<string, { endpoints: readonly Endpoint[]; erased: boolean }>
  /** All endpoints of a person from now on; undefined: they stay. */
  given: ReadonlyMap<string, readonly Given[] | undefined>
  /** Who has the given push tokens. */
  owners: readonly { hash: string; recipient: string; endpoint: string }[]
  /** Hashes of given addresses that must not be used. */
  suppressed: ReadonlySet<string>
  now: EpochMs
}
export type Change = {
  /** The endpoints of each person. */
  endpoints: Map<string, readonly Endpoint[]>
  /** Rows of the directory that go, and that come. */
  released: { recipient: string; endpoint: string }[]
  owned: { recipient: string; endpoint: string; channel: Endpoint['channel']; hash: string }[]
  log: ConsentLine[]
}

/**
 * What a registration changes. A push token leaves its former owner; a suppressed address stays suppressed; one that is
 * registered again lives again. Every address that comes has its line in the consent log, and every endpoint that goes;
 * under the same id a new address ends what was said of the old one. Pure.
 */
export function register(registration: Registration): Change {
  const { people, given } = registration
  const change: Change = { endpoints: new Map(), released: [], owned: [], log: [] }
  const newOwners = new Map([...given].flatMap(([id, list]) => (list ?? []).map(({ hash }) => [hash, id])))
  const moved = new Set(
    registration.owners
      .filter(({ hash, recipient }) => newOwners.get(hash) !== recipient)
      .map(({ recipient, endpoint }) => keyOf(recipient, endpoint)),
  )
  for (const [id, person] of people) {
    const list = given.get(id)
    const kept = person.endpoints.filter(endpoint => !moved.has(keyOf(id, endpoint.id)))
    const after = list ? list.map(one => endpointOf(one, person.endpoints, registration)) : kept
    change.endpoints.set(id, after)
    if (person.erased && given.has(id)) change.log.push({ recipient: id, kind: 'erase', wish: true, source: 'api' })
    compare(change, { recipient: id, before: person.endpoints, after, list })
  }
  return change
}

/** The id that an endpoint has for its person. One that follows from the address changes with it. */
export const endpointIdOf = ({ id, hash }: Given): string => id ?? hash.slice(0, 12)

// No name holds a control character.
const keyOf = (recipient: string, endpoint: string): string => `${recipient}\u001f${endpoint}`

function endpointOf(given: Given, before: readonly Endpoint[], { suppressed, now }: Registration): Endpoint {
  const { hash, ...known } = given
  const id = endpointIdOf(given)
  const old = before.find(one => isSame(one, { ...given, id }))
  const state = suppressed.has(hash) ? 'suppressed' : 'active'
  const changed = old?.address === given.address ? old.changed : now
  return { ...known, id, state, since: now, ...(given.id !== undefined && changed !== undefined && { changed }) }
}

const isSame = (a: { id: string; channel: string }, b: { id: string; channel: string }): boolean =>
  a.id === b.id && a.channel === b.channel

function compare(
  change: Change,
  person: {
    recipient: string
    before: readonly Endpoint[]
    after: readonly Endpoint[]
    list: readonly Given[] | undefined
  },
): void {
  const { recipient, before, after, list } = person
  for (const old of before) {
    const now = after.find(one => isSame(one, old))
    if (now?.address === old.address) continue
    change.released.push({ recipient, endpoint: old.id })
    if (!now) change.log.push(lineOf(recipient, old, { wish: false, source: list ? 'api' : 'moved' }))
  }
  after.forEach((endpoint, at) => {
    const old = before.find(one => isSame(one, endpoint))
    if (old?.address === endpoint.address) return
    change.log.push(lineOf(recipient, endpoint, { wish: true, source: 'api' }))
    if (endpoint.state === 'suppressed')
      change.log.push({ ...lineOf(recipient, endpoint, { wish: false, source: 'api' }), kind: 'suppression' })
    if (!list) return
    change.owned.push({ recipient, endpoint: endpoint.id, channel: endpoint.channel, hash: list[at]!.hash })
  })
}

const lineOf = (
  recipient: string,
  { id, channel }: Endpoint,
  said: { wish: boolean; source: 'api' | 'moved' },
): ConsentLine => ({ recipient, kind: 'endpoint', channel, endpoint: id, ...said })
