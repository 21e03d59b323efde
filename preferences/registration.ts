import type { EpochMs } from '#contracts/ids.ts'
import { isSameAddress } from './address.ts'
import type { ConsentLine } from './consent-log.ts'
import type { Endpoint } from './preferences.ts'
import { endpointsMax, type GivenEndpoint } from './profile.ts'

/** An endpoint that a product registers, and the hash of its address. */
export type Given = GivenEndpoint & { hash: string }
/** Endpoints of a person: all of them from now on, or beside those that are there. */
export type Givens = { list: readonly Given[]; others: 'go' | 'stay' }
export type Registration = {
  /** The people concerned as they are stored, former owners of given tokens among them. */
  people: ReadonlyMap<string, { endpoints: readonly Endpoint[]; erased: boolean }>
  /** Undefined: their endpoints stay as they are. */
  given: ReadonlyMap<string, Givens | undefined>
  /** Who has the given push tokens. */
  owners: readonly { hash: string; recipient: string; endpoint: string }[]
  /** Given addresses that must not be used, by hash, and until when. */
  suppressed: ReadonlyMap<string, Suppressed>
  now: EpochMs
}
export type Suppressed = { reason: string; at: EpochMs; until?: EpochMs }
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
  const newOwners = new Map([...given].flatMap(([id, list]) => (list?.list ?? []).map(({ hash }) => [hash, id])))
  const moved = new Set(
    registration.owners
      .filter(({ hash, recipient }) => newOwners.get(hash) !== recipient)
      .map(({ recipient, endpoint }) => keyOf(recipient, endpoint)),
  )
  for (const [id, person] of people) {
    // Who was erased while we waited for them has no token left to lose, and does not come back by somebody else's.
    if (person.erased && !given.has(id)) continue
    const { list, others } = given.get(id) ?? { list: [], others: 'stay' }
    const named = list.map(one => endpointOf(one, person.endpoints, registration))
    const kept = person.endpoints.filter(
      one => others === 'stay' && !moved.has(keyOf(id, one.id)) && !named.some(it => takesPlace(it, one)),
    )
    const after = [...named, ...fitting(kept, named)]
    change.endpoints.set(id, after)
    if (person.erased && given.has(id)) change.log.push({ recipient: id, kind: 'erase', wish: true, source: 'api' })
    compare(change, { recipient: id, before: person.endpoints, after, list, isNamed: given.get(id) !== undefined })
  }
  return change
}

/** The id that an endpoint has for its person. One that follows from the address changes with it. */
const endpointIdOf = ({ id, hash }: Given): string => id ?? hash.slice(0, 12)

// No name holds a control character.
const keyOf = (recipient: string, endpoint: string): string => `${recipient}\u001f${endpoint}`

function endpointOf(given: Given, before: readonly Endpoint[], { suppressed, now }: Registration): Endpoint {
  const { hash, ...known } = given
  const id = endpointIdOf(given)
  const mark = suppressed.get(hash)
  const state = mark
    ? { state: 'suppressed' as const, stateSince: mark.at, why: mark.reason, ...(mark.until && { until: mark.until }) }
    : { state: 'active' as const }
  const { verifiedAt, verifiedBy } = before.find(one => one.verifiedAt && isSameAddress(one, given)) ?? {}
  return { ...(verifiedAt && { verifiedAt }), ...(verifiedBy && { verifiedBy }), ...known, id, ...state, since: now }
}

/** Whether an endpoint that is named leaves no room for one that is there: the same name, or the same address. */
const takesPlace = (named: Endpoint, old: Endpoint): boolean => named.id === old.id || isSameAddress(named, old)

/**
 * Those of a person's endpoints that stay beside the named ones. Only those of its channel make room for one, so that no number
 * of devices takes a mailbox or a number away: the dead go first, then those that were registered longest ago.
 */
function fitting(kept: readonly Endpoint[], named: readonly Endpoint[]): readonly Endpoint[] {
  const rank = ({ state, since }: Endpoint) => (state === 'dead' ? since - Number.MAX_SAFE_INTEGER : since)
  const gone = new Set(
    [...Map.groupBy(named, one => one.channel)].flatMap(([channel, come]) => {
      const there = kept.filter(one => one.channel === channel)
      const tooMany = Math.max(0, there.length + come.length - endpointsMax)
      return there.toSorted((a, b) => rank(a) - rank(b)).slice(0, tooMany)
    }),
  )
  return kept.filter(one => !gone.has(one))
}

const isSame = (a: { id: string; channel: string }, b: { id: string; channel: string }): boolean =>
  a.id === b.id && a.channel === b.channel

function compare(
  change: Change,
  person: {
    recipient: string
    before: readonly Endpoint[]
    after: readonly Endpoint[]
    list: readonly Given[]
    isNamed: boolean
  },
): void {
  const { recipient, before, after, list, isNamed } = person
  for (const old of before) {
    const now = after.find(one => isSame(one, old))
    if (now?.address === old.address) continue
    change.released.push({ recipient, endpoint: old.id })
    if (!now) change.log.push(lineOf(recipient, old, { wish: false, source: isNamed ? 'api' : 'moved' }))
  }
  after.forEach((endpoint, at) => {
    const old = before.find(one => isSame(one, endpoint))
    if (old?.address === endpoint.address) return
    change.log.push(lineOf(recipient, endpoint, { wish: true, source: 'api' }))
    if (endpoint.state === 'suppressed')
      change.log.push({
        ...{ ...lineOf(recipient, endpoint, { wish: false, source: 'api' }), kind: 'suppression' },
        ...(endpoint.until !== undefined && { until: endpoint.until }),
      })
    change.owned.push({ recipient, endpoint: endpoint.id, channel: endpoint.channel, hash: list[at]!.hash })
  })
}

const lineOf = (
  recipient: string,
  { id, channel }: Endpoint,
  said: { wish: boolean; source: 'api' | 'moved' },
): ConsentLine => ({ recipient, kind: 'endpoint', channel, endpoint: id, ...said })
