import { type Kysely, sql } from 'kysely'

/** What a person archived is found without reading what they did not. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(`create index inbox_items_archived on inbox_items (recipient, number) where archived_at is not null`)
    .execute(db)
}
