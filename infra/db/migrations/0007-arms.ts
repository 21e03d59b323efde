import { type Kysely, sql } from 'kysely'

/** Events say in which arm of an experiment the person is. A process that does not know the column leaves it empty. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table delivery_events add column arm text`.execute(db)
}
