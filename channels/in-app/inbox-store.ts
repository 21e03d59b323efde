import type { EpochMs } from '#contracts/ids.ts'
import { joinJson } from '#ledger/batch.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import type { OutMessage } from '../provider.ts'

/**
 * Adds items that are not there yet, in one statement; what messages share travels once. The same delivery of another
 * time is another one: its intent's key was forgotten and used anew. Then the new item takes the place of the former.
 */
export async function putInboxItems(
  db: Queryable,
  messages: readonly OutMessage<'in_app'>[],
  now: EpochMs,
): Promise<void> {
  const kinds = new Map<object, number>()
  const shared: OutMessage<'in_app'>[] = []
  const picks = messages.map(message => {
    const known = kinds.get(message.content)
    if (known !== undefined) return known
    kinds.set(message.content, shared.push(message))
    return shared.length
  })
  await db.query(
    `insert into inbox_items (delivery, recipient, intent_id, type, occurred_at, created_at, thread, content)
     select u.delivery, u.recipient, s.intent, s.type, to_timestamp(s.at / 1000.0), to_timestamp($9 / 1000.0), nullif(s.thread, ''), s.content
     from unnest($1::text[], $2::text[], $3::int[]) as u(delivery, recipient, pick)
     join unnest($4::uuid[], $5::text[], $6::float8[], $7::text[], string_to_array($8, E'\\x1f')) with ordinality
       as s(intent, type, at, thread, content, place) on s.place = u.pick
     order by u.delivery collate "C"
     on conflict (delivery) do update set occurred_at = excluded.occurred_at, created_at = excluded.created_at,
       thread = excluded.thread, content = excluded.content, seen_at = null, read_at = null
     where inbox_items.occurred_at <> excluded.occurred_at`,
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
}
