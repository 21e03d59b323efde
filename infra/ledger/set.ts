import { type Channel, type Lane } from '#contracts/channel.ts'
import type { Verdict, Why } from '#contracts/decision.ts'
import type { EventPack } from '#contracts/event.ts'
import {
  type BatchId,
  dayOf,
  type EpochMs,
  type HoldId,
  newBatchId,
  newHoldId,
  type RecipientId,
  type SetId,
} from '#contracts/ids.ts'
import type { Outcome } from '#contracts/outcome.ts'
import { routeFor, type Routes } from '#contracts/routes.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { batchSizeMax, type CarriedIntent, joinJson, laneCode, channelCode, type NewBatch, pack } from './batch.ts'
import { type OpenDigest, writeDigests } from './digests.ts'
import { insertBatches } from './insert.ts'
import { factsOf, writeOutbox } from './outbox.ts'

/** One decision of the router, ready to be written: (intent, recipient, channel), its verdict, and where to. */
export type Decided = {
  intent: CarriedIntent
  sensitive: boolean
  recipient: RecipientId
  reason?: string
  channel: Channel
  verdict: Verdict
  /** For `deliver`: the endpoints, each of which becomes a delivery. */
  endpoints: readonly { id: string; provider: string }[]
  /** For `held`: when a throttle counted this intent for this person, so that it does not count it again. */
  countedAt?: EpochMs
  /** For events only. `success`: whether its type names one. */
  arm?: string
  locale?: string
  success?: boolean
  /** For `held`: what it waits in. For `deliver`: what it opens, being told before the others. */
  digest?: OpenDigest
  /** What it opens, and neither waits in nor is told before. */
  opens?: OpenDigest
  /** For `held`: since when it waits for the person to leave. */
  heldSince?: EpochMs
}

/** What a set took in, message by message. They sum to what was received. */
export const intakes = ['admitted', 'duplicate', 'malformed', 'conflict', 'unknown', 'parked', 'expired'] as const
export type Intake = (typeof intakes)[number]

export type NewSet = {
  id: SetId
  lane: Lane
  origin: 'messages' | 'expansion' | 'release'
  now: EpochMs
  /** Messages, counted apart from what became of them. Default: as many as were taken in. */
  received?: number
  intake: Partial<Record<Intake, number>>
  decided: readonly Decided[]
  /** Of channels that have several accounts. */
  routes?: Routes | undefined
  /** Held decisions that this set takes up again. */
  released: number
}

/** A batch to be put on its queue after the commit. */
export type ReadyBatch = {
  id: BatchId
  lane: Lane
  channel: Channel
  attempt: number
  provider: string
  /** Its deliveries. */
  size: number
}

/** Decisions in one row that nobody sends: a hold, or a batch of refusals. */
const packedMax = 500

/** Writes a set with everything it decided, in the caller's transaction. Returns the batches that are ready now. */
export async function writeSet(tx: Queryable, set: NewSet): Promise<ReadyBatch[]> {
  const open = deliveries(set)
  const refused = refusals(set)
  const held = holds(set)
  await insertBatches(tx, [...open, ...refused], set.now)
  await insertHolds(tx, set, held)
  await writeDigests(tx, {
    lane: set.lane,
    digests: [...new Set(set.decided.flatMap(({ digest, opens }) => [digest, opens].filter(one => one !== undefined)))],
  })
  await insertJournal(tx, set, { opened: open, refused, held })
  if (set.decided.length > 0) await writeOutbox(tx, [decidedPack(set)])
  return open.map(({ id, lane, channel, provider, slots }) => ({
    ...{ id, lane, channel, attempt: 0, provider, size: slots.length },
  }))
}

/** Splits decisions by what a batch has in common, then by size. */
function grouped(decided: readonly Decided[], keyOf: (one: Decided) => string): Decided[][] {
  const groups = new Map<string, Decided[]>()
  for (const one of decided) {
    const key = keyOf(one)
    const group = groups.get(key)
    if (group) group.push(one)
    else groups.set(key, [one])
  }
  return [...groups.values()]
}

/** Parts of at most `size`. None ends between two items that belong `together`: where more than `size` do, it is larger. */
function inChunks<T>(items: readonly T[], size: number, together: (one: T, next: T) => boolean = () => false): T[][] {
  const chunks: T[][] = []
  const inside = (at: number) => at < items.length && together(items[at - 1]!, items[at]!)
  for (let at = 0; at < items.length; at += chunks.at(-1)!.length) {
    let end = Math.min(at + size, items.length)
    while (end > at && inside(end)) end--
    if (end <= at) for (end = at + size; inside(end);) end++
    chunks.push(items.slice(at, end))
  }
  return chunks
}

function deliveries(set: NewSet): NewBatch[] {
  // One entry for each endpoint, so that a person with two devices is two deliveries.
  const wanted = set.decided.filter(one => one.verdict.kind === 'deliver')
  const single = wanted.flatMap(one =>
    one.endpoints.map(endpoint => ({ ...one, endpoints: [routed(endpoint, one, set.routes)] })),
  )
  return grouped(single, one => `${one.channel} ${one.endpoints[0]!.provider} ${one.sensitive}`).flatMap(group =>
    inChunks(sideBySide(group), batchSizeMax(set.lane, group[0]!.channel), toldAsOne).map(part => batchOf(set, part)),
  )
}

type Address = Decided['endpoints'][number]

/** What is told as one goes by one route. */
function routed(endpoint: Address, { channel, intent, recipient }: Decided, routes: Routes = {}): Address {
  const several = routes[channel]
  if (!several) return endpoint
  return { ...endpoint, provider: routeFor(several, { recipient, intent: intent.digest?.id ?? intent.id }) }
}

/** What is told as one to an endpoint, next to each other in the order in which it happened. */
function sideBySide(decided: Decided[]): Decided[] {
  if (!decided.some(one => one.intent.digest)) return decided
  return grouped(decided, ({ intent: { digest }, recipient, endpoints }) =>
    digest ? `${digest.id} ${recipient} ${endpoints[0]!.id}` : '',
  ).flat()
}

const toldAsOne = (one: Decided, next: Decided): boolean =>
  one.intent.digest !== undefined &&
  one.intent.digest.id === next.intent.digest?.id &&
  one.endpoints[0]!.id === next.endpoints[0]!.id

function refusals(set: NewSet): NewBatch[] {
  const wanted = set.decided.filter(one => one.verdict.kind === 'refused')
  return grouped(wanted, one => `${one.channel} ${one.sensitive}`).flatMap(group =>
    inChunks(group, packedMax).map(part => ({
      ...batchOf(set, part),
      outcomes: part.map(one => (one.verdict as { outcome: Outcome }).outcome),
    })),
  )
}

function batchOf(set: NewSet, decided: readonly Decided[]): NewBatch {
  const intents = pack(decided, carriedKey)
  const { channel, sensitive, endpoints } = decided[0]!
  return {
    ...{ id: newBatchId(), set: set.id, lane: set.lane, channel, sensitive },
    provider: endpoints[0]?.provider ?? '',
    dueInMs: 0,
    intents: intents.values.map(one => one.intent),
    slots: decided.map((one, at) => ({
      recipient: one.recipient,
      endpoint: one.endpoints[0]?.id ?? '',
      intent: intents.picks?.[at] ?? 0,
      ...(one.reason !== undefined && { reason: one.reason }),
    })),
    whys: pack(
      decided.map(one => one.verdict.why),
      whyKey,
    ),
  }
}

/** What is told together differs from person to person, though it goes by the id of one intent. */
const carriedKey = ({ intent }: Decided): string => (intent.digest ? `${intent.id} ${intent.digest.id}` : intent.id)

const whyKey = (why: Why): string => `${why.rule} ${why.value ?? ''}`

type NewHold = { id: HoldId; reason: string; dueAt: EpochMs; digest: OpenDigest | undefined; decided: Decided[] }

/** Holds that fall due together for the same reason wait in one row, due when its quarter minute is over; or with a digest. */
function holds(set: NewSet): NewHold[] {
  const wanted = set.decided.filter(one => one.verdict.kind === 'held')
  return grouped(wanted, one => {
    const verdict = one.verdict as Extract<Verdict, { kind: 'held' }>
    return `${verdict.reason} ${one.digest?.id ?? dueTogether(verdict.until)}`
  }).flatMap(group => {
    const { reason, until } = group[0]!.verdict as Extract<Verdict, { kind: 'held' }>
    const { digest } = group[0]!
    return inChunks(group, packedMax, sameCase).map(decided => ({
      ...{ id: newHoldId(), reason, dueAt: dueTogether(until), digest, decided },
    }))
  })
}

/** One intent for one person: its channels wait in one row, so that they are decided as one again. */
const sameCase = (one: Decided, next: Decided): boolean =>
  one.recipient === next.recipient && one.intent.id === next.intent.id

/** An array of the instants of a row, or null where none has one. */
function instantsOf(decided: readonly Decided[], of: (one: Decided) => EpochMs | undefined): string | null {
  if (decided.every(one => of(one) === undefined)) return null
  return plainArray(decided.map(of).map(at => (at === undefined ? 'null' : new Date(at).toISOString())))
}

const holdGrainMs = 15_000
const dueTogether = (until: EpochMs): EpochMs => Math.ceil(until / holdGrainMs) * holdGrainMs

async function insertHolds(tx: Queryable, set: NewSet, rows: readonly NewHold[]): Promise<void> {
  for (const { id, reason, dueAt, digest, decided } of rows) {
    const intents = pack(decided, carriedKey)
    const whys = pack(
      decided.map(one => one.verdict.why),
      whyKey,
    )
    await tx.query(
      `insert into holds (id, set_id, lane, reason, due_at, n, recipients, channels, reasons, counted_at, held_since, intents, picks, payload, whys, digest_id)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
      [
        ...[id, set.id, laneCode(set.lane), reason, new Date(dueAt), decided.length],
        textArray(decided.map(one => one.recipient)),
        plainArray(decided.map(one => channelCode(one.channel))),
        joinJson(decided.map(one => one.reason ?? null)),
        instantsOf(decided, one => one.countedAt),
        instantsOf(decided, one => one.heldSince),
        plainArray(intents.values.map(one => one.intent.id)),
        intents.picks ? plainArray(intents.picks) : null,
        joinJson(intents.values.map(one => one.intent)),
        JSON.stringify(whys),
        digest?.id ?? null,
      ],
    )
  }
}

async function insertJournal(
  tx: Queryable,
  set: NewSet,
  wrote: { opened: NewBatch[]; refused: NewBatch[]; held: NewHold[] },
): Promise<void> {
  const { intake } = set
  const count = (kind: Verdict['kind']) => set.decided.reduce((n, one) => n + (one.verdict.kind === kind ? 1 : 0), 0)
  await tx.query(
    `insert into sets (day, id, lane, origin, received, admitted, duplicate, malformed, conflict, unknown, parked,
       expired, delivering, refused, held, released, opened)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
    [
      ...[dayOf(set.id), set.id, laneCode(set.lane), set.origin],
      set.received ?? Object.values(intake).reduce((sum, n) => sum + n, 0),
      ...intakes.map(name => intake[name] ?? 0),
      ...[count('deliver'), count('refused'), count('held'), set.released],
      wrote.opened.reduce((n, batch) => n + batch.slots.length, 0),
    ],
  )
}

function decidedPack(set: NewSet): EventPack {
  const intents = pack(set.decided, one => one.intent.id)
  const whys = pack(
    set.decided.map(one => one.verdict.why),
    whyKey,
  )
  return {
    v: 1,
    pack: `${set.id}/decided`,
    day: dayOf(set.id),
    at: set.now,
    kind: 'decided',
    set: set.id,
    intents: intents.values.map(({ intent, success }) => ({
      ...factsOf(intent, set.lane),
      ...(success !== undefined && { success }),
    })),
    whys: whys.values,
    slots: set.decided.map((one, at) => ({
      i: intents.picks?.[at] ?? 0,
      recipient: one.recipient,
      channel: one.channel,
      what: one.verdict.kind === 'refused' ? one.verdict.outcome : one.verdict.kind,
      w: whys.picks?.[at] ?? 0,
      ...(one.arm !== undefined && { arm: one.arm }),
      ...(one.locale !== undefined && { locale: one.locale }),
    })),
  }
}
