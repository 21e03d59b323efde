import { type Kysely, sql } from 'kysely'

/**
 * Of how many people at least each row of the rollups is, that groups of few are known for small; null in those that were counted before
 * that was told. What can be counted anew is.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`alter table funnel_hours add column people smallint`).execute(db)
  await sql
    .raw(`insert into rollup_marks (cohort, type, newest) select cohort, type, cohort from folded_hours`)
    .execute(db)
}
