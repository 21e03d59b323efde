import { createHash } from 'node:crypto'
import type { EventPack, EventSlot } from '#contracts/event.ts'
import { type BatchId, dayOf, type EpochMs, type RecipientId } from '#contracts/ids.ts'
import { type Channel, channels, lanes } from '#contracts/channel.ts'
import { outcomeName } from '#contracts/outcome.ts'
import { type CarriedIntent, splitJson } from '#ledger/batch.ts'
import { factsOf } from '#ledger/outbox.ts'
import type { Database } from '#runtime/postgres.ts'

/**
 * What no recorded data has: whether people looked. Of a hundred that were delivered so many are seen; of those so many
 * are opened, of those so many acted on. Made-up rates, marked as such in every event.
 */
const simulatedRates: Record<Channel, { seen: number; opened: number; acted: number }> = {
  push: { seen: 55, opened: 20, acted: 30 },
  sms: { seen: 90, opened: 25, acted: 40 },
  email: { seen: 35, opened: 30, acted: 20 },
  in_app: { seen: 60, opened: 45, acted: 35 },
}
type Closed = {
  id: BatchId
  lane: number
  channel: number
  provider: string
  at: Date
  recipients: RecipientId[]
  endpoints: string[]
  picks: number[] | null
  outcomes: number[]
  payload: string
}

/**
 * Publishes simulated engagement for the batches that were closed since an instant: the same deliveries give the same
 * engagement, and a batch gives it once. Gives how many facts were made up.
 */
export async function simulateEngagement(
  db: Database,
  { since, publish }: { since: EpochMs; publish: (payload: Buffer) => Promise<unknown> },
): Promise<number> {
  const batches = await db.query<Closed>(
    `select id, lane, channel, provider, closed_at as at, recipients, endpoints, picks, outcomes, payload from batches
     where closed_at >= to_timestamp($1 / 1000.0) and provider <> '' and payload is not null`,
    [since],
  )
  const packs = batches.map(engagementOf).filter(pack => pack.slots.length > 0)
  await Promise.all(packs.map(pack => publish(Buffer.from(JSON.stringify(pack)))))
  return packs.reduce((sum, pack) => sum + pack.slots.length, 0)
}

function engagementOf(batch: Closed): EventPack {
  const channel = channels[batch.channel]!
  const intents = splitJson<CarriedIntent>(batch.payload)
  const slots = batch.outcomes.flatMap((code, at): EventSlot[] => {
    const outcome = outcomeName(code)
    if (outcome !== 'sent' && outcome !== 'delivered') return []
    const i = batch.picks?.[at] ?? 0
    const recipient = batch.recipients[at]!
    const slot = { i, recipient, channel, endpoint: batch.endpoints[at]! }
    return stepsOf(channel, `${intents[i]!.id} ${recipient} ${slot.endpoint}`).map(what => ({ ...slot, what }))
  })
  return {
    ...{ v: 1, pack: `${batch.id}/engaged-simulated`, day: dayOf(batch.id), kind: 'engaged', simulated: true },
    // Whoever looks does so at once: a trace that tells what has not happened yet would be believed by nobody.
    at: batch.at.getTime(),
    ...{ batch: batch.id, provider: batch.provider, whys: [], slots },
    intents: intents.map(intent => factsOf(intent, lanes[batch.lane]!)),
  }
}

function stepsOf(channel: Channel, delivery: string): ('seen' | 'opened' | 'acted')[] {
  const rates = simulatedRates[channel]
  const steps: ('seen' | 'opened' | 'acted')[] = []
  for (const step of ['seen', 'opened', 'acted'] as const) {
    if (dice(delivery, step) >= rates[step]) break
    steps.push(step)
  }
  return steps
}

/** 0–99, always the same for the same words. */
const dice = (subject: string, about: string): number =>
  createHash('sha256').update(`${subject} ${about}`).digest().readUInt32BE() % 100
