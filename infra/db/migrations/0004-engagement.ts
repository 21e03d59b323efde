import { type Kysely, sql } from 'kysely'

/** What people have read, what they did, and until when they are active. Owners are named in `../schema.ts`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table watermarks (
    recipient text collate "C" not null, thread text collate "C" not null, up_to timestamptz not null,
    xid xid8 not null default pg_current_xact_id(), primary key (recipient, thread)
  ) with (fillfactor = 70)`,
  // Both tables are purged by time. A BRIN index does not keep a watermark from moving in place.
  `create index watermarks_by_time on watermarks using brin (up_to)`,
  `create table engagements (
    recipient text collate "C" not null, intent_id uuid not null, what text not null, event text not null default '',
    at timestamptz not null, primary key (recipient, intent_id, what, event)
  )`,
  `create index engagements_by_time on engagements using brin (at)`,
  // Written with every heartbeat of everybody who is there: small rows that change in place.
  `create table presence (
    recipient text collate "C" primary key, active_until timestamptz not null
  ) with (fillfactor = 50)`,
  `alter table recipients add column read_up_to timestamptz, add column read_xid xid8`,
  `alter table holds add column held_since timestamptz[]`,
]
