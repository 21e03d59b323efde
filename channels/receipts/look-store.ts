import {
  type Attempt,
  deliveryId,
  type DeliveryId,
  type EpochMs,
  type IntentId,
  type RecipientId,
} from '#contracts/ids.ts'
import type { KnownAttempt } from '#ledger/attempts.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'

/**
 * A person looked at an attempt of a type that names a success (`event`), or acted on it where it was shown. Inbox items
 * need none: they have their own columns.
 */
export type Look = { of: KnownAttempt; slot: number; event: string; at: EpochMs }

/**
 * Keeps where people looked, so that a success finds it by its person. Gives those whose success is known by now, and when
 * it was: a device may tell late that it was looked at. Of who was erased nothing is kept.
 */
export async function noteLooks(tx: Queryable, looks: readonly Look[]): Promise<{ of: KnownAttempt; at: EpochMs }[]> {
  const said = eachOnce(looks)
  if (said.length === 0) return []
  await tx.query(
    `select ${lockOf('recipient')} from (select distinct recipient from unnest($1::text[]) as u(recipient) order by recipient) as people`,
    [textArray(said.map(one => one.of.recipient))],
  )
  const rows = await tx.query<{ delivery: DeliveryId; at: Date | null }>(
    `insert into looks as l (recipient, delivery, intent_id, type, batch, slot, at, acted_at)
     select u.recipient, u.delivery, u.intent, u.type, u.batch, u.slot, to_timestamp(u.at / 1000.0),
       (select max(e.at) from engagements e where e.recipient = u.recipient and e.what = 'acted' and e.event = u.event
          and (e.intent_id = u.intent or e.intent_id = '${anyIntent}' and e.at >= to_timestamp(u.at / 1000.0)))
     from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::smallint[], $7::float8[], $8::text[])
       as u(recipient, delivery, intent, type, batch, slot, at, event)
     where not exists (select from recipients r where r.id = u.recipient and r.erased_at is not null)
     order by u.recipient collate "C", u.delivery collate "C"
     on conflict (recipient, delivery) do update set
       at = least(l.at, excluded.at), acted_at = coalesce(l.acted_at, excluded.acted_at)
     where l.at > excluded.at or l.acted_at is null and excluded.acted_at is not null
     returning delivery, acted_at as at`,
    [
      textArray(said.map(one => one.of.recipient)),
      textArray(said.map(idOf)),
      plainArray(said.map(one => one.of.intent.id)),
      textArray(said.map(one => one.of.intent.type)),
      plainArray(said.map(one => one.of.batch)),
      plainArray(said.map(one => one.slot)),
      plainArray(said.map(one => one.at)),
      textArray(said.map(one => one.event)),
    ],
  )
  const told = new Map(rows.map(row => [row.delivery, row.at]))
  return said.flatMap(one => {
    const at = told.get(idOf(one))
    return at ? [{ of: one.of, at: at.getTime() }] : []
  })
}

/**
 * Before a look and a success of one person are written: the second sees what the first has. A statement of its own, since one that
 * waits goes on with what it saw before. After the person's inbox, by whoever takes both.
 */
const lockOf = (recipient: string) => `pg_advisory_xact_lock(hashtextextended(${recipient}, 34))`

/** The intent of what products say of no certain one, in `engagements`. */
const anyIntent = '00000000-0000-0000-0000-000000000000'

const idOf = ({ of }: Look): DeliveryId => deliveryId({ ...of, intent: of.intent.id })

/** Of a delivery the first look. */
const eachOnce = (looks: readonly Look[]): Look[] => [
  ...new Map(looks.toSorted((a, b) => b.at - a.at).map(look => [idOf(look), look])).values(),
]

/** Of one success so many are told, the newest; the others with the next one. */
const actedMax = 500

export type Success = { recipient: RecipientId; types: readonly string[]; at: EpochMs } & (
  | { intent: IntentId }
  | { lookedSince: EpochMs }
)

/** An inbox item or another delivery whose success followed. `batch` and `slot` are null of an item that was put before they were kept. */
export type Acted = { intent: IntentId } & (Attempt | { batch: null; slot: null })

/**
 * What of some types a person looked at, or all that is known of one intent: each is given once for ever. In the transaction
 * that tells of it; whoever marks or looks at that moment is waited for.
 */
export async function takeActed(tx: Queryable, success: Success): Promise<Acted[]> {
  const { recipient, types, at } = success
  const [item, other, asked] =
    'intent' in success
      ? ['delivery = $4', 'intent_id = $5::uuid', success.intent]
      : ['seen_at >= to_timestamp($4 / 1000.0)', 'at >= to_timestamp($5 / 1000.0)', success.lookedSince]
  const inInbox = deliveryId({ intent: asked as IntentId, recipient, endpoint: 'inbox' })
  await tx.query(
    `with person as materialized (select from inbox_people where recipient = $1 for update)
     select ${lockOf('$1')} from (select count(*) from person) as held`,
    [recipient],
  )
  return tx.query<Acted>(
    `with erased as materialized (select from recipients where id = $1 and erased_at is not null),
     open as materialized (
       select delivery from inbox_items
       where not exists (select from erased) and recipient = $1 and type = any($2::text[]) and acted_at is null and ${item}
       order by seen_at desc limit ${actedMax}),
     items as (
       update inbox_items i set acted_at = to_timestamp($3 / 1000.0) from open
       where i.delivery = open.delivery returning i.intent_id as intent, i.batch, i.slot),
     looked as materialized (
       select delivery from looks
       where not exists (select from erased) and recipient = $1 and type = any($2::text[]) and acted_at is null and ${other}
       order by at desc limit ${actedMax} for update),
     others as (
       update looks l set acted_at = to_timestamp($3 / 1000.0) from looked
       where l.recipient = $1 and l.delivery = looked.delivery returning l.intent_id as intent, l.batch, l.slot)
     select * from items union all select * from others`,
    [recipient, textArray(types), at, 'intent' in success ? inInbox : asked, asked],
  )
}

/** Forgets looks of before then, in small steps. True when there is more to do. */
export const purgeLooks = (db: Queryable, { before }: { before: EpochMs }): Promise<boolean> =>
  purgeStep(
    db,
    `delete from looks where ctid in (
       select ctid from looks where at < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`,
    [before],
  )
