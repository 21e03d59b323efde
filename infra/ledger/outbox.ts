import type { Lane } from '#contracts/channel.ts'
import type { EventPack, EventSlot, IntentFacts, SlotFacts } from '#contracts/event.ts'
import { dayOf, type EpochMs } from '#contracts/ids.ts'
import { type Database, plainArray, type Queryable } from '#runtime/postgres.ts'
import { PublishError } from '#runtime/pubsub-publisher.ts'
import { type CarriedIntent, type ClaimedBatch, pack, type SlotResult } from './batch.ts'

/** Packs that one relay turn takes; most hold up to 2,000 slots. */
const relayPacksMax = 50
/** Pub/Sub takes 10 MB. A closed batch of 500 slots stays below this by itself, with the longest names. */
const packBytesMax = 5_000_000

/** What became of a claimed batch, one result for each slot. `facts`: what else is told of them, where anything is. */
export type BatchRecord = {
  batch: ClaimedBatch
  results: readonly SlotResult[]
  now: EpochMs
  facts?: readonly (SlotFacts | undefined)[]
}

/** The events of a closed batch. Its pack id is the batch and its only closing, so it can never be stored twice. */
export function settledPack({ batch, results, now, facts }: BatchRecord): EventPack {
  const whys = pack(
    results.map(result => result.why),
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
      if (explained && result.why) event.w = whys.picks?.[at] ?? 0
      if (result.kind === 'doubt' || result.called) event.called = true
      return facts?.[at] === undefined ? event : { ...event, ...facts[at] }
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
  for (const { pack, n, payload } of packs.flatMap(event => inParts(event)))
    await tx.query('insert into outbox (pack, n, payload) values ($1, $2, $3)', [pack, n, payload])
}

/** A pack as text; as several packs, of its slots from a place on, where it would be too long for Pub/Sub. */
function inParts(event: EventPack, from = 0): { pack: string; n: number; payload: string }[] {
  const name = from === 0 ? event.pack : `${event.pack}/${from}`
  const n = event.slots.length
  const payload = JSON.stringify({ ...event, pack: name })
  if (n === 1 || Buffer.byteLength(payload) <= packBytesMax) return [{ pack: name, n, payload }]
  const half = Math.ceil(n / 2)
  return [...inParts(withSlots(event, 0, half), from), ...inParts(withSlots(event, half, n), from + half)]
}

/** The pack with some of its slots, and of its intents and reasons those that they name. */
function withSlots(event: EventPack, from: number, to: number): EventPack {
  const slots = event.slots.slice(from, to)
  const intents = pack(slots, slot => String(slot.i))
  const whys = pack(slots, slot => String(slot.w))
  return {
    ...event,
    intents: intents.values.map(slot => event.intents[slot.i]!),
    whys: whys.values.map(slot => event.whys[slot.w ?? 0]!).filter(Boolean),
    slots: slots.map((slot, at) => ({
      ...{ ...slot, i: intents.picks?.[at] ?? 0 },
      ...(slot.w !== undefined && { w: whys.picks?.[at] ?? 0 }),
    })),
  }
}

export type Relayed = {
  published: number
  /** Packs that Pub/Sub refuses for what they are. They stay in the outbox and are not tried again. */
  refused: { pack: string; reason: string }[]
  /** Why packs could not be published that stay for another turn. */
  failure?: unknown
}

/**
 * One relay turn: takes the oldest packs that no other relay holds, publishes them, deletes them. A relay that dies in
 * between leaves them to the next: a pack may be published twice, the sink stores it once. One that is refused keeps no
 * other waiting: `publish` refuses all that go in one request, so each of them is tried by itself.
 */
export async function relayOutbox(
  db: Database,
  publish: (payload: string, pack: string) => Promise<unknown>,
): Promise<Relayed> {
  return db.transaction(async tx => {
    const rows = await tx.query<Row>(
      `select id, pack, payload from outbox where refused is null order by id limit $1 for update skip locked`,
      [relayPacksMax],
    )
    // The transaction stays open while publishing: the deletion is only true once Pub/Sub has stored them.
    const answers = await Promise.allSettled(rows.map(row => publish(row.payload, row.pack)))
    const errors = answers.map(answer => (answer.status === 'rejected' ? (answer.reason as unknown) : undefined))
    const suspects = rows.filter((_, at) => isRefusal(errors[at]))
    const tried = await publishAlone(suspects, publish)
    const published = [...rows.filter((_, at) => errors[at] === undefined), ...tried.published]
    if (published.length > 0)
      await tx.query(`delete from outbox where id = any($1::bigint[])`, [plainArray(published.map(row => row.id))])
    for (const { id, reason } of tried.refused)
      await tx.query(`update outbox set refused = $2 where id = $1`, [id, reason])
    const failure = errors.find(error => error !== undefined && !isRefusal(error)) ?? tried.failure
    return {
      published: published.length,
      refused: tried.refused.map(({ pack, reason }) => ({ pack, reason })),
      ...(failure !== undefined && { failure }),
    }
  })
}

type Row = { id: string; pack: string; payload: string }

/** One request for each, until one fails for another reason than what it is. */
async function publishAlone(rows: readonly Row[], publish: (payload: string, pack: string) => Promise<unknown>) {
  const published: Row[] = []
  const refused: (Row & { reason: string })[] = []
  for (const row of rows) {
    try {
      await publish(row.payload, row.pack)
      published.push(row)
    } catch (error) {
      if (!isRefusal(error)) return { published, refused, failure: error }
      refused.push({ ...row, reason: error.message })
    }
  }
  return { published, refused, failure: undefined }
}

const invalidArgument = 3
/** The message is wrong, too long for instance. Other refusals are about the topic or us: all packs would meet them. */
const isRefusal = (error: unknown): error is PublishError =>
  error instanceof PublishError && error.code === invalidArgument
