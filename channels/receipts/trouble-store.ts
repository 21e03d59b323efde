import type { EpochMs } from '#contracts/ids.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'

/** An attempt that did not arrive, for a reason that says something of its address. */
export type Trouble = { hash: string; reason: string; attempt: string; at: EpochMs }

/** Keeps troubles, each attempt once, however often it is reported. */
export async function keepTroubles(db: Queryable, troubles: readonly Trouble[]): Promise<void> {
  if (troubles.length === 0) return
  await db.query(
    `insert into troubles (hash, reason, attempt, at)
     select hash, reason, attempt, to_timestamp(at / 1000.0) from unnest($1::text[], $2::text[], $3::text[], $4::float8[]) as t(hash, reason, attempt, at)
     order by hash collate "C", reason, attempt collate "C" on conflict do nothing`,
    [
      troubles.map(one => one.hash),
      troubles.map(one => one.reason),
      troubles.map(one => one.attempt),
      plainArray(troubles.map(one => one.at)),
    ],
  )
}

/** How many attempts an address has had in trouble for a reason, in the days before an instant; in the order of `asked`. */
export async function countTroubles(
  db: Queryable,
  asked: readonly { hash: string; reason: string; before: EpochMs; days: number }[],
): Promise<number[]> {
  if (asked.length === 0) return []
  const rows = await db.query<{ n: number }>(
    `select (select count(*)::int from troubles t where t.hash = a.hash and t.reason = a.reason
       and t.at > to_timestamp(a.before / 1000.0) - a.days * interval '1 day') as n
     from unnest($1::text[], $2::text[], $3::float8[], $4::int[]) with ordinality as a(hash, reason, before, days, place) order by place`,
    [
      asked.map(one => one.hash),
      asked.map(one => one.reason),
      plainArray(asked.map(one => one.before)),
      plainArray(asked.map(one => one.days)),
    ],
  )
  return rows.map(row => row.n)
}

/** Which of some addresses have ever been in trouble, as far as it is kept. */
export async function troubledAmong(db: Queryable, hashes: readonly string[]): Promise<Set<string>> {
  if (hashes.length === 0) return new Set()
  const rows = await db.query<{ hash: string }>(`select distinct hash from troubles where hash = any($1::text[])`, [
    [...new Set(hashes)],
  ])
  return new Set(rows.map(row => row.hash))
}

/** Forgets troubles of before, in small steps. True when there is more. */
export const purgeTroubles = (db: Queryable, { before }: { before: EpochMs }): Promise<boolean> =>
  purgeStep(
    db,
    `delete from troubles where ctid in (
       select ctid from troubles where at < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`,
    [before],
  )
