import { type Kysely, sql } from 'kysely'

/**
 * Every time that a person did what products tell of, for comparing who was told with who was not. `engagements` keeps the latest
 * only, which is what the pipeline asks. And views for people who bring their own tool; `analytics/views` has them with words.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table product_events (recipient text collate "C" not null, event text not null, at timestamptz not null, intent_id uuid)`,
  `create index product_events_by_recipient on product_events (recipient, event, at)`,
  `create index product_events_by_time on product_events using brin (at)`,
  `create view analytics_notifications as
    select intent_id, recipient, channel, min(type) as type, min(category) as category, min(producer) as producer, min(tenant) as tenant,
      min(lane) as lane, min(occurred_at) as occurred_at, max(arm) as arm,
      coalesce(min(provider) filter (where kind = 'settled' and what in ('sent', 'delivered')),
        min(provider) filter (where kind = 'settled')) as provider,
      min(at) filter (where kind = 'decided') as intended_at,
      min(at) filter (where kind = 'decided' and what = 'deliver') as decided_at,
      min(at) filter (where kind = 'settled' and (what in ('in_doubt', 'sent', 'delivered') or rule is null
        and what in ('moved', 'rejected', 'address_dead', 'suppressed_address', 'provider_exhausted'))) as attempted_at,
      min(at) filter (where kind = 'settled' and what in ('sent', 'delivered')) as accepted_at,
      min(at) filter (where what = 'delivered' and kind in ('settled', 'standing')
        or kind = 'engaged' and what in ('seen', 'opened', 'read')) as delivered_at,
      min(at) filter (where kind = 'engaged' and what in ('seen', 'opened', 'read')) as seen_at,
      min(at) filter (where kind = 'engaged' and what in ('opened', 'read')) as opened_at,
      min(at) filter (where kind = 'engaged' and what = 'acted') as acted_at
    from delivery_events where not simulated group by intent_id, recipient, channel`,
  `create view analytics_hours as
    select cohort as hour, type, category, lane, producer, channel, provider, arm,
      (array['intended', 'decided', 'attempted', 'accepted', 'delivered', 'seen', 'opened', 'acted'])[reached + 1] as furthest,
      fate as outcome, reason, machine as machine_opened, n from funnel_hours`,
  `do $do$ begin
    if exists (select from pg_roles where rolname = 'carillon_analytics') then
      grant select on product_events, analytics_notifications, analytics_hours to carillon_analytics;
      grant select (recipient, at, wish) on consent_log to carillon_analytics;
    end if;
  end $do$`,
]
