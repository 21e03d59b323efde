import type { EpochMs } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'
import { asking } from './asking.ts'
import { difference, type Interval, shareOf, wilson } from './lift.ts'

/**
 * Did it change what people do? Of those to whom a type would have gone from `since` to before `until`: who was told against the
 * holdout, or the arms of its experiment against each other, by a product event of theirs within the window from the first decision.
 */
export type LiftQuestion = {
  type: string
  event: string
  compare: LiftComparison
  since: EpochMs
  until: EpochMs
  windowMs: number
  channel?: string | undefined
  tenant?: string | undefined
  by?: 'channel' | undefined
}
/** So long what people did is kept: of who was told earlier nothing can be said. Retention keeps `product_events` as long. */
export const productEventDays = 35
export const liftComparisons = ['holdout', 'arm'] as const
export type LiftComparison = (typeof liftComparisons)[number]

/** What it cost: people who then withdrew a wish, had a dead address or complained, and text messages that were sent. */
export type Costs = { unsubscribed: number; addressDead: number; complained: number; smsSent: number }
/** `base`: what the others are compared with: the holdout, or the first arm by name. */
export type LiftGroup = {
  channel?: string
  group: string
  base: boolean
  people: number
  converted: number
  rate: number
  interval: Interval
  costs: Costs
  lift?: { difference: number; interval: Interval; relative?: number }
}

type Row = { of: string; grp: string; people: number; converted: number } & Costs

/**
 * The groups of a comparison with rates, 95 % intervals and costs. By intention: who would have been told counts where the draw put
 * them, whether it reached them or not. Who was in two groups in that time is in none.
 */
export async function lift(db: Database, question: LiftQuestion): Promise<LiftGroup[]> {
  const rows = await asking(db, tx => tx.query<Row>(statement(question), valuesOf(question)))
  return [...Map.groupBy(rows, row => row.of).values()].flatMap(ofOne => {
    const sorted = ofOne.toSorted((a, b) => (a.grp < b.grp ? -1 : 1))
    const base = question.compare === 'arm' ? sorted[0] : sorted.find(row => row.grp === 'holdout')
    return sorted.map(row => groupOf(row, base, question.by !== undefined))
  })
}

function groupOf(row: Row, base: Row | undefined, byChannel: boolean): LiftGroup {
  const { of, grp: group, people, converted, unsubscribed, addressDead, complained, smsSent } = row
  return {
    ...(byChannel && { channel: of }),
    ...{ group, base: row === base, people, converted, rate: shareOf(row), interval: wilson(row) },
    costs: { unsubscribed, addressDead, complained, smsSent },
    ...(base && row !== base && { lift: difference(row, base) }),
  }
}

const valuesOf = ({ type, event, since, until, windowMs, channel, tenant }: LiftQuestion): unknown[] => [
  ...[type, event, new Date(since), new Date(until), windowMs / 1000, channel ?? null, tenant ?? null],
]

/** The holdout is drawn last, among those to whom it would go: `deliver` is what compares with it. */
const statement = ({ compare, by }: LiftQuestion): string => {
  const group = compare === 'holdout' ? `case what when 'holdout' then 'holdout' else 'told' end` : 'arm'
  const candidates = compare === 'holdout' ? `what in ('deliver', 'holdout')` : `what = 'deliver' and arm is not null`
  const of = by ?? `''::text`
  const shown = `type = $1 and day >= ($3::timestamptz at time zone 'utc')::date - 1
    and occurred_at >= $3 and occurred_at < $4 and ($6::text is null or channel = $6) and ($7::text is null or tenant = $7)`
  return `with drawn as (
      select ${of} as of, recipient, min(${group}) as grp, min(at) as first, min(at) + $5 * interval '1 second' as last
      from delivery_events where kind = 'decided' and ${candidates} and ${shown}
      group by 1, 2 having min(${group}) = max(${group})
    ), costs as (
      select d.of, d.grp, count(distinct e.recipient) filter (where e.what = 'address_dead')::int as "addressDead",
        count(distinct e.recipient) filter (where e.what = 'complained')::int as complained,
        count(*) filter (where e.what = 'sent' and e.channel = 'sms')::int as "smsSent"
      from (select *, ${of} as place from delivery_events where kind in ('settled', 'standing') and what in ('address_dead', 'complained', 'sent') and ${shown}) as e
      join drawn as d on d.recipient = e.recipient and d.of = e.place group by 1, 2
    )
    select d.of, d.grp, count(*)::int as people,
      count(*) filter (where exists (select from product_events p
        where p.recipient = d.recipient and p.event = $2 and p.at >= d.first and p.at <= d.last))::int as converted,
      count(*) filter (where exists (select from consent_log c
        where c.recipient = d.recipient and c.wish = false and c.at >= d.first and c.at <= d.last
          and ($7::text is null or c.tenant is null or c.tenant = $7)))::int as unsubscribed,
      coalesce(max("addressDead"), 0) as "addressDead", coalesce(max(complained), 0) as complained, coalesce(max("smsSent"), 0) as "smsSent"
    from drawn as d left join costs as k on (k.of, k.grp) = (d.of, d.grp) group by d.of, d.grp`
}
