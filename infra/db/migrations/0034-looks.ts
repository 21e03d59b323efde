import { type Kysely, sql } from 'kysely'

/**
 * Where the delivery of an inbox item is in the ledger, and where people looked at others: what they do is told by key, whatever
 * the size of the audience. Items that were put before have no place. Owners are named in `../schema.ts`.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table inbox_items add column batch uuid, add column slot smallint, add column acted_at timestamptz`,
  `create table looks (
    recipient text collate "C" not null, delivery text collate "C" not null, intent_id uuid not null, type text not null,
    batch uuid not null, slot smallint not null, at timestamptz not null, acted_at timestamptz, primary key (recipient, delivery)
  )`,
  `create index looks_by_time on looks using brin (at)`,
]
