import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import type { OutMessage } from '../provider.ts'

/** Adds items that are not there yet. One statement. */
export async function putInbox(db: Queryable, items: readonly OutMessage<'in_app'>[]): Promise<void> {
  await db.query(
    `insert into inbox_items (delivery, recipient, intent_id, type, occurred_at, created_at, thread, content)
     select d, r, i, t, to_timestamp(o / 1000.0), now(), nullif(th, ''), c
     from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::float8[], $6::text[], $7::text[]) as u(d, r, i, t, o, th, c)
     on conflict (delivery) do nothing`,
    [
      textArray(items.map(item => item.delivery)),
      textArray(items.map(item => item.recipient)),
      plainArray(items.map(item => item.intent)),
      textArray(items.map(item => item.type)),
      plainArray(items.map(item => item.occurredAt)),
      textArray(items.map(item => item.thread ?? '')),
      items.map(item => JSON.stringify(item.content)),
    ],
  )
}
