import type { Channel, Platform, Provider } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Cadence, TenantSettings, Wishes } from '#contracts/preferences.ts'
import type { QuietHours } from '#contracts/quiet-hours.ts'
import { type Queryable, textArray } from '#runtime/postgres.ts'
import { addressHash } from './address.ts'
import type { Levels } from './levels.ts'
import { quietOf } from './quiet-windows.ts'
import { type Suppressions, suppressedOf } from './suppression-store.ts'

/*
 * The public face: what router and channels may import. Two questions about people that were read as a set.
 *   people = await readPeople(db, ids)     one statement, at the decision
 *   people = await readReachable(…)        the same after the claim, and whose addresses must not be used
 *   mayWe(person, …)   whereTo(person, …)   pure
 */
export { addressHash } from './address.ts'
export { audiencePage, countMembers, countWithSources, type MembershipSource } from './audience-page.ts'
export { cadenceOf } from './cadence.ts'
export { contactRecipient, contactsAsKept, keepContacts, purgeContacts } from './contact-store.ts'
export type { RecipientStore } from './recipient-store.ts'
export { lookIn } from './engagement.ts'
export {
  type EngagementAsk,
  purgeEngagement,
  readEngagements,
  writeEngagement,
  writeReached,
} from './engagement-store.ts'
export { mayWe } from './may-we.ts'
export { quietUntil } from './quiet-hours.ts'
export { pageLinkTokens } from './page-link.ts'
export { readPresence } from './presence-store.ts'
export type { HashedMark, Mark } from './mark.ts'
export { markEndpoint } from './mark-store.ts'
export { heldPrunes, purgePrunes } from './prune-acts.ts'
export type { Tripped } from './prune-store.ts'
export { groupReason } from './group-reason.ts'
export { checkAddressKey } from './suppression-store.ts'
export { hasRead, readWatermarks } from './watermark-store.ts'
export { inTenant } from './tenants.ts'
export { hearText, type TextedWord } from './texted-words.ts'
export { unsubscribeTokens } from './unsubscribe-token.ts'
export { noEndpoint, whereTo } from './where-to.ts'

/** An address of a person on a channel. */
export type Endpoint = {
  id: string
  channel: Channel
  provider: Provider
  address: string
  state: 'active' | 'suspect' | 'dead' | 'suppressed'
  /** When it was last registered. */
  since: EpochMs
  /** When it became what it is, and why; a suppression may end by itself. Absent of what is active. */
  stateSince?: EpochMs
  why?: string
  until?: EpochMs
  app?: string
  /** What the device runs, and the version of its app; for funnels alone. */
  platform?: Platform
  version?: string
  /** When a product found out that the mailbox or number is the person's, and which. */
  verifiedAt?: EpochMs
  verifiedBy?: string
}
/**
 * Category (or `*`, for all) × channel: false is off. `threads`: muted ones, for good or until when. `paused`: everything
 * but the inbox, the same. `levels`: how much to hear of servers, rooms and threads.
 */
export type Choices = {
  categories?: Record<string, Wishes>
  threads?: Record<string, EpochMs | true>
  paused?: EpochMs | true
  levels?: Levels
  /** How often to hear of a category. */
  cadence?: Record<string, Cadence>
}
export type Person = {
  id: string
  tenant?: string
  locale?: string
  zone?: string
  quiet?: QuietHours
  choices: Choices
  endpoints: readonly Endpoint[]
  erased: boolean
  /** All that occurred until then was read, on all threads. */
  readUpTo?: EpochMs
  /** Has ever read a thread: then its watermark is asked for. */
  readsThreads?: true
  /** What was read of tenants, theirs and those of the intents. Absent: nothing is set. */
  tenants?: Tenants
  /** The tenant that they are asked in, where it has set anything (`inTenant`). */
  within?: TenantSettings
}
/** Tenants by id, as they were read with people. */
export type Tenants = ReadonlyMap<string, TenantSettings>

/** Everybody has an inbox. */
const inbox: Endpoint = { id: 'inbox', channel: 'in_app', provider: 'inbox', address: '', state: 'active', since: 0 }
const inboxOnly: readonly Endpoint[] = [inbox]
const noChoices: Choices = {}

/**
 * The people of a set by id, in one statement with one index descent for each, and with it what their tenants and those
 * of the intents have set (`inTenant`). Who is not known is a person with nothing set. Ids and tenants must be names (`isName`).
 */
export async function readPeople(
  db: Queryable,
  ids: readonly string[],
  intents: readonly { tenant?: string }[] = [],
): Promise<Map<string, Person>> {
  const people = new Map<string, Person>()
  if (ids.length === 0) return people
  const named = new Set(intents.flatMap(({ tenant }) => tenant ?? []))
  const [packed] = await db.query<Packed>(selectPeople, [textArray(ids), textArray([...named])])
  const { people: known, endpoints, tenants } = packed!
  const shared = tenants === null ? undefined : { tenants: tenantsOf(tenants) }
  if (known) addPeople(people, { known, endpoints: endpoints!, shared })
  for (const id of ids)
    if (!people.has(id)) people.set(id, { id, choices: noChoices, endpoints: inboxOnly, erased: false, ...shared })
  return people
}

/**
 * People by id, to send to them on a channel now. A mailbox or number that is suppressed is so for everybody: what the
 * row of a person says of it may be older.
 */
export async function readReachable(
  { db, addressKey }: Suppressions,
  { ids, intents, channel }: { ids: readonly string[]; intents: readonly { tenant?: string }[]; channel: Channel },
): Promise<Map<string, Person>> {
  const people = await readPeople(db, ids, intents)
  if (channel !== 'sms' && channel !== 'email') return people
  const used = [...people.values()].flatMap(({ endpoints }) =>
    endpoints.filter(one => one.channel === channel && one.state !== 'dead'),
  )
  const hashes = used.map(one => addressHash(addressKey, one))
  const suppressed = await suppressedOf(db, hashes)
  used.forEach((one, at) => {
    if (!suppressed.has(hashes[at]!)) return
    one.state = 'suppressed'
    delete one.until
  })
  return people
}

/** One row back for the whole set: the driver's work for each row and column would cost more than everything else. */
type Packed = { people: string | null; endpoints: string | null; tenants: string | null }
// Neither names nor JSON hold control characters, so U+001F and U+001E separate fields and people.
const reads = `case when read_xid is not null then coalesce((extract(epoch from read_up_to) * 1000)::bigint::text, '-') end`
const fields = [
  'id',
  'tenant',
  'locale',
  'zone',
  'quiet',
  'choices',
  `case when erased_at is not null then '1' end`,
  reads,
]
const selectPeople = `select people, endpoints,
    (select string_agg(id || E'\\x1f' || settings, E'\\x1e') from tenants where id = any($2::text[] || own)) as tenants
  from (select string_agg(${fields.map(field => `coalesce(${field}, '')`).join(` || E'\\x1f' || `)}, E'\\x1e') as people,
    '[' || string_agg(coalesce(endpoints, '[]'), ',') || ']' as endpoints, array_agg(tenant) filter (where tenant is not null) as own
    from recipients where id = any($1::text[])) set`

const tenantsOf = (packed: string): Tenants =>
  new Map(
    packed.split('\u001e').map(one => {
      const [id, settings] = one.split('\u001f') as [string, string]
      return [id, JSON.parse(settings) as TenantSettings]
    }),
  )

type Found = { known: string; endpoints: string; shared: Pick<Person, 'tenants'> | undefined }

function addPeople(people: Map<string, Person>, { known: packed, endpoints, shared }: Found): void {
  const known = JSON.parse(endpoints) as Endpoint[][]
  packed.split('\u001e').forEach((one, at) => {
    const [id, tenant, locale, zone, quiet, choices, erased, reads] = one.split('\u001f') as [string, ...string[]]
    const own = known[at]!
    own.push(inbox)
    people.set(id, {
      id,
      tenant: tenant || undefined,
      locale: locale || undefined,
      zone: zone || undefined,
      quiet: quiet ? quietOf(quiet) : undefined,
      choices: choices ? (JSON.parse(choices) as Choices) : noChoices,
      endpoints: own,
      erased: erased !== '',
      ...(reads && { readsThreads: true }),
      ...(reads && reads !== '-' && { readUpTo: Number(reads) }),
      ...shared,
    })
  })
}
