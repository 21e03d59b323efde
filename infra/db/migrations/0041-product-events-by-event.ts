import { type Kysely, sql } from 'kysely'

/** Lift asks who did one thing in a time, among all that everybody does. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`create index product_events_by_event on product_events (event, at)`).execute(db)
}
