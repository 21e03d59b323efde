import { type Kysely, sql } from 'kysely'

/** What providers report of what they were sent, as it came, and what is known of each attempt by it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Without addresses: those of a report are known by their hash.
  `create table receipts (
    provider text not null, event text collate "C" not null, attempt text collate "C" not null, address_hash text,
    body text not null, at timestamptz not null default now(), applied_at timestamptz, primary key (provider, event)
  ) with (fillfactor = 80)`,
  `create index receipts_open on receipts (at) where applied_at is null`,
  `create index receipts_by_time on receipts using brin (at)`,
  `create table standings (
    delivery text collate "C" not null, batch uuid not null, slot smallint not null, standing smallint not null,
    their_id text not null, at timestamptz not null default now(), primary key (delivery, batch, slot)
  ) with (fillfactor = 80)`,
  `create index standings_by_time on standings using brin (at)`,
]
