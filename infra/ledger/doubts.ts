import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'

/**
 * Doubts whose time for a receipt is over are sent again: the batch becomes an ordinary ready one. Returns how many
 * deliveries. (A receipt that names an attempt closes its slot before this time.)
 */
export async function resendDoubts(db: Queryable, { now, limit }: { now: EpochMs; limit: number }): Promise<number> {
  const rows = await db.query<{ n: number }>(
    `update batches set doubt = false where (day, id) in (
       select day, id from batches where closed_at is null and doubt and due_at <= to_timestamp($1 / 1000.0)
       order by due_at limit $2 for update skip locked)
     returning n`,
    [now, limit],
  )
  return rows.reduce((sum, row) => sum + row.n, 0)
}
