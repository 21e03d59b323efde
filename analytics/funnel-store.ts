import type { Database } from '#runtime/postgres.ts'
import { type Counted, type Dimension, type FunnelQuery, type FunnelRow, shapeFunnel } from './funnel.ts'

/**
 * Counts notifications from the raw events, so that a late event changes the answer. Reads the days since `since`
 * (all, without it) whole; a notification belongs to its intent's time. Rejects after 30 s.
 */
export async function funnel(db: Database, query: FunnelQuery = {}): Promise<FunnelRow[]> {
  const { text, values } = statement(query)
  const counted = await db.transaction(async tx => {
    // Notifications are grouped in memory; beyond this they spill to disk.
    await tx.query(`set local work_mem = '64MB'`)
    return tx.query<Counted>(text, values)
  })
  return shapeFunnel(counted, query.by)
}

// Only a provider's answer closes or moves a delivery without a rule; what a rule closed was never sent, unless it is in
// doubt: then a call was made that nobody knows the answer of.
const called = `kind = 'settled' and (what = 'in_doubt' or rule is null and what in
  ('moved', 'sent', 'delivered', 'rejected', 'address_dead', 'suppressed_address', 'provider_exhausted'))`
const accepted = `kind = 'settled' and what in ('sent', 'delivered')`
/** The one that accepted it, else the first that was tried. */
const provider = `coalesce(min(provider) filter (where ${accepted}), min(provider) filter (where kind = 'settled'))`
/** A text that sorts by time, in front of a fact: the greatest is the last. */
const stamp = `lpad((extract(epoch from at) * 1000)::bigint::text, 15, '0')`

/** Every decision names the arm of its person; what is engaged with need not. */
const arm = `max(arm)`

const intentColumns = ['type', 'category', 'lane'] as const

const groups: Partial<Record<Dimension, string>> = { channel: 'channel', provider, arm }

function statement(query: FunnelQuery): { text: string; values: unknown[] } {
  const values: unknown[] = []
  const value = (given: unknown) => `$${values.push(given)}`
  const where = ['true']
  for (const column of ['type', 'category', 'channel'] as const)
    if (query[column] !== undefined) where.push(`${column} = ${value(query[column])}`)
  if (query.since !== undefined) {
    const since = value(new Date(query.since))
    // Nothing is packed before it happened, but for a clock that is a minute ahead.
    where.push(`occurred_at >= ${since} and day >= (${since}::timestamptz at time zone 'utc')::date - 1`)
  }
  if (query.until !== undefined) where.push(`occurred_at < ${value(new Date(query.until))}`)
  if (!query.includeSimulated) where.push('not simulated')
  // What an intent has once need not be looked at for every notification unless it is asked for.
  const ofIntent = intentColumns.find(column => column === query.by)
  const group = ofIntent ?? groups[query.by ?? 'outcome'] ?? 'null::text'
  const text = `
    with facts as (
      select ${group} as grp,
        bool_or(kind = 'decided' and what = 'deliver') as decided,
        bool_or(${called}) as attempted,
        bool_or(kind = 'settled' and what = 'moved') as moved,
        min(what) filter (where ${accepted}) as accepted,
        max(${stamp} || what) filter (where kind = 'settled' and what not in ('moved', 'sent', 'delivered')) as closed,
        max(${stamp} || what) filter (where kind = 'decided' and what <> 'deliver') as undelivered,
        max(${stamp} || rule) filter (where kind = 'decided' and what = 'held') as held,
        bool_or(kind = 'engaged' and what in ('seen', 'opened', 'read')) as seen,
        bool_or(kind = 'engaged' and what in ('opened', 'read')) as opened,
        bool_or(kind = 'engaged' and what = 'acted') as acted
      from delivery_events where ${where.join(' and ')}
      group by intent_id, recipient, channel${ofIntent ? `, ${ofIntent}` : ''}
      having bool_or(kind = 'decided')
    ), ends as (
      select *,
        case when not decided then 0 when accepted is null then (case when attempted then 2 else 1 end)
          when not seen then 3 when not opened then 4 when not acted then 5 else 6 end as reached,
        case when not decided then substr(undelivered, 16)
          else coalesce(accepted, substr(closed, 16), case when moved then 'retrying' else 'queued' end) end as fate
      from facts
    )
    select ${query.by === 'outcome' ? 'fate' : 'grp'} as grp, reached, fate,
      case when fate = 'held' then substr(held, 16) end as reason, count(*)::int as n
    from ends group by 1, 2, 3, 4`
  return { text, values }
}
