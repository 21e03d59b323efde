import { type Kysely, sql } from 'kysely'

/**
 * What funnels are answered from at once: notifications counted by the hour of their intents, and which hours are to be counted
 * anew. What is stored by now is all to be counted. A role of analysts, where the server lets us make one.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Events arrive nearly in the order of their intents: an hour is few pages.
  `create index delivery_events_by_cohort on delivery_events using brin (occurred_at) with (pages_per_range = 32)`,
  `create table rollup_marks (
    id bigint generated always as identity primary key, cohort timestamptz not null, type text not null, newest timestamptz not null
  )`,
  `create index rollup_marks_by_cohort on rollup_marks (cohort)`,
  `create table rollup_state (one boolean primary key check (one), newest_event timestamptz not null, at timestamptz not null default now())`,
  `create table funnel_hours (
    cohort timestamptz not null, type text not null, category text not null, lane text not null, producer text not null,
    channel text not null, provider text, arm text, told smallint not null, reached smallint not null, fate text not null,
    reason text, machine boolean not null, n int not null
  )`,
  `create index funnel_hours_by_cohort on funnel_hours (cohort, type)`,
  `insert into rollup_marks (cohort, type, newest)
    select date_trunc('hour', occurred_at, 'UTC'), type, max(at) from delivery_events group by 1, 2`,
  // Roles belong to the server, not to the database: another database of it may have made this one, or make it right now.
  `do $do$ begin
    if not exists (select from pg_roles where rolname = 'carillon_analytics') then create role carillon_analytics nologin; end if;
    if not pg_has_role(current_user, 'carillon_analytics', 'member') then
      execute format('grant carillon_analytics to %I', current_user);
    end if;
  exception when insufficient_privilege or duplicate_object or unique_violation or internal_error then
    raise notice 'no role carillon_analytics: questions are asked with the rights of %', current_user;
  end $do$`,
  `do $do$ begin
    if exists (select from pg_roles where rolname = 'carillon_analytics') then
      grant select on delivery_events, event_packs, funnel_hours, rollup_marks, rollup_state to carillon_analytics;
    end if;
  end $do$`,
]
