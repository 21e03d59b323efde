import { type Kysely, sql } from 'kysely'

/** What workers share of a provider's limit. Forward only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Unlogged: written many times a second, and a crash that empties it does what it does to Redis: buckets begin empty.
  `create unlogged table pace_buckets (key text primary key, free_at float8 not null, ramp_from float8 not null)
   with (fillfactor = 10)`,
  // Why it is not due yet, for a person who asks.
  `alter table batches add column waits_for text`,
]
