import { channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { addressHash } from './address.ts'
import { type ConsentLine, type ConsentSource, logConsent } from './consent-log.ts'
import { rewriteEndpoints } from './endpoint-rows.ts'
import type { Endpoint } from './preferences.ts'
import type { GivenEndpoint, Profile } from './profile.ts'
import { storedQuiet } from './quiet-windows.ts'
import { type Change, type Given, type Givens, register, type Suppressed } from './registration.ts'
import { suppressedOf } from './suppression-store.ts'
import { tellOwners } from './tell-owners.ts'

export type RecipientStore = {
  db: Database
  /** Addresses are compared and remembered by hashes made with it. */
  addressKey: string
  now: EpochMs
}

const chunkSize = 500
const triesMax = 8

/**
 * Makes people known or changes what is given of them, 500 in a transaction. A push token has one owner: it leaves the
 * person that had it. Suppressed addresses stay so. Who was erased is back. Profiles must have passed `parseProfile`.
 */
export async function upsertRecipients(store: RecipientStore, profiles: readonly Profile[]): Promise<void> {
  const byId = new Map(profiles.map(profile => [profile.id, profile]))
  const distinct = [...byId.values()]
  for (let at = 0; at < distinct.length; at += chunkSize) await upsertChunk(store, distinct.slice(at, at + chunkSize))
}

/**
 * Registers one endpoint under a name, beside the others of a person; the same address, or another one in its place. As
 * with all of them a push token leaves whoever had it.
 */
export function putEndpoint(
  store: RecipientStore,
  recipient: string,
  endpoint: GivenEndpoint & { id: string },
): Promise<void> {
  const list = [{ ...endpoint, hash: addressHash(store.addressKey, endpoint) }]
  return upsertGiven(store, [{ id: recipient }], new Map([[recipient, { list, others: 'stay' }]]))
}

function upsertChunk(store: RecipientStore, profiles: readonly Profile[]): Promise<void> {
  const given = profiles.map(({ id, endpoints }): [string, Givens | undefined] => {
    const list = endpoints?.map((one): Given => ({ ...one, hash: addressHash(store.addressKey, one) }))
    return [id, list && { list, others: 'go' }]
  })
  return upsertGiven(store, profiles, new Map(given))
}

async function upsertGiven(
  { db, now }: RecipientStore,
  profiles: readonly Profile[],
  given: ReadonlyMap<string, Givens | undefined>,
): Promise<void> {
  const known = await untilSettled(() => db.transaction(tx => upsertOnce(tx, { profiles, given, now })))
  // Who suppressed or freed an address before this was visible did not see it; but then it is visible here.
  const all = [...given.values()].flatMap(one => one?.list ?? [])
  const hashes = hashesOf(all)
  const standing = await suppressedOf(db, hashes)
  const late = hashes.filter(hash => standing.has(hash) !== known.has(hash))
  await tellOwners(db, late, { now, source: 'provider' })
}

/** Tries again when somebody else has taken one of the tokens meanwhile. */
export async function untilSettled<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await work()
    } catch (error) {
      if (!isTaken(error) || tries === triesMax) throw error
    }
}

/** By a unique violation, or a deadlock (deadlock_detected) of two that learned too late who else has to be locked. */
const isTaken = (error: unknown): boolean =>
  error instanceof Error &&
  (('constraint' in error && error.constraint === 'addresses_push') || ('code' in error && error.code === '40P01'))

type Upsert = {
  profiles: readonly Profile[]
  given: ReadonlyMap<string, Givens | undefined>
  now: EpochMs
}

/**
 * Locks people in the order of their ids, then touches the directory in the order of hashes, as everybody does who writes
 * either. Where a token has got another owner by then, who is not locked, the directory refuses a second one, or finds
 * two that wait for each other. Gives the given addresses that are suppressed, by hash.
 */
async function upsertOnce(tx: Queryable, { profiles, given, now }: Upsert): Promise<Map<string, Suppressed>> {
  const ids = [...given.keys()]
  const all = [...given.values()].flatMap(one => one?.list ?? [])
  const tokens = all.filter(one => one.channel === 'push').map(one => one.hash)
  const before = await ownersOf(tx, tokens)
  await tx.query(
    `insert into recipients (id) select id from unnest($1::text[]) as p(id) order by id collate "C" on conflict do nothing`,
    [ids],
  )
  const rows = await tx.query<{ id: string; endpoints: string | null; erased: boolean }>(
    `select id, endpoints, erased_at is not null as erased from recipients where id = any($1::text[]) order by id for update`,
    [[...new Set([...ids, ...before.map(owner => owner.recipient)])]],
  )
  const people = new Map(
    rows.map(({ id, endpoints, erased }) => [
      id,
      { endpoints: endpoints ? (JSON.parse(endpoints) as Endpoint[]) : [], erased },
    ]),
  )
  const owners = await ownersOf(tx, tokens)
  const suppressed = await suppressedOf(tx, hashesOf(all))
  await write(tx, { profiles, change: register({ people, given, owners, suppressed, now }), now })
  return suppressed
}

async function ownersOf(tx: Queryable, tokens: readonly string[]) {
  if (tokens.length === 0) return []
  return tx.query<{ hash: string; recipient: string; endpoint: string }>(
    `select hash, recipient, endpoint from addresses where channel = 0 and hash = any($1::text[])`,
    [tokens],
  )
}

const hashesOf = (given: readonly Given[]): string[] => given.map(one => one.hash)

async function write(
  tx: Queryable,
  { profiles, change, now }: { profiles: readonly Profile[]; change: Change; now: EpochMs },
): Promise<void> {
  const byId = new Map(profiles.map(profile => [profile.id, profile]))
  const people = [...change.endpoints].map(([id, endpoints]) => ({ ...byId.get(id), id, endpoints }))
  await tx.query(
    `update recipients r set tenant = coalesce(p.tenant, r.tenant), locale = coalesce(p.locale, r.locale), zone = coalesce(p.zone, r.zone),
       quiet = case p.quiet when '' then null else coalesce(p.quiet, r.quiet) end, endpoints = p.endpoints,
       erased_at = null, updated_at = to_timestamp($7 / 1000.0)
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) as p(id, tenant, locale, zone, quiet, endpoints)
     where r.id = p.id`,
    [
      people.map(one => one.id),
      people.map(one => one.tenant ?? null),
      people.map(one => one.locale ?? null),
      people.map(one => one.zone ?? null),
      people.map(({ quiet }) => (quiet === undefined ? null : quiet === null ? '' : storedQuiet(quiet))),
      people.map(({ endpoints }) => (endpoints.length > 0 ? JSON.stringify(endpoints) : null)),
      now,
    ],
  )
  await writeDirectory(tx, change)
  await logConsent(tx, change.log, now)
}

async function writeDirectory(tx: Queryable, { released, owned }: Change): Promise<void> {
  if (released.length > 0)
    await tx.query(
      `delete from addresses a using unnest($1::text[], $2::text[]) as g(recipient, endpoint)
       where a.recipient = g.recipient and a.endpoint = g.endpoint`,
      [released.map(row => row.recipient), released.map(row => row.endpoint)],
    )
  if (owned.length > 0)
    await tx.query(
      `insert into addresses (recipient, endpoint, channel, hash)
       select * from unnest($1::text[], $2::text[], $3::smallint[], $4::text[]) as o(recipient, endpoint, channel, hash)
       order by hash collate "C", recipient collate "C"`,
      [
        owned.map(row => row.recipient),
        owned.map(row => row.endpoint),
        owned.map(row => channels.indexOf(row.channel)),
        owned.map(row => row.hash),
      ],
    )
}

/**
 * Forgets a person: addresses, wishes and settings go. What was withdrawn stays in the consent log, suppressed addresses
 * stay suppressed, and the id gets nothing any more until it is registered again. Audiences are the product's. Safe to repeat.
 */
export async function deleteRecipient({ db, now }: { db: Database; now: EpochMs }, recipient: string): Promise<void> {
  await db.transaction(async tx => {
    const erased = await tx.query(
      `insert into recipients as r (id, erased_at) values ($1, to_timestamp($2 / 1000.0))
       on conflict (id) do update set tenant = null, locale = null, zone = null, quiet = null, choices = null, endpoints = null,
         read_up_to = null, read_xid = null, erased_at = excluded.erased_at, updated_at = excluded.erased_at
       where r.erased_at is null returning 1`,
      [recipient, now],
    )
    for (const table of ['addresses', 'prunes', 'watermarks', 'engagements', 'presence', 'product_events'])
      await tx.query(`delete from ${table} where recipient = $1`, [recipient])
    if (erased.length > 0) await logConsent(tx, [{ recipient, kind: 'erase', wish: false, source: 'api' }], now)
  })
}

/**
 * Takes endpoints from a person: from its commit on nothing is sent to them that is claimed later. Gives how many; of who is
 * not known, or was erased, none.
 */
export async function removeEndpoints(
  { db, now, source = 'api' }: { db: Queryable; now: EpochMs; source?: ConsentSource },
  recipient: string,
  goes: (endpoint: Endpoint) => boolean,
): Promise<number> {
  let removed = 0
  await rewriteEndpoints(db, {
    ...{ ids: [recipient], now },
    change(_, endpoints) {
      const gone = endpoints.filter(goes)
      removed = gone.length
      const log = gone.map(({ id: endpoint, channel }): ConsentLine => ({
        ...{ recipient, kind: 'endpoint', channel, endpoint, wish: false, source },
      }))
      return { endpoints: endpoints.filter(one => !gone.includes(one)), log }
    },
  })
  return removed
}
