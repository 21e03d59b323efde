import { type Kysely, sql } from 'kysely'

/** In which tenant an item was told; of what lies there by now that is not known. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`alter table inbox_items add column tenant text`).execute(db)
}
