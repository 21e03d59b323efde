import { type Kysely, sql } from 'kysely'

/**
 * Events of a decision say whether the type names a success: only of such types `acted` is told. The view of hours tells the furthest
 * stage that somebody tells of, not one that was skipped. Hours that were counted before are counted anew: what an event says of calls
 * and ends is read in another way.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table delivery_events add column success boolean`,
  `create or replace view analytics_hours as
    select cohort as hour, type, category, lane, producer, channel, provider, arm,
      (array['intended', 'decided', 'attempted', 'accepted', 'delivered', 'seen', 'opened', 'acted'])[1 + case
        when reached = 7 and told & 4 <> 0 then 6
        when reached = 5 and told & 2 = 0 then 4
        when reached = 4 and told & 1 = 0 then 3
        else reached end] as furthest,
      fate as outcome, reason, machine as machine_opened, n from funnel_hours`,
  // Of hours whose events are there for sure.
  `insert into rollup_marks (cohort, type, newest) select cohort, type, cohort from folded_hours
   where cohort >= date_trunc('day', now(), 'UTC') - interval '89 days'`,
]
