import { type Kysely, sql } from 'kysely'

/**
 * What funnels are broken down by besides: the language of the person at the decision, what the device ran at the attempt. Codes,
 * of nobody's.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const first = (
  column: string,
) => `coalesce(min(${column}) filter (where kind = 'settled' and what in ('sent', 'delivered')),
        min(${column}) filter (where kind = 'settled')) as ${column}`
const statements = [
  `alter table delivery_events add column platform text, add column app_version text, add column locale text`,
  // New columns of a view come last.
  `create or replace view analytics_notifications as
    select intent_id, recipient, channel, min(type) as type, min(category) as category, min(producer) as producer, min(tenant) as tenant,
      min(lane) as lane, min(occurred_at) as occurred_at, max(arm) as arm,
      ${first('provider')},
      min(at) filter (where kind = 'decided') as intended_at,
      min(at) filter (where kind = 'decided' and what = 'deliver') as decided_at,
      min(at) filter (where kind = 'settled' and (what in ('in_doubt', 'sent', 'delivered') or rule is null
        and what in ('moved', 'rejected', 'address_dead', 'suppressed_address', 'provider_exhausted'))) as attempted_at,
      min(at) filter (where kind = 'settled' and what in ('sent', 'delivered')) as accepted_at,
      min(at) filter (where what = 'delivered' and kind in ('settled', 'standing')
        or kind = 'engaged' and what in ('seen', 'opened', 'read')) as delivered_at,
      min(at) filter (where kind = 'engaged' and what in ('seen', 'opened', 'read')) as seen_at,
      min(at) filter (where kind = 'engaged' and what in ('opened', 'read')) as opened_at,
      min(at) filter (where kind = 'engaged' and what = 'acted') as acted_at,
      ${first('platform')}, ${first('app_version')}, max(locale) as locale,
      upper(substring(max(locale) from '^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2}|[0-9]{3})(?:-|$)')) as country
    from delivery_events where not simulated group by intent_id, recipient, channel`,
]
