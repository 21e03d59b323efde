import { setTimeout as sleep } from 'node:timers/promises'
import type { EventPack } from '#contracts/event.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { sinkSubscriptionOf } from '#contracts/messages.ts'
import { ensurePartitions } from '#db/partitions.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import type { Metrics } from '#runtime/metrics.ts'
import { type Database, isOutage } from '#runtime/postgres.ts'
import type { PubSubPort, PulledMessage } from '#runtime/pubsub.ts'
import { storePacks } from './event-store.ts'
import { gather, type Gathering, type SetLimits } from './gather.ts'
import { parseEventPack } from './pack.ts'

export type SinkParts = {
  pubsub: PubSubPort
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  prefix: string
}

/** `lagMs()`: the age of the oldest pack that is pulled and not stored, 0 when there is none. */
export type Sink = AsyncDisposable & { readonly lagMs: () => number }

/** Packs held at once, stored or not: what an outage of Postgres costs in memory, about 60 MB. Then the pull pauses. */
const packsHeldMax = 1_000
/** About 20,000 events of fan-out intents. */
const setLimits: SetLimits = { bytesMax: 1.5 * 1024 * 1024, messagesMax: 400, ageMaxMs: 200 }
const outagePauseMs = 250
const outagePauseMaxMs = 5_000
/** A pack older than Pub/Sub keeps messages, or from the future, was made by a broken clock. */
const daysBack = 31
const daysForward = 1
const dayMs = 86_400_000

/**
 * Takes event packs from the events subscription and stores them, each once: big sets, one transaction, then the ack.
 * A sink that dies in between is followed by another that finds the packs stored. Any number may run. While Postgres is
 * away it holds what it has, pulls no more, and goes on by itself. Disposing stores what is held, or gives it back.
 */
export async function startSink(parts: SinkParts): Promise<Sink> {
  const { pubsub, log, metrics, clock, prefix } = parts
  const name = sinkSubscriptionOf(prefix)
  const stop = new AbortController()
  const gathering = gather(setLimits, stop.signal)
  const onError = (error: unknown) => log.warn({ subscription: name, error }, 'the pull of event packs has trouble')
  const subscription = pubsub.subscribe(name, { maxMessages: packsHeldMax, onError }, message => gathering.add(message))
  const stored = storeSets(parts, gathering, stop.signal)
  const lagMs = () => Math.max(0, clock.now() - (gathering.oldest() ?? Number.POSITIVE_INFINITY))
  metrics.onScrape(async () => ({ sink_lag: lagMs() / 1000 }))
  return {
    lagMs,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await Promise.all([subscription.close(), stored])
    },
  }
}

/** A pack, and the messages that brought it: Pub/Sub may deliver one twice, and a relay may publish one twice. */
type Held = { pack: EventPack; messages: PulledMessage[] }

async function storeSets(parts: SinkParts, gathering: Gathering, stopping: AbortSignal): Promise<void> {
  const days = new Set<string>()
  for await (const messages of gathering.sets()) {
    const held = [...parse(parts, messages).values()]
    if (held.length > 0) await storeHeld({ ...parts, days, stopping }, held)
  }
}

function parse({ log, metrics }: SinkParts, messages: readonly PulledMessage[]): Map<string, Held> {
  const held = new Map<string, Held>()
  for (const message of messages) {
    const parsed = parseEventPack(message.data)
    const problem = parsed.ok ? dayProblem(parsed.pack.day, message.publishedAt) : parsed.problem
    if (!parsed.ok || problem !== undefined) {
      metrics.count('errors_total', { part: 'sink' })
      log.error({ messageId: message.id, reason: problem }, 'an event pack is refused: its events are not stored')
      // A version that is not known here may be known to the next build; what is malformed never gets better.
      if (!parsed.ok && parsed.reason === 'unknown') message.nack()
      else message.ack()
      continue
    }
    const { pack } = parsed
    const key = `${pack.day} ${pack.pack}`
    const twin = held.get(key)
    if (twin) twin.messages.push(message)
    else held.set(key, { pack, messages: [message] })
  }
  return held
}

/** Judged by the time of publishing, which Pub/Sub gives, so that a pack that waited long is as good as a new one. */
function dayProblem(day: string, publishedAt: EpochMs): string | undefined {
  const days = (Date.parse(`${day}T00:00:00Z`) - publishedAt) / dayMs
  if (days > daysForward) return 'the pack is of a day in the future'
  if (days < -daysBack - 1) return `the pack is of a day more than ${daysBack} days before it was published`
  return undefined
}

type Storing = SinkParts & { days: Set<string>; stopping: AbortSignal }

/** Stores and acks; what fails together is tried one by one, so that one bad pack keeps no other from being stored. */
async function storeHeld(storing: Storing, held: readonly Held[]): Promise<void> {
  try {
    await storeThroughOutages(
      storing,
      held.map(one => one.pack),
    )
    for (const { messages } of held) for (const message of messages) message.ack()
  } catch (error) {
    if (held.length > 1 && !storing.stopping.aborted) {
      for (const one of held) await storeHeld(storing, [one])
      return
    }
    storing.metrics.count('errors_total', { part: 'sink' }, held.length)
    storing.log.error(
      { error, count: held.length, pack: held[0]!.pack.pack },
      'event packs could not be stored: they will come again',
    )
    for (const { messages } of held) for (const message of messages) message.nack()
  }
}

/** While Postgres is away the messages stay held, so that the subscription's limit pauses the pull. */
async function storeThroughOutages(storing: Storing, packs: readonly EventPack[]): Promise<void> {
  for (let pauseMs = outagePauseMs; ; pauseMs = Math.min(pauseMs * 2, outagePauseMaxMs)) {
    try {
      await prepareDays(storing, packs)
      await storePacks(storing.db, packs)
      return
    } catch (error) {
      // A partition that was known may have been dropped meanwhile.
      storing.days.clear()
      if (!isOutage(error) || storing.stopping.aborted) throw error
      storing.log.warn({ error, waitMs: pauseMs }, 'event packs wait for Postgres')
      await sleep(pauseMs, undefined, { signal: storing.stopping }).catch(() => {})
    }
  }
}

async function prepareDays({ db, days }: Storing, packs: readonly EventPack[]): Promise<void> {
  for (const { day } of packs) {
    if (days.has(day)) continue
    await ensurePartitions(db, { from: day, days: 1 })
    days.add(day)
  }
}
