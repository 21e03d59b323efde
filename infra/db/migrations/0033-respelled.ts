import { type Kysely, sql } from 'kysely'

/** Whether browsers' subscriptions that were registered as they came are kept in one spelling by now. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`alter table address_key add column respelled boolean not null default false`).execute(db)
}
