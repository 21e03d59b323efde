import type { InboxDeed, InboxMark } from '#contracts/engagement.ts'
import {
  attemptOf,
  type DeliveryId,
  deliveryId,
  type EpochMs,
  type IntentId,
  type RecipientId,
} from '#contracts/ids.ts'
import type { Tombstones } from '#contracts/retraction.ts'
import { joinJson } from '#ledger/batch.ts'
import { tombstonesAmong, type TombstonesColumn, tombstonesIn } from '#ledger/retractions.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { notesMax, noteRemovals } from '../push/removal-store.ts'
import { purgeStep } from '#runtime/purge-step.ts'
import type { OutMessage } from '../provider.ts'
import { tellLooked } from '../receipts/deeds.ts'
import type { Acted } from '../receipts/look-store.ts'

// Whoever changes inboxes first takes the next number of each person, by a lock on the person's row and in the order of
// their names, and then touches items. So the numbers of a person are committed in their order (who sees one, sees all
// before it), and no two wait for each other.

/**
 * Adds the items of a batch that are not there yet, in one statement; what messages share travels once. The same delivery of another
 * time is another one: its intent's key was forgotten and used anew. Then the new item takes the place of the former.
 * What was retracted or superseded since its claim is left out, as is who was erased: gives the tombstones of these intents
 * and the erased of these people, as the insert saw them.
 */
export async function putInboxItems(
  db: Queryable,
  messages: readonly OutMessage<'in_app'>[],
  now: EpochMs,
): Promise<{ tombstones: Tombstones; erased: ReadonlySet<string> }> {
  const kinds = new Map<object, number>()
  const shared: OutMessage<'in_app'>[] = []
  const picks = messages.map(message => {
    const known = kinds.get(message.content)
    if (known !== undefined) return known
    kinds.set(message.content, shared.push(message))
    return shared.length
  })
  const people = new Map<string, number>()
  for (const { recipient } of messages) people.set(recipient, (people.get(recipient) ?? 0) + 1)
  const left = new Map(people)
  const behind = messages.map(({ recipient }) => {
    const more = left.get(recipient)! - 1
    left.set(recipient, more)
    return more
  })
  const [row] = await db.query<{ tombstones: TombstonesColumn; erased: string[] }>(
    `with erased as materialized (select id from recipients where id = any($10::text[]) and erased_at is not null),
     numbered as (
       insert into inbox_people as p (recipient, last)
       select * from unnest($10::text[], $11::int[]) as a(recipient, n) order by recipient collate "C"
       on conflict (recipient) do update set last = p.last + excluded.last returning recipient, last),
     put as (insert into inbox_items (delivery, recipient, intent_id, type, occurred_at, created_at, thread, content, reason, number, tenant, batch, slot)
     select u.delivery, u.recipient, s.intent, s.type, to_timestamp(s.at / 1000.0), to_timestamp($9 / 1000.0), nullif(s.thread, ''), s.content,
       nullif(u.reason, ''), n.last - u.behind, nullif(s.tenant, ''), $16::uuid, u.slot
     from unnest($1::text[], $2::text[], $3::int[], $12::text[], $13::int[], $15::smallint[]) as u(delivery, recipient, pick, reason, behind, slot)
     join unnest($4::uuid[], $5::text[], $6::float8[], $7::text[], string_to_array($8, E'\\x1f'), $14::text[]) with ordinality
       as s(intent, type, at, thread, content, tenant, place) on s.place = u.pick
     join numbered n on n.recipient = u.recipient
     where not exists (select from retractions r
       where r.id = s.intent and (r.occurred_until is null or r.occurred_until >= to_timestamp(s.at / 1000.0)))
       and u.recipient not in (select id from erased)
     order by u.delivery collate "C"
     on conflict (delivery) do update set occurred_at = excluded.occurred_at, created_at = excluded.created_at,
       thread = excluded.thread, tenant = excluded.tenant, content = excluded.content, reason = excluded.reason, number = excluded.number,
       batch = excluded.batch, slot = excluded.slot, seen_at = null, read_at = null, archived_at = null, acted_at = null
     where inbox_items.occurred_at <> excluded.occurred_at)
     select ${tombstonesAmong('$4::uuid[]')}, array(select id from erased) as erased`,
    [
      textArray(messages.map(message => message.deliveryId)),
      textArray(messages.map(message => message.recipient)),
      plainArray(picks),
      plainArray(shared.map(({ intent }) => intent.id)),
      textArray(shared.map(({ intent }) => intent.type)),
      plainArray(shared.map(({ intent }) => intent.occurredAt)),
      textArray(shared.map(({ intent }) => intent.thread ?? '')),
      joinJson(shared.map(({ content }) => content)),
      now,
      textArray([...people.keys()]),
      plainArray([...people.values()]),
      textArray(messages.map(message => message.reason ?? '')),
      plainArray(behind),
      textArray(shared.map(({ intent }) => intent.tenant ?? '')),
      plainArray(messages.map(message => message.place)),
      attemptOf(messages[0]!.attemptId).batch,
    ],
  )
  return { tombstones: tombstonesIn(row!.tombstones), erased: new Set(row!.erased) }
}

/**
 * Marks items as seen, or as read and so seen, or archived and so read; what is read by that is to be taken off the screens
 * that show it. What was so before stays as it was. Gives how many were found, marked before or not.
 */
export async function markInboxItems(tx: Queryable, mark: InboxMark): Promise<number> {
  return (await markItems(tx, mark)).length
}

/** The same for what a person does in the inbox itself; of what they looked at for the first time there the events tell. */
export async function markOwnItems(tx: Queryable, mark: OwnMark): Promise<number> {
  const { recipient, what, now: at } = mark
  const items = await markItems(tx, mark)
  const looked = { recipient, at, what: what === 'seen' ? ('seen' as const) : ('read' as const) }
  const anew = items.filter(item => (what === 'seen' ? item.unseen : what !== 'unarchived' && item.unread))
  await tellLooked(tx, { ...looked, items: newest(anew) })
  return items.length
}

async function markItems(tx: Queryable, mark: InboxMark | OwnMark): Promise<Marked[]> {
  const { recipient, what, now } = mark
  const { sets, changes } = deeds[what]
  const { where, values } = wanted(mark)
  const rows = await tx.query<Marked>(
    `with person as materialized (select from inbox_people where recipient = $2 for update),
     found as materialized (
       select delivery, intent_id, batch, slot, occurred_at, seen_at is null as unseen, read_at is null as unread, ${changes} as changes
       from inbox_items
       where (select count(*) from person) >= 0 and recipient = $2 and ${where} order by delivery for update),
     numbered as (
       insert into inbox_people as p (recipient, last) select $2, 1 where exists (select from found where changes)
       on conflict (recipient) do update set last = p.last + 1 returning last),
     logged as (
       insert into inbox_changes (recipient, number, deliveries, at)
       select $2, last, (select array_agg(delivery) from found where changes), to_timestamp($1 / 1000.0) from numbered),
     marked as (update inbox_items i set ${sets} from found where i.delivery = found.delivery and changes)
     select intent_id as intent, batch, slot, occurred_at as at, unseen, unread from found`,
    [now, recipient, ...values],
  )
  if (what === 'read' || what === 'archived') await noteRemovals(tx, removalsOf(mark, rows))
  return rows
}

/**
 * What a person does in the inbox itself: with items that they name, or with all up to a number of theirs; in that of a
 * tenant with nothing else.
 */
export type OwnMark = { recipient: string; tenant?: string; what: InboxDeed; now: EpochMs } & (
  | { deliveries: readonly DeliveryId[] }
  | { upToNumber: number; thread?: string }
)

const seen = 'seen_at = coalesce(i.seen_at, to_timestamp($1 / 1000.0))'
const read = `${seen}, read_at = coalesce(i.read_at, to_timestamp($1 / 1000.0))`
const deeds: Record<InboxDeed, { sets: string; changes: string }> = {
  seen: { sets: seen, changes: 'seen_at is null' },
  read: { sets: read, changes: 'read_at is null' },
  archived: { sets: `${read}, archived_at = to_timestamp($1 / 1000.0)`, changes: 'archived_at is null' },
  unarchived: { sets: 'archived_at = null', changes: 'archived_at is not null' },
}

/** Items of one tenant, with those of none; null: of all. */
export const ofTenant = (asked: string, item = ''): string =>
  `(${asked}::text is null or ${item}tenant is null or ${item}tenant = ${asked})`

type Marked = Acted & { at: Date; unseen: boolean; unread: boolean }

/** Of very many the newest. A push without an item in the inbox is known by its intent alone. */
function removalsOf(mark: InboxMark | OwnMark, items: readonly Marked[]) {
  const { recipient } = mark
  const read = newest(items.filter(item => item.unread)).map(item => item.intent)
  const intents = 'intent' in mark ? intentsOf(mark) : read
  const of = intents.slice(0, notesMax).map(intent => ({ recipient, intent }))
  return { of, why: 'read' as const, ...('device' in mark && mark.device !== undefined && { device: mark.device }) }
}

const newest = (items: readonly Marked[]): Marked[] => items.toSorted((a, b) => b.at.getTime() - a.at.getTime())

const intentsOf = ({ intent, others = [] }: { intent: IntentId; others?: readonly IntentId[] }): IntentId[] => [
  intent,
  ...others,
]

function wanted(mark: InboxMark | OwnMark): { where: string; values: unknown[] } {
  if ('intent' in mark) {
    const recipient = mark.recipient as RecipientId
    const items = intentsOf(mark).map(intent => deliveryId({ intent, recipient, endpoint: 'inbox' }))
    return { where: 'delivery = any($3::text[])', values: [textArray(items)] }
  }
  if ('deliveries' in mark)
    return {
      where: `delivery = any($3::text[]) and ${ofTenant('$4')}`,
      values: [textArray(mark.deliveries), mark.tenant ?? null],
    }
  if ('upToNumber' in mark) {
    const { upToNumber, thread = null, what, tenant = null } = mark
    const where = `number <= $3::bigint and ($4::text is null or thread = $4) and ${ofTenant('$5')} and ${deeds[what].changes}`
    return { where, values: [upToNumber, thread, tenant] }
  }
  const { what, thread = null, after, upTo } = mark
  return {
    where: `read_at is null and ${what}_at is null and ($3::text is null or thread = $3)
       and occurred_at > to_timestamp($4 / 1000.0) and occurred_at <= to_timestamp($5 / 1000.0)`,
    values: [thread, after, upTo],
  }
}

/**
 * Removes items of retracted intents, seen ones too; of superseded ones those that happened at `until` or before. Gives
 * how many of them had been seen.
 */
export async function removeInboxItems(
  tx: Queryable,
  { deliveries, until }: { deliveries: readonly DeliveryId[]; until?: EpochMs },
): Promise<number> {
  const [removed] = await tx.query<{ seen: number }>(
    `with people as materialized (
       select from inbox_people where recipient in (select recipient from inbox_items where delivery = any($1::text[]))
       order by recipient for update),
     removed as (
       delete from inbox_items where (select count(*) from people) >= 0 and delivery = any($1::text[])
         and ($2::float8 is null or occurred_at <= to_timestamp($2 / 1000.0))
       returning delivery, recipient, seen_at is not null or read_at is not null as seen),
     numbered as (
       insert into inbox_people as p (recipient, last) select distinct recipient, 1 from removed order by recipient
       on conflict (recipient) do update set last = p.last + 1 returning recipient, last),
     logged as (
       insert into inbox_changes (recipient, number, deliveries)
       select recipient, n.last, array_agg(delivery) from removed join numbered n using (recipient) group by recipient, n.last)
     select (count(*) filter (where seen))::int as seen from removed`,
    [textArray(deliveries), until ?? null],
  )
  return removed!.seen
}

/**
 * Forgets items that were put there before, read or not, and changes of before then, in small steps. True when there is more
 * to do.
 */
export async function purgeInboxItems(db: Queryable, { before }: { before: EpochMs }): Promise<boolean> {
  const items = `delete from inbox_items where delivery in (
    select delivery from inbox_items where created_at < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`
  const changes = `delete from inbox_changes where ctid in (
    select ctid from inbox_changes where at < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`
  const more = [await purgeStep(db, items, [before]), await purgeStep(db, changes, [before])]
  return more.includes(true)
}
