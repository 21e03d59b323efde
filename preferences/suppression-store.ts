import { type Channel, channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { addressHash } from './address.ts'
import type { Endpoint } from './preferences.ts'

/** What was learned about the address that an endpoint had; `at` is when it was so. */
export type Mark = {
  recipient: string
  endpoint: string
  channel: Channel
  address: string
  state: 'dead' | 'suppressed'
  reason: string
  at: EpochMs
}
/** The same, where only the hash of the address was kept. */
export type HashedMark = Omit<Mark, 'address'> & { hash: string }

/** Where suppressed addresses are known by hashes made with `addressKey`. */
export type Suppressions = { db: Queryable; addressKey: string }

const triesMax = 8

/**
 * Remembers what was learned about endpoints. A dead one is not used until it is registered again; what is said of a
 * time before its last registration changes nothing. A suppressed address is never used again, whoever has it or
 * registers it: from the first statement on no claim sends to it (`readReachable`). What follows tells the people that
 * have it, each with a line in the consent log.
 */
export async function markEndpoint(store: Suppressions, marks: readonly (Mark | HashedMark)[]): Promise<void> {
  const { db } = store
  const suppressed = marks
    .filter(mark => mark.state === 'suppressed')
    .map(mark => ({ ...mark, hash: 'hash' in mark ? mark.hash : addressHash(store.addressKey, mark) }))
  await suppress(db, suppressed)
  await markAll(db, marks)
  // Read after the suppression is visible: who registers the address from now on sees it.
  await markAll(db, await sharedMarks(db, suppressed))
}

/**
 * Takes the first key that a database is used with, and rejects another one from then on: what was suppressed would not be
 * found by it.
 */
export async function checkAddressKey({ db, addressKey }: Suppressions): Promise<void> {
  const fingerprint = addressHash(addressKey, { channel: 'email', address: 'fingerprint' })
  await db.query(`insert into address_key (fingerprint) values ($1) on conflict do nothing`, [fingerprint])
  const [row] = await db.query<{ fingerprint: string }>(`select fingerprint from address_key`)
  if (row!.fingerprint !== fingerprint)
    throw new Error('CARILLON_SECRET is not the one that its addresses were hashed with; every process needs that one')
}

/** What a person's row is told of it. */
type Learned = Omit<Mark, 'address'>

async function suppress(db: Queryable, suppressed: readonly HashedMark[]): Promise<void> {
  if (suppressed.length === 0) return
  await db.query(
    `insert into suppressions (hash, channel, reason, source, at)
     select hash, channel, reason, 'provider', to_timestamp(at / 1000.0)
     from unnest($1::text[], $2::smallint[], $3::text[], $4::float8[]) as s(hash, channel, reason, at)
     order by hash collate "C", channel on conflict do nothing`,
    [
      suppressed.map(one => one.hash),
      suppressed.map(one => channels.indexOf(one.channel)),
      suppressed.map(one => one.reason),
      suppressed.map(one => one.at),
    ],
  )
}

/** Which of some addresses must not be used, by hash. */
export async function suppressedOf(db: Queryable, hashes: readonly string[]): Promise<Set<string>> {
  if (hashes.length === 0) return new Set()
  const rows = await db.query<{ hash: string }>(`select hash from suppressions where hash = any($1::text[])`, [hashes])
  return new Set(rows.map(row => row.hash))
}

async function markAll(db: Queryable, marks: readonly Learned[]): Promise<void> {
  let open = marks
  for (let tries = 0; open.length > 0; tries++) {
    if (tries === triesMax) throw new Error(`${open.length} endpoints could not be marked: they keep changing`)
    open = await markOnce(db, open)
  }
}

/** A mailbox or number that must not be used is used for nobody. */
async function sharedMarks(db: Queryable, suppressed: readonly HashedMark[]): Promise<Learned[]> {
  if (suppressed.length === 0) return []
  const rows = await db.query<{ recipient: string; endpoint: string; place: number }>(
    `select a.recipient, a.endpoint, m.place::int from unnest($1::text[]) with ordinality as m(hash, place)
     join addresses a on a.hash = m.hash and a.channel <> 0`,
    [suppressed.map(mark => mark.hash)],
  )
  return rows.map(({ recipient, endpoint, place }) => ({ ...suppressed[place - 1]!, recipient, endpoint }))
}

/** Marks whose rows did not change meanwhile; gives the others back. */
async function markOnce(db: Queryable, marks: readonly Learned[]): Promise<Learned[]> {
  const rows = await db.query<{ id: string; endpoints: string }>(
    `select id, endpoints from recipients where id = any($1::text[]) and endpoints is not null`,
    [[...new Set(marks.map(mark => mark.recipient))]],
  )
  const changes = rows.flatMap(({ id, endpoints: before }) => {
    const { endpoints, suppressed } = applied(
      JSON.parse(before) as Endpoint[],
      marks.filter(mark => mark.recipient === id),
    )
    const after = JSON.stringify(endpoints)
    return after === JSON.stringify(JSON.parse(before)) ? [] : [{ id, before, after, suppressed }]
  })
  if (changes.length === 0) return []
  const withdrawn = changes.flatMap(({ id, suppressed }) => suppressed.map(one => ({ id, ...one })))
  // Rows are locked in the order of ids, as everywhere. One that changed since it was read is left for the next try.
  const done = await db.query<{ id: string }>(
    `with locked as materialized (select id from recipients where id = any($1::text[]) order by id for update),
     changed as (
       update recipients r set endpoints = c.after, updated_at = now()
       from locked l join unnest($1::text[], $2::text[], $3::text[]) as c(id, before, after) on c.id = l.id
       where r.id = l.id and r.endpoints = c.before returning r.id),
     withdrawn as (
       select w.* from unnest($4::text[], $5::text[], $6::smallint[], $7::float8[]) as w(recipient, endpoint, channel, at)
       where w.recipient in (select id from changed)),
     logged as (
       insert into consent_log (at, recipient, kind, channel, endpoint, wish, source)
       select to_timestamp(at / 1000.0), recipient, 'suppression', channel, endpoint, false, 'provider' from withdrawn)
     select id from changed`,
    [
      changes.map(one => one.id),
      changes.map(one => one.before),
      changes.map(one => one.after),
      withdrawn.map(one => one.id),
      withdrawn.map(one => one.endpoint),
      withdrawn.map(one => channels.indexOf(one.channel)),
      withdrawn.map(one => one.mark.at),
    ],
  )
  const settled = new Set(done.map(row => row.id))
  const left = new Set(changes.filter(one => !settled.has(one.id)).map(one => one.id))
  return marks.filter(mark => left.has(mark.recipient))
}

/** A person's endpoints as the marks leave them, and the ones that were suppressed by that. Pure. */
function applied(endpoints: readonly Endpoint[], marks: readonly Learned[]) {
  const suppressed: { endpoint: string; channel: Endpoint['channel']; mark: Learned }[] = []
  const after = endpoints.map((endpoint): Endpoint => {
    const about = marks.filter(mark => mark.endpoint === endpoint.id)
    const { id, channel, state, since, changed = 0 } = endpoint
    const mark = about.find(mark => mark.state === 'suppressed' && changed < mark.at)
    if (mark && state !== 'suppressed') {
      suppressed.push({ endpoint: id, channel, mark })
      return { ...endpoint, state: 'suppressed' }
    }
    const dead = about.some(mark => mark.state === 'dead' && since < mark.at)
    return dead && state === 'active' ? { ...endpoint, state: 'dead' } : endpoint
  })
  return { endpoints: after, suppressed }
}
