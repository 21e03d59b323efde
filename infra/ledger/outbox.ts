import type { Lane } from '#contracts/channel.ts'
import type { EventPack, EventSlot, IntentFacts } from '#contracts/event.ts'
import { dayOf, type EpochMs } from '#contracts/ids.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { type CarriedIntent, type ClaimedBatch, pack, type SlotResult } from './batch.ts'

/** Packs that one relay turn takes; a pack holds up to 500 slots or so. */
const relayPacksMax = 50

/** The events of a closed batch. Its pack id is the batch and its only closing, so it can never be stored twice. */
export function settledPack(record: { batch: ClaimedBatch; results: readonly SlotResult[]; now: EpochMs }): EventPack {
  const { batch, results, now } = record
  const whys = pack(
    results.map(result => (result.kind === 'closed' ? result.why : undefined)),
    why => (why ? `${why.rule} ${why.value ?? ''}` : ''),
  )
  const explained = whys.values.some(why => why !== undefined)
  return {
    v: 1,
    pack: `${batch.id}/settled`,
    day: dayOf(batch.id),
    at: now,
    kind: 'settled',
    set: batch.set,
    batch: batch.id,
    provider: batch.provider,
    intents: batch.intents.map(intent => factsOf(intent, batch.lane)),
    whys: explained ? whys.values.map(why => why ?? { rule: 'default' }) : [],
    slots: results.map((result, at): EventSlot => {
      const { recipient, endpoint, intent } = batch.slots[at]!
      const what = result.kind === 'closed' ? result.outcome : 'moved'
      const event: EventSlot = { i: intent, recipient, channel: batch.channel, endpoint, what }
      if (explained && result.kind === 'closed' && result.why) event.w = whys.picks?.[at] ?? 0
      return event
    }),
  }
}

export const factsOf = (
  { id, type, category, producer, occurredAt, tenant, thread }: CarriedIntent,
  lane: Lane,
): IntentFacts => ({
  ...{ id, type, category, producer, lane, occurredAt },
  ...(tenant !== undefined && { tenant }),
  ...(thread !== undefined && { thread }),
})

export async function writeOutbox(tx: Queryable, packs: readonly EventPack[]): Promise<void> {
  for (const event of packs)
    await tx.query('insert into outbox (pack, n, payload) values ($1, $2, $3)', [
      event.pack,
      event.slots.length,
      JSON.stringify(event),
    ])
}

/**
 * One relay turn: takes the oldest packs that no other relay holds, publishes them, deletes them. A relay that dies in
 * between leaves them to the next: a pack may be published twice, the sink stores it once. Returns how many packs went.
 */
export async function relayOutbox(db: Database, publish: (payload: string) => Promise<unknown>): Promise<number> {
  return db.transaction(async tx => {
    const rows = await tx.query<{ payload: string }>(
      `delete from outbox where id = any(array(select id from outbox order by id limit $1 for update skip locked)) returning payload`,
      [relayPacksMax],
    )
    // The transaction stays open while publishing: the deletion is only true once Pub/Sub has stored them.
    await Promise.all(rows.map(row => publish(row.payload)))
    return rows.length
  })
}
