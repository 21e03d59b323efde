import { type Kysely, sql } from 'kysely'

/** What is to be taken off the screens of devices, because it was read or taken back. Owners are named in `../schema.ts`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table removals (
    intent_id uuid not null, recipient text collate "C" not null, why text not null, at timestamptz not null default now(),
    told text[] not null default '{}', told_at timestamptz, done_at timestamptz, primary key (intent_id, recipient)
  ) with (fillfactor = 80)`,
  `create index removals_open on removals (recipient) where done_at is null`,
  `create index removals_by_time on removals using brin (at)`,
  `create table removal_turns (
    recipient text collate "C" primary key, due_at timestamptz, lease_until timestamptz, turn int not null default 0,
    sent text not null default '{}'
  ) with (fillfactor = 60)`,
  `create index removal_turns_due on removal_turns (due_at) where due_at is not null`,
  // Badges count what is unread, and marks look for nothing else: an index of the rest would only be kept up.
  `create index inbox_items_unread on inbox_items (recipient, occurred_at desc) where read_at is null`,
  `drop index inbox_items_by_recipient`,
]
