import { type Kysely, sql } from 'kysely'

/** What a producer took back or replaced, asked for at admission, release, each page of an audience, and claim. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table retractions (
    id uuid primary key, kind text not null, at timestamptz not null default now(), xid xid8 not null default pg_current_xact_id(),
    successor uuid, occurred_until timestamptz, seen int not null default 0, follow_up_at timestamptz
  )`,
  // Insert order is time order, so a BRIN index finds what is old enough to purge.
  `create index retractions_by_time on retractions using brin (at)`,
  `create index retractions_to_follow_up on retractions (follow_up_at) where follow_up_at is not null`,
  // What a hold that is released early for a retraction keeps waiting for, for its other intents.
  `alter table holds add column until timestamptz`,
]
