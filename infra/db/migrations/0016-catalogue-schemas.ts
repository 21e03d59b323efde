import { type Kysely, sql } from 'kysely'

/** What the data of each type looked like when a catalogue with it was last started or stored. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table catalogue_schemas (
    type text collate "C" primary key, catalogue text not null, schema text not null,
    since timestamptz not null default now()
  )`.execute(db)
}
