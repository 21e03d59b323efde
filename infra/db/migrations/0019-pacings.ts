import { type Kysely, sql } from 'kysely'

/** What each worker says of its providers, for operators. Forward only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(statement).execute(db)
}

// Unlogged: each worker says it anew within seconds.
const statement = `create unlogged table pacings (
  worker text not null, provider text not null, at timestamptz not null default now(), pacing text not null,
  primary key (worker, provider)
)`
