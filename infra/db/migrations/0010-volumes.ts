import { type Kysely, sql } from 'kysely'

/** How much of a type a producer states, and what is held because it is more than ever. Forward only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // A process adds to rows of its own, so that no row exists that everybody updates.
  `create table volumes (
    period timestamptz not null, type text collate "C" not null, producer text collate "C" not null, process uuid not null,
    passed bigint not null, held bigint not null, primary key (period, type, producer, process)
  )`,
  `create table volume_passes (type text not null, producer text not null, until timestamptz not null, primary key (type, producer))`,
  `alter table quarantines add column guard text not null default 'recipients', add column volume bigint not null default 0`,
  `create index quarantines_of_volume on quarantines (type, producer) where ended_at is null and guard = 'volume'`,
]
