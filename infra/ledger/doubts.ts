import type { Queryable } from '#runtime/postgres.ts'

/** Doubts that have waited long enough are sent again: the batch becomes an ordinary ready one. Returns how many deliveries. */
export async function resendDoubts(db: Queryable, { limit }: { limit: number }): Promise<number> {
  const rows = await db.query<{ n: number }>(
    `update batches set doubt = false where (day, id) in (
       select day, id from batches where closed_at is null and doubt and due_at <= now()
       order by due_at limit $1 for update skip locked)
     returning n`,
    [limit],
  )
  return rows.reduce((sum, row) => sum + row.n, 0)
}
