import { type Kysely, sql } from 'kysely'

/** When what was said of an address was last taken back, for each reason: an older word of that reason that comes late changes nothing. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table suppressions add column taken_back jsonb not null default '{}'`,
  // As it was remembered before: by a suppression that is over, of the last reason alone.
  `update suppressions set taken_back = jsonb_build_object(reason, round(extract(epoch from at) * 1000)) where expires_at = '-infinity'`,
]
