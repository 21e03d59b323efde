import type { EpochMs } from '#contracts/ids.ts'
import { type Queryable, textArray } from '#runtime/postgres.ts'

/** Until when people are active, of those who have said so; asks nothing when nobody is asked for. */
export async function readPresence(db: Queryable, ids: readonly string[]): Promise<Map<string, EpochMs>> {
  if (ids.length === 0) return new Map()
  const rows = await db.query<{ recipient: string; active_until: Date }>(
    `select recipient, active_until from presence where recipient = any($1::text[])`,
    [textArray(ids)],
  )
  return new Map(rows.map(row => [row.recipient, row.active_until.getTime()]))
}

/** A person is active until an instant, or from now on no more: the last word counts. Of who was erased nothing is kept. */
export async function writePresence(
  db: Queryable,
  { recipient, activeUntil }: { recipient: string; activeUntil: EpochMs },
): Promise<void> {
  await db.query(
    `insert into presence as p (recipient, active_until) select $1, to_timestamp($2 / 1000.0)
     where not exists (select from recipients where id = $1 and erased_at is not null)
     on conflict (recipient) do update set active_until = excluded.active_until where p.active_until <> excluded.active_until`,
    [recipient, activeUntil],
  )
}
