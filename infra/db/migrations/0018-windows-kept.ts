import { type Kysely, sql } from 'kysely'

/**
 * Until which day a person's windows matter, so that they can be forgotten. It changes once a week at most, so that
 * writing windows stays a heap-only update. What was there before, and what an older process makes, stays for long.
 * Inbox items are found by their time. Forward only.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table windows add column keep_until date not null default current_date + 400`,
  `create index windows_by_end on windows (keep_until)`,
  `create index inbox_items_by_time on inbox_items using brin (created_at)`,
]
