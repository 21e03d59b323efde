import { type Kysely, sql } from 'kysely'

/** What people text to us: STOP, START, HELP. A STOP stands beside whatever else is said of the number. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table suppressions add column stopped_at timestamptz`,
  // Never forgotten: what Twilio signed has no time, and would count again.
  `create table texted_words (
    message text collate "C" primary key, word text not null, changed boolean not null default false, at timestamptz not null default now()
  )`,
]
