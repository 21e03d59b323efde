import { type Kysely, sql } from 'kysely'

/**
 * Events by when they happened, which is how they arrive: one whose instant is known is few pages. What happened to one notification lies
 * further apart.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(`create index delivery_events_by_time on delivery_events using brin (at) with (pages_per_range = 32)`)
    .execute(db)
}
