import { type Kysely, sql } from 'kysely'

/** Levels of servers, rooms and threads, and what tenants set for their people. Older processes go on working. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Why each recipient is one, packed; null where nobody has a reason.
  `alter table batches add reasons text`,
  `alter table batches alter reasons set statistics 0`,
  // Where a level or a switch of mentions counts, and what it says.
  `alter table consent_log add tenant text, add room text, add said text`,
  `create table tenants (
    id text collate "C" primary key, settings text not null, updated_at timestamptz not null default now()
  ) with (fillfactor = 85)`,
]
