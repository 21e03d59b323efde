import type { Engaged } from '#contracts/engagement.ts'
import type { DeliveryId, EpochMs, IntentId } from '#contracts/ids.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'

/** What is asked of an intent for a person. `event`: the success that its type waits for. */
export type EngagementAsk = {
  recipient: string
  intent: IntentId
  occurredAt: EpochMs
  /** The item that lies in the inbox, if one does. */
  inboxItem: DeliveryId
  event?: string
}

/** The intent of what is said of no certain one: it holds for every intent that occurred before it. */
const anyIntent = '00000000-0000-0000-0000-000000000000'

/** What people did with intents, in the order in which it is asked; asks nothing when nothing is asked for. */
export async function readEngagements(db: Queryable, asked: readonly EngagementAsk[]): Promise<Engaged[]> {
  const engaged: Engaged[] = asked.map(() => ({}))
  if (asked.length === 0) return engaged
  const rows = await db.query<Required<Engaged> & { place: number }>(
    `select a.place::int as place, i.delivery is not null or e.delivered as delivered, i.seen_at is not null or e.seen as seen,
       i.read_at is not null or e.read as read, e.acted
     from unnest($1::text[], $2::uuid[], $3::float8[], $4::text[], $5::text[]) with ordinality
       as a(recipient, intent, at, item, event, place)
     left join inbox_items i on i.delivery = a.item
     cross join lateral (
       select coalesce(bool_or(what = 'seen'), false) as seen, coalesce(bool_or(what = 'read'), false) as read,
         coalesce(bool_or(what = 'delivered'), false) as delivered,
         coalesce(bool_or(what = 'acted' and event = a.event
           and (intent_id = a.intent or at >= to_timestamp(a.at / 1000.0))), false) as acted
       from engagements where recipient = a.recipient and intent_id in (a.intent, '${anyIntent}')) e
     where i.delivery is not null or e.delivered or e.seen or e.read or e.acted`,
    [
      textArray(asked.map(one => one.recipient)),
      plainArray(asked.map(one => one.intent)),
      plainArray(asked.map(one => one.occurredAt)),
      textArray(asked.map(one => one.inboxItem)),
      textArray(asked.map(one => one.event ?? '')),
    ],
  )
  for (const { place, ...found } of rows) engaged[place - 1] = found
  return engaged
}

/** What a person did, with one intent or with whatever waits for the event. The latest time counts. */
export const writeEngagement = (
  db: Queryable,
  { intent = anyIntent, ...done }: { recipient: string; at: EpochMs; what: 'acted'; event: string; intent?: string },
): Promise<void> => write(db, done, [{ ...done, intent }])

/** What a person looked at of intents. The latest time counts. */
export const writeLooked = (
  db: Queryable,
  { intents, what, ...looked }: { recipient: string; at: EpochMs; what: 'seen' | 'read'; intents: readonly IntentId[] },
): Promise<void> =>
  write(
    db,
    { what, event: '' },
    intents.map(intent => ({ ...looked, intent })),
  )

/** That providers say that they have reached people. */
export const writeReached = (db: Queryable, reached: readonly Fact[]): Promise<void> =>
  write(db, { what: 'delivered', event: '' }, reached)

type Fact = { recipient: string; intent: string; at: EpochMs }

async function write(
  db: Queryable,
  { what, event }: { what: string; event: string },
  facts: readonly Fact[],
): Promise<void> {
  if (facts.length === 0) return
  await db.query(
    // Who was erased is told of nothing: nothing need be known of them, and a device that was offline may say it late.
    `with said as (
       select recipient, intent, max(f.at) as at from unnest($1::text[], $2::uuid[], $3::float8[]) as f(recipient, intent, at)
       where not exists (select from recipients r where r.id = f.recipient and r.erased_at is not null)
       group by recipient, intent
     ), each as (
       insert into product_events (recipient, event, at, intent_id)
       select recipient, $5, to_timestamp(at / 1000.0), nullif(intent, '${anyIntent}') from said where $5 <> ''
     )
     insert into engagements as e (recipient, intent_id, what, event, at)
     select recipient, intent, $4, $5, to_timestamp(at / 1000.0) from said order by recipient collate "C", intent
     on conflict (recipient, intent_id, what, event) do update set at = excluded.at where e.at < excluded.at`,
    [
      textArray(facts.map(one => one.recipient)),
      plainArray(facts.map(one => one.intent)),
      ...[plainArray(facts.map(one => one.at)), what, event],
    ],
  )
}

/** Forgets what people did and how far they had read before the ledger begins, in small steps. True when there is more. */
export async function purgeEngagement(db: Queryable, { before }: { before: EpochMs }): Promise<boolean> {
  const step = (text: string): Promise<boolean> => purgeStep(db, text, [before])
  const old = `< to_timestamp($1 / 1000.0) limit $2 for update skip locked`
  const more = [
    await step(`delete from engagements where ctid in (select ctid from engagements where at ${old})`),
    await step(`delete from product_events where ctid in (select ctid from product_events where at ${old})`),
    await step(`delete from watermarks where ctid in (select ctid from watermarks where up_to ${old})`),
    await step(`delete from presence where ctid in (select ctid from presence where active_until ${old})`),
  ]
  return more.includes(true)
}
