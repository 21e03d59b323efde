import { type Kysely, sql } from 'kysely'

/** Who withdrew a wish in a time is found without reading what everybody ever said. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`create index consent_log_by_time on consent_log using brin (at)`).execute(db)
}
