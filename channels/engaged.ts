import type { Catalogue } from '#contracts/catalogue.ts'
import type { Engaged } from '#contracts/engagement.ts'
import { deliveryId } from '#contracts/ids.ts'
import type { ClaimedBatch } from '#ledger/batch.ts'
import { type Person, readEngagements, readWatermarks } from '#preferences/preferences.ts'
import type { Queryable } from '#runtime/postgres.ts'

/**
 * What people have done by now with what a claimed batch is about, by slot: read their threads and, for a later step, seen
 * it or acted on it. To be read after the claim (law 4). Asks nothing for a batch that no rule looks at it for.
 */
export async function readEngaged(
  { db, catalogue }: { db: Queryable; catalogue: Catalogue },
  batch: ClaimedBatch,
  people: ReadonlyMap<string, Person>,
): Promise<(Engaged | undefined)[]> {
  const engaged = Array<Engaged | undefined>(batch.slots.length).fill(undefined)
  const slots = batch.slots.map(({ recipient, intent }, place) => ({
    place,
    recipient,
    intent: batch.intents[intent]!,
  }))
  const threads = slots.filter(
    ({ recipient, intent }) =>
      intent.thread !== undefined && people.get(recipient)!.readsThreads && !intent.ignoresReads,
  )
  const later = slots.filter(({ intent }) => isLater(batch, catalogue, intent.type))
  const [upTo, found] = await Promise.all([
    readWatermarks(
      db,
      threads.map(({ recipient, intent }) => ({ recipient, thread: intent.thread! })),
    ),
    readEngagements(
      db,
      later.map(({ recipient, intent }) => ({
        ...{ recipient, intent: intent.id, occurredAt: intent.occurredAt },
        inboxItem: deliveryId({ intent: intent.id, recipient, endpoint: 'inbox' }),
        event: catalogue.types.get(intent.type)?.acted ?? '',
      })),
    ),
  ])
  later.forEach(({ place }, at) => void (engaged[place] = found[at]))
  threads.forEach(({ place, intent }, at) => {
    if (upTo[at] !== undefined && intent.occurredAt <= upTo[at]) engaged[place] = { ...engaged[place], read: true }
  })
  return engaged
}

const isLater = ({ channel }: ClaimedBatch, { types }: Catalogue, type: string): boolean =>
  types.get(type)?.deliver.some(step => step.channel === channel && step.after !== undefined) ?? false
