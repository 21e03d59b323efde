import type { InboxMark } from '#contracts/engagement.ts'
import { type DeliveryId, deliveryId, type EpochMs, type IntentId, type RecipientId } from '#contracts/ids.ts'
import type { Tombstones } from '#contracts/retraction.ts'
import { joinJson } from '#ledger/batch.ts'
import { tombstonesAmong, type TombstonesColumn, tombstonesIn } from '#ledger/retractions.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { notesMax, noteRemovals } from '../push/removal-store.ts'
import { purgeStep } from '#runtime/purge-step.ts'
import type { OutMessage } from '../provider.ts'

/**
 * Adds items that are not there yet, in one statement; what messages share travels once. The same delivery of another
 * time is another one: its intent's key was forgotten and used anew. Then the new item takes the place of the former.
 * What was retracted or superseded since its claim is left out: gives the tombstones of these intents, as the insert saw them.
 */
export async function putInboxItems(
  db: Queryable,
  messages: readonly OutMessage<'in_app'>[],
  now: EpochMs,
): Promise<Tombstones> {
  const kinds = new Map<object, number>()
  const shared: OutMessage<'in_app'>[] = []
  const picks = messages.map(message => {
    const known = kinds.get(message.content)
    if (known !== undefined) return known
    kinds.set(message.content, shared.push(message))
    return shared.length
  })
  const [row] = await db.query<{ tombstones: TombstonesColumn }>(
    `with put as (insert into inbox_items (delivery, recipient, intent_id, type, occurred_at, created_at, thread, content)
     select u.delivery, u.recipient, s.intent, s.type, to_timestamp(s.at / 1000.0), to_timestamp($9 / 1000.0), nullif(s.thread, ''), s.content
     from unnest($1::text[], $2::text[], $3::int[]) as u(delivery, recipient, pick)
     join unnest($4::uuid[], $5::text[], $6::float8[], $7::text[], string_to_array($8, E'\\x1f')) with ordinality
       as s(intent, type, at, thread, content, place) on s.place = u.pick
     where not exists (select from retractions r
       where r.id = s.intent and (r.occurred_until is null or r.occurred_until >= to_timestamp(s.at / 1000.0)))
     order by u.delivery collate "C"
     on conflict (delivery) do update set occurred_at = excluded.occurred_at, created_at = excluded.created_at,
       thread = excluded.thread, content = excluded.content, seen_at = null, read_at = null
     where inbox_items.occurred_at <> excluded.occurred_at)
     select ${tombstonesAmong('$4::uuid[]')}`,
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
    ],
  )
  return tombstonesIn(row!.tombstones)
}

/**
 * Marks items as seen, or as read and so seen, each once; what is read by that is to be taken off the screens that show it.
 * Gives how many were found.
 */
export async function markInboxItems(tx: Queryable, mark: InboxMark): Promise<number> {
  const { recipient, what, now } = mark
  const read = what === 'read' ? ', read_at = coalesce(i.read_at, to_timestamp($1 / 1000.0))' : ''
  const { where, values } = wanted(mark)
  // Locked in the order in which `putInboxItems` does.
  const rows = await tx.query<Marked>(
    `with found as materialized (
       select delivery, intent_id, occurred_at, read_at is null as unread from inbox_items where ${where} order by delivery for update)
     update inbox_items i set seen_at = coalesce(i.seen_at, to_timestamp($1 / 1000.0))${read}
     from found where i.delivery = found.delivery returning found.intent_id as intent, found.occurred_at as at, found.unread`,
    [now, recipient, ...values],
  )
  if (what === 'read') await noteRemovals(tx, removalsOf(mark, rows))
  return rows.length
}

type Marked = { intent: IntentId; at: Date; unread: boolean }

/** Of very many the newest. A push without an item in the inbox is known by its intent alone. */
function removalsOf(mark: InboxMark, items: readonly Marked[]) {
  const { recipient, device } = mark
  const newest = items.filter(item => item.unread).toSorted((a, b) => b.at.getTime() - a.at.getTime())
  const intents = 'intent' in mark ? intentsOf(mark) : newest.map(item => item.intent)
  const of = intents.slice(0, notesMax).map(intent => ({ recipient, intent }))
  return { of, why: 'read' as const, ...(device !== undefined && { device }) }
}

const intentsOf = ({ intent, others = [] }: { intent: IntentId; others?: readonly IntentId[] }): IntentId[] => [
  intent,
  ...others,
]

function wanted(mark: InboxMark): { where: string; values: unknown[] } {
  if ('intent' in mark) {
    const recipient = mark.recipient as RecipientId
    const items = intentsOf(mark).map(intent => deliveryId({ intent, recipient, endpoint: 'inbox' }))
    return { where: 'recipient = $2 and delivery = any($3::text[])', values: [textArray(items)] }
  }
  const { what, thread = null, after, upTo } = mark
  return {
    where: `recipient = $2 and read_at is null and ${what}_at is null and ($3::text is null or thread = $3)
       and occurred_at > to_timestamp($4 / 1000.0) and occurred_at <= to_timestamp($5 / 1000.0)`,
    values: [thread, after, upTo],
  }
}

/**
 * Removes items of retracted intents, seen ones too; of superseded ones those that happened at `until` or before. Gives
 * how many of them had been seen.
 */
export async function removeInboxItems(
  db: Queryable,
  { deliveries, until }: { deliveries: readonly DeliveryId[]; until?: EpochMs },
): Promise<number> {
  const [removed] = await db.query<{ seen: number }>(
    `with removed as (
       delete from inbox_items where delivery = any($1::text[]) and ($2::float8 is null or occurred_at <= to_timestamp($2 / 1000.0))
       returning seen_at is not null or read_at is not null as seen)
     select (count(*) filter (where seen))::int as seen from removed`,
    [textArray(deliveries), until ?? null],
  )
  return removed!.seen
}

/** Forgets items that were put there before, read or not, in small steps. True when there is more to do. */
export const purgeInboxItems = (db: Queryable, { before }: { before: EpochMs }): Promise<boolean> =>
  purgeStep(
    db,
    `delete from inbox_items where delivery in (
       select delivery from inbox_items where created_at < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`,
    [before],
  )
