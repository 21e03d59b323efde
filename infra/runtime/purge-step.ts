import type { Queryable } from './postgres.ts'

/** Rows that one statement of a purge deletes at most: it must hold nobody up. */
const rowsMax = 10_000

/**
 * One small step of a purge. The statement deletes what lies beyond its bound, `$1`, `limit $2` of it; more values follow as
 * `$3` and on. True when there may be more to delete.
 */
export async function purgeStep(
  db: Queryable,
  statement: string,
  [bound, ...more]: readonly unknown[],
): Promise<boolean> {
  return (await db.query(`${statement} returning 1`, [bound, rowsMax, ...more])).length === rowsMax
}
