import { type Kysely, sql } from 'kysely'

/**
 * Events by hour and type in columns, so that any funnel of a day is counted in a second. Made by whoever counts hours; so all hours are to
 * be counted anew.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table folded_hours (
    cohort timestamptz not null, type text not null, words text not null, stories bytea not null, notifications bytea not null,
    people bytea not null, primary key (cohort, type)
  )`,
  // Numbers do not get smaller by what PostgreSQL does to text.
  `alter table folded_hours alter stories set storage external, alter notifications set storage external, alter people set storage external`,
  `insert into rollup_marks (cohort, type, newest)
    select date_trunc('hour', occurred_at, 'UTC'), type, max(at) from delivery_events group by 1, 2`,
  `do $do$ begin
    if exists (select from pg_roles where rolname = 'carillon_analytics') then grant select on folded_hours to carillon_analytics; end if;
  end $do$`,
]
