import { type Kysely, sql } from 'kysely'

/** What was pruned is forgotten by its age alone, whatever its provider and app. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`create index prunes_by_age on prunes (at) where state <> 'held'`).execute(db)
}
