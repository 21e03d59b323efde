import { type Channel, channels } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { addressHash } from './address.ts'
import { ofGroup } from './group-reason.ts'
import type { Suppressed } from './registration.ts'

/** Where suppressed addresses are known by hashes made with `addressKey`. */
export type Suppressions = { db: Queryable; addressKey: string }

/** An address that must not be used, by its hash. `until`: it may be used again from then on; absent: never. */
export type Suppression = {
  hash: string
  channel: Channel
  reason: string
  at: EpochMs
  until?: EpochMs
}
/** Who suppresses: a provider by what it reports, a product, an operator. */
export type SuppressionSource = 'provider' | 'api' | 'operator'

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

/**
 * From the moment that this resolves no claim sends to these addresses (`readReachable`). Of two words on one address the
 * one that lasts longer counts, and what is for good keeps its first reason. But a group's: of two of the same the later one
 * counts, and beside another reason that runs it is no group's word any more, so that taking it back takes back nothing else.
 * What was taken back later than it was said suppresses nothing.
 */
export async function suppress(
  db: Queryable,
  suppressions: readonly Suppression[],
  source: SuppressionSource,
): Promise<void> {
  for (const some of Map.groupBy(suppressions, one => one.reason).values()) await suppressFor(db, some, source)
}

// A row that STOP has made says nothing else.
const runs = `(s.source <> 'sms' and (s.expires_at is null or s.expires_at > now()))`
const groupRuns = `(${runs} and s.expires_at is null and ${ofGroup('s.reason')})`
const comesGroup = ofGroup('excluded.reason')

/** All of them for one reason. */
async function suppressFor(
  db: Queryable,
  suppressions: readonly Suppression[],
  source: SuppressionSource,
): Promise<void> {
  const once = [...new Map(suppressions.map(one => [`${one.hash} ${one.channel}`, one])).values()]
  await db.query(
    `insert into suppressions as s (hash, channel, reason, source, at, expires_at)
     select hash, channel, reason, $6, to_timestamp(at / 1000.0), to_timestamp(until / 1000.0)
     from unnest($1::text[], $2::smallint[], $3::text[], $4::float8[], $5::float8[]) as n(hash, channel, reason, at, until)
     order by hash collate "C", channel
     on conflict (hash, channel) do update set source = excluded.source, at = excluded.at,
       reason = case when s.reason <> excluded.reason and ((${runs} and ${comesGroup}) or (${groupRuns} and excluded.expires_at is not null))
         then 'unsubscribed' else excluded.reason end,
       expires_at = case when not ${groupRuns} then excluded.expires_at end
       where extract(epoch from excluded.at) * 1000 >= coalesce((s.taken_back ->> excluded.reason)::numeric, 0)
         and case when not ${runs} then true when s.reason = excluded.reason and ${comesGroup} then s.at <= excluded.at
           else ${groupRuns} or coalesce(excluded.expires_at, 'infinity') > coalesce(s.expires_at, 'infinity') end`,
    [
      once.map(one => one.hash),
      once.map(one => channels.indexOf(one.channel)),
      once.map(one => one.reason),
      once.map(one => one.at),
      once.map(one => one.until ?? null),
      source,
    ],
  )
}

/** A STOP of the person says more than whatever else is said of their number, and stands as long as they do not take it back. */
export const standsSql = '(stopped_at is not null or expires_at is null or expires_at > now())'
export const saidSql = `case when stopped_at is null then reason else 'stop' end as reason, coalesce(stopped_at, at) as at,
  case when stopped_at is null then expires_at end as until`

/** Which of some addresses must not be used now, by hash. */
export async function suppressedOf(db: Queryable, hashes: readonly string[]): Promise<Map<string, Suppressed>> {
  if (hashes.length === 0) return new Map()
  const rows = await db.query<{ hash: string; reason: string; at: Date; until: Date | null }>(
    `select hash, ${saidSql} from suppressions where hash = any($1::text[]) and ${standsSql}`,
    [hashes],
  )
  return new Map(
    rows.map(({ hash, reason, at, until }) => [
      hash,
      { reason, at: at.getTime(), ...(until && { until: until.getTime() }) },
    ]),
  )
}
