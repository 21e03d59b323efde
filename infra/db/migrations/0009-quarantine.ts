import { type Kysely, sql } from 'kysely'

/** Intents that wait for an operator, because they are for too many. Forward only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table quarantines (
    intent_id uuid primary key, type text not null, producer text not null, recipients int not null, more boolean not null,
    most int not null, since timestamptz not null default now(), sample text[] collate "C" not null default '{}',
    approved_by text, ended_at timestamptz, ended_by text, ended_how text
  )`,
  `create index quarantines_open on quarantines (since) where ended_at is null`,
  // Its audience is not read meanwhile; of a sample so many members are.
  `alter table expansions add column quarantined_at timestamptz, add column sample_left int not null default 0`,
]
