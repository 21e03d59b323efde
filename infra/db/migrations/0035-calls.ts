import { type Kysely, sql } from 'kysely'

/**
 * Events say whether a provider was called: its refusals have a rule, too. The view of notifications takes that for an attempt, tells
 * provider, platform and version of one and the same delivery, and compares names as funnels do.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const accepted = `what in ('sent', 'delivered')`
// From before events said so: only an answer closes or moves a delivery without a rule, or to another account after a call.
const called = `kind = 'settled' and (${accepted} or called or what = 'in_doubt' or rule = 'rerouted' and rule_value not like '% unfit'
        or rule is null and what in ('moved', 'rejected', 'address_dead', 'suppressed_address', 'provider_exhausted'))`
/** Of what accepted first, else of the first that was called. */
const delivery = (place: number) => `(array_agg(array[provider, platform, app_version]
        order by ${accepted} desc, at, provider collate "C", platform collate "C", app_version collate "C")
        filter (where ${called}))[1][${place}]`
const locale = `max(locale collate "C")`

const statements = [
  `alter table delivery_events add column called boolean`,
  // A view's columns keep their collation when it is replaced.
  `drop view analytics_notifications`,
  `create view analytics_notifications as
    select intent_id, recipient, channel, min(type) as type, min(category) as category, min(producer) as producer, min(tenant) as tenant,
      min(lane) as lane, min(occurred_at) as occurred_at, max(arm collate "C") as arm, ${delivery(1)} as provider,
      min(at) filter (where kind = 'decided') as intended_at,
      min(at) filter (where kind = 'decided' and what = 'deliver') as decided_at,
      min(at) filter (where ${called}) as attempted_at,
      min(at) filter (where kind = 'settled' and ${accepted}) as accepted_at,
      min(at) filter (where what = 'delivered' and kind in ('settled', 'standing')
        or kind = 'engaged' and what in ('seen', 'opened', 'read')) as delivered_at,
      min(at) filter (where kind = 'engaged' and what in ('seen', 'opened', 'read')) as seen_at,
      min(at) filter (where kind = 'engaged' and what in ('opened', 'read')) as opened_at,
      min(at) filter (where kind = 'engaged' and what = 'acted') as acted_at,
      ${delivery(2)} as platform, ${delivery(3)} as app_version, ${locale} as locale,
      upper(substring(${locale} from '^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2}|[0-9]{3})(?:-|$)')) as country
    from delivery_events where not simulated group by intent_id, recipient, channel`,
  `do $do$ begin
    if exists (select from pg_roles where rolname = 'carillon_analytics') then grant select on analytics_notifications to carillon_analytics; end if;
  end $do$`,
]
