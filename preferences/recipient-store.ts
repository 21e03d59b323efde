import { createHmac } from 'node:crypto'
import { type Channel, channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import type { Choices, Endpoint } from './preferences.ts'
import type { Profile } from './profile.ts'

export type StoreOptions = {
  db: Database
  /** Addresses are compared and remembered only as keyed hashes (HMAC-SHA256). */
  addressKey: string
  now: EpochMs
}

type Stored = { choices: string | null; endpoints: string | null; erased: boolean }

/** Makes a person known or changes what is given. A push token moves to its new owner; suppressed addresses stay so. */
export async function upsertRecipient(id: string, profile: Profile, options: StoreOptions): Promise<void> {
  const { db, now } = options
  await db.transaction(async tx => {
    const given = await withOwners(tx, { id, profile, options })
    const { tenant, locale, zone, quiet } = profile
    await tx.query(
      `insert into recipients as r (id, tenant, locale, zone, quiet, endpoints, updated_at)
       values ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0))
       on conflict (id) do update set tenant = coalesce($2, r.tenant), locale = coalesce($3, r.locale), zone = coalesce($4, r.zone),
         quiet = case when $8 then $5 else r.quiet end, endpoints = case when $9 then $6 else r.endpoints end,
         updated_at = to_timestamp($7 / 1000.0)`,
      [
        ...[id, tenant ?? null, locale ?? null, zone ?? null, quiet ? `${quiet.start}-${quiet.end}` : null],
        ...[given ? JSON.stringify(given) : null, now, quiet !== undefined, given !== undefined],
      ],
    )
  })
}

/**
 * Registers the addresses of the given endpoints and takes push tokens away from former owners. Rows of two people are
 * locked in the order of their ids, so that two registrations at once cannot deadlock.
 */
async function withOwners(
  tx: Queryable,
  { id, profile, options }: { id: string; profile: Profile; options: StoreOptions },
): Promise<Endpoint[] | undefined> {
  if (!profile.endpoints) return undefined
  const hashed = profile.endpoints.map(endpoint => ({ ...endpoint, hash: addressHash(options.addressKey, endpoint) }))
  const tokens = hashed.filter(endpoint => endpoint.channel === 'push').map(endpoint => endpoint.hash)
  const others = await tx.query<{ recipient: string }>(
    `select distinct recipient from addresses where hash = any($1) and recipient <> $2 and channel = 0`,
    [tokens, id],
  )
  const locked = await tx.query<Stored & { id: string }>(
    `select id, endpoints from recipients where id = any($1) order by id for update`,
    [[id, ...others.map(other => other.recipient)]],
  )
  for (const owner of locked.filter(row => row.id !== id))
    await takeAway(tx, { owner: owner.id, endpoints: parse(owner.endpoints), tokens, options })
  const suppressed = await tx.query<{ hash: string }>(`select hash from suppressions where hash = any($1)`, [
    hashed.map(one => one.hash),
  ])
  const known = new Map(
    parse(locked.find(row => row.id === id)?.endpoints ?? null).map(endpoint => [endpoint.id, endpoint]),
  )
  await tx.query(`delete from addresses where recipient = $1`, [id])
  await tx.query(
    `insert into addresses (hash, recipient, endpoint, channel) select u.hash, $4, u.endpoint, u.channel
     from unnest($1::text[], $2::text[], $3::smallint[]) as u(hash, endpoint, channel) order by 1`,
    [hashed.map(one => one.hash), hashed.map(one => one.id), hashed.map(one => channels.indexOf(one.channel)), id],
  )
  for (const { id: endpoint, channel } of hashed.filter(one => known.get(one.id)?.address !== one.address))
    await logConsent(tx, {
      recipient: id,
      kind: 'endpoint',
      channel,
      endpoint,
      wish: true,
      source: 'registered',
      at: options.now,
    })
  return hashed.map(({ hash, ...endpoint }): Endpoint => {
    const before = known.get(endpoint.id)
    const same = before?.address === endpoint.address
    if (suppressed.some(one => one.hash === hash)) return { ...endpoint, state: 'suppressed', since: options.now }
    // Registering an address again says that it lives.
    return { ...endpoint, state: 'active', since: same && before.state === 'active' ? before.since : options.now }
  })
}

const parse = (endpoints: string | null): Endpoint[] => (endpoints ? (JSON.parse(endpoints) as Endpoint[]) : [])

async function takeAway(
  tx: Queryable,
  {
    owner,
    endpoints,
    tokens,
    options,
  }: { owner: string; endpoints: Endpoint[]; tokens: string[]; options: StoreOptions },
): Promise<void> {
  const moved = endpoints.filter(endpoint => tokens.includes(addressHash(options.addressKey, endpoint)))
  const left = endpoints.filter(endpoint => !moved.includes(endpoint))
  await tx.query(`update recipients set endpoints = $2 where id = $1`, [owner, JSON.stringify(left)])
  await tx.query(`delete from addresses where recipient = $1 and hash = any($2)`, [owner, tokens])
  for (const endpoint of moved)
    await logConsent(tx, {
      recipient: owner,
      kind: 'endpoint',
      channel: endpoint.channel,
      endpoint: endpoint.id,
      wish: false,
      source: 'moved',
      at: options.now,
    })
}

export const addressHash = (key: string, of: { channel: Channel; address: string }): string =>
  createHmac('sha256', key).update(of.channel).update('\0').update(of.address).digest('base64url')

/** What a person has chosen: a category (or `*`) on one channel or all, or a thread. `wish` false is off. */
export type Choice = { wish: boolean } & ({ category: string; channel?: Channel } | { thread: string })

/** Stores a person's wishes in order, each with its line in the consent log, in one transaction. */
export async function choose(
  recipient: string,
  wishes: readonly Choice[],
  { db, now, source }: { db: Database; now: EpochMs; source: string },
): Promise<Choices> {
  return db.transaction(async tx => {
    await tx.query(`insert into recipients (id) values ($1) on conflict do nothing`, [recipient])
    const [row] = await tx.query<Stored>(`select choices from recipients where id = $1 for update`, [recipient])
    const choices = (row!.choices ? JSON.parse(row!.choices) : {}) as Choices
    for (const wish of wishes) {
      apply(choices, wish)
      const about =
        'thread' in wish
          ? { kind: 'mute', category: wish.thread }
          : { kind: 'choice', category: wish.category, ...(wish.channel && { channel: wish.channel }) }
      await logConsent(tx, { recipient, ...about, wish: wish.wish, source, at: now })
    }
    await tx.query(`update recipients set choices = $2, updated_at = to_timestamp($3 / 1000.0) where id = $1`, [
      recipient,
      JSON.stringify(choices),
      now,
    ])
    return choices
  })
}

function apply(choices: Choices, wish: Choice): void {
  if ('thread' in wish) {
    choices.threads ??= {}
    if (wish.wish) delete choices.threads[wish.thread]
    else choices.threads[wish.thread] = true
    return
  }
  choices.categories ??= {}
  const category = (choices.categories[wish.category] ??= {})
  for (const channel of wish.channel ? [wish.channel] : channels) category[channel] = wish.wish
}

/** Forgets a person: addresses, wishes and settings go, the log of what they withdrew and suppressions stay. */
export async function eraseRecipient(recipient: string, { db, now }: { db: Database; now: EpochMs }): Promise<void> {
  await db.transaction(async tx => {
    await tx.query(
      `insert into recipients (id, erased_at) values ($1, to_timestamp($2 / 1000.0))
       on conflict (id) do update set tenant = null, locale = null, zone = null, quiet = null, choices = null, endpoints = null,
         erased_at = excluded.erased_at, updated_at = excluded.erased_at`,
      [recipient, now],
    )
    await tx.query(`delete from addresses where recipient = $1`, [recipient])
    await tx.query(`delete from audience_members where recipient = $1`, [recipient])
    await logConsent(tx, { recipient, kind: 'erase', wish: false, source: 'api', at: now })
  })
}

type Consent = {
  recipient: string
  kind: string
  category?: string
  channel?: Channel
  endpoint?: string
  wish: boolean
  source: string
  at: EpochMs
}

/** One line for each withdrawal or grant; its transaction id is what claims are judged by (law 4). */
export async function logConsent(tx: Queryable, line: Consent): Promise<void> {
  const { recipient, kind, category, channel, endpoint, wish, source, at } = line
  await tx.query(
    `insert into consent_log (at, recipient, kind, category, channel, endpoint, wish, source)
     values (to_timestamp($1 / 1000.0), $2, $3, $4, $5, $6, $7, $8)`,
    [at, recipient, kind, category ?? null, channel ? channels.indexOf(channel) : null, endpoint ?? null, wish, source],
  )
}
