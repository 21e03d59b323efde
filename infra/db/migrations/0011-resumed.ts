import { type Kysely, sql } from 'kysely'

/** Stops that end in a digest. Forward only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [`alter table stops add column told_at timestamptz`]
