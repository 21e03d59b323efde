import { type Kysely, sql } from 'kysely'

/** Refused messages that operators want admitted again. Forward only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table refused add column asked_at timestamptz`,
  `create index refused_asked on refused (asked_at) where asked_at is not null and readmitted_at is null`,
]
