import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'

/** Those of these types of which nothing was decided since a time, by the events that are stored. */
export async function quietTypes(
  db: Queryable,
  { types, since }: { types: readonly string[]; since: EpochMs },
): Promise<string[]> {
  const at = new Date(since)
  const rows = await db.query<{ type: string }>(
    `select type from unnest($1::text[]) as given (type) where not exists (
       select from delivery_events where day >= $2::date and at >= $3 and delivery_events.type = given.type)`,
    [types, at.toISOString().slice(0, 10), at],
  )
  return rows.map(({ type }) => type)
}
