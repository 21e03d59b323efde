import { setTimeout as sleep } from 'node:timers/promises'
import type { Catalogue } from '#contracts/catalogue.ts'
import type { Lane } from '#contracts/channel.ts'
import { newSetId, type EpochMs } from '#contracts/ids.ts'
import { parseIntent } from '#contracts/intent.ts'
import { routerSubscriptionOf } from '#contracts/messages.ts'
import type { Routes } from '#contracts/routes.ts'
import { refuseMessages } from '#ledger/admit.ts'
import { unmarkEnqueued } from '#ledger/ready.ts'
import { type Intake, type ReadyBatch, writeSet } from '#ledger/set.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import { blamesServer, type Database, isConflict, isOutage, isTimeLimit } from '#runtime/postgres.ts'
import type { PubSubPort, PulledMessage, Subscription } from '#runtime/pubsub.ts'
import type { Queues } from '#runtime/queues.ts'
import { collect, type Collector, type Worked } from './collect.ts'
import { type Failpoint, route, type RouteDeps } from './route.ts'
import { startVolumes, type Volumes } from './volumes.ts'

export type RouterDeps = {
  db: Database
  /** Inline contacts are known by hashes made with it. */
  addressKey: string
  pubsub: PubSubPort
  queues: Queues
  catalogue: Catalogue
  clock: Clock
  log: Log
  prefix: string
  lanes: readonly Lane[]
  /** A replay: decisions are taken at the time of the events, in their order. */
  trustEventTime?: boolean
  /** Of channels that have several accounts. */
  routes?: Routes | undefined
  /** So many recipients of a type and producer in ten minutes are never held. */
  volumeFloor?: number | undefined
  /** After each set: what it took in, and how long that took. */
  onRouted?: (lane: Lane, intake: Partial<Record<Intake, number>>, seconds: number) => void
  failpoint?: (name: Failpoint) => Promise<void>
}

export type Router = AsyncDisposable & {
  /** Publish time of the oldest message of a lane that is being worked on. */
  oldestUnacked(lane: Lane): EpochMs | undefined
}

const limits = {
  /** Messages held unacked by one process and lane. */
  messagesMax: 2_000,
  /** How long the first message of a set waits for others. */
  collectMs: { critical: 2, default: 10, bulk: 25 },
  parallel: 2,
  /** Deadlocks and serialization failures are tried again this often. */
  conflictsMax: 5,
  outagePauseMs: 1_000,
  outagePauseMaxMs: 30_000,
}

/** Pulls intents of the given lanes and routes them in sets. Disposing drains: what was pulled is routed and acked. */
export async function startRouter(deps: RouterDeps): Promise<Router> {
  // A replay goes as fast as it can: how much there is in ten minutes says nothing.
  const volumes = deps.trustEventTime ? undefined : startVolumes(deps)
  const started = await Promise.all(deps.lanes.map(async lane => [lane, await startLane(lane, deps, volumes)] as const))
  const lanes = new Map(started)
  return {
    oldestUnacked: lane => lanes.get(lane)?.oldest(),
    async [Symbol.asyncDispose]() {
      await Promise.all([...lanes.values()].map(lane => lane[Symbol.asyncDispose]()))
      await volumes?.[Symbol.asyncDispose]()
    },
  }
}

async function startLane(
  lane: Lane,
  deps: RouterDeps,
  volumes: Volumes | undefined,
): Promise<Collector<PulledMessage>> {
  const { db, addressKey, catalogue, clock, log, failpoint } = deps
  const trustEventTime = deps.trustEventTime ?? false
  const routeDeps: RouteDeps = {
    ...{ db, addressKey, lane, catalogue, clock, trustEventTime, volumes, routes: deps.routes },
    enqueue: ready => enqueue(ready, deps),
    ...(failpoint && { failpoint }),
  }
  const stop = new AbortController()
  const stopped = new Promise<boolean>(resolve => stop.signal.addEventListener('abort', () => resolve(false)))
  let subscription: Subscription | undefined
  let recovering: Promise<void> | undefined

  const open = () => {
    subscription = deps.pubsub.subscribe(
      routerSubscriptionOf(deps.prefix, lane),
      { maxMessages: limits.messagesMax, onError: error => log.warn({ lane, error }, 'pulling intents failed') },
      message => collector.push(message),
    )
  }
  // Nacking in a loop would turn an outage of ours into load on Pub/Sub: the pull is closed until Postgres answers.
  const recover = async () => {
    log.warn({ lane }, 'the database cannot be reached: pulling stops until it answers')
    await subscription?.close()
    let pauseMs = limits.outagePauseMs
    do {
      await sleep(pauseMs, undefined, { signal: stop.signal }).catch(() => {})
      if (stop.signal.aborted) return
      pauseMs = Math.min(pauseMs * 2, limits.outagePauseMaxMs)
    } while (!(await Promise.race([answers(db), stopped])))
    open()
    recovering = undefined
    log.info({ lane }, 'pulling again')
  }
  const collector = collect<PulledMessage>({
    waitMs: limits.collectMs[lane],
    parallel: limits.parallel,
    work: async messages => {
      // Once it is known that the database is away, nothing that is in hand has to find out by itself.
      if (recovering) return giveBack(messages)
      const worked = await routeSafely(messages, { routeDeps, deps })
      if (worked === 'given back') recovering ??= recover()
      return worked
    },
  })
  open()
  return {
    ...collector,
    async [Symbol.asyncDispose]() {
      stop.abort()
      const closed = subscription?.close()
      await collector[Symbol.asyncDispose]()
      await closed
      await recovering
    },
  }
}

const answers = (db: Database): Promise<boolean> =>
  db.query('select 1').then(
    () => true,
    () => false,
  )

/**
 * Routes a set; when one of its messages makes our own code fail, the set is halved until that message is alone, and
 * parked, so that it delays nobody. A set that takes the database too long is halved as well. What cannot be routed
 * while the database is out is given back, with all that follows.
 */
async function routeSafely(
  messages: PulledMessage[],
  by: { routeDeps: RouteDeps; deps: RouterDeps },
  conflicts = 0,
): Promise<Worked> {
  const { routeDeps, deps } = by
  const startedAt = performance.now()
  const secondsSince = () => (performance.now() - startedAt) / 1000
  try {
    const { intake } = await route(messages, routeDeps)
    deps.onRouted?.(routeDeps.lane, intake, secondsSince())
    return 'done'
  } catch (error) {
    const halves = isTimeLimit(error) && messages.length > 1
    if (isOutage(error) || (blamesServer(error) && !halves)) {
      deps.log.warn({ lane: routeDeps.lane, error }, 'a set could not be routed and is given back')
      return giveBack(messages)
    }
    if (isConflict(error) && conflicts < limits.conflictsMax) return routeSafely(messages, by, conflicts + 1)
    if (messages.length > 1) {
      const half = Math.ceil(messages.length / 2)
      const first = await routeSafely(messages.slice(0, half), by)
      return first === 'done' ? routeSafely(messages.slice(half), by) : giveBack(messages.slice(half))
    }
    deps.log.error(
      { lane: routeDeps.lane, messageId: messages[0]!.id, error },
      'a message cannot be routed and is parked',
    )
    if (!(await park(messages[0]!, error, routeDeps))) return giveBack(messages)
    deps.onRouted?.(routeDeps.lane, { parked: 1 }, secondsSince())
    return 'done'
  }
}

function giveBack(messages: readonly PulledMessage[]): Worked {
  for (const message of messages) message.nack()
  return 'given back'
}

/** True when it is parked, and acked. */
async function park(
  message: PulledMessage,
  error: unknown,
  { db, lane, clock, catalogue }: RouteDeps,
): Promise<boolean> {
  const parsed = parseIntent(message.data)
  const sensitive = parsed.ok && catalogue.types.get(parsed.intent.type)?.sensitive
  // Without its type: no other version of the catalogue is waited for, so nothing publishes it again by itself.
  const intentId = parsed.ok && parsed.intent.id
  try {
    await db.transaction(async tx => {
      const now = clock.now()
      const problem = `routing failed: ${error instanceof Error ? error.name : 'unknown error'}`
      await refuseMessages(
        tx,
        [
          {
            messageId: message.id,
            lane,
            reason: 'parked',
            problems: [problem],
            ...(!sensitive && { message: message.data }),
            ...(intentId && { intentId }),
          },
        ],
        now,
      )
      await writeSet(tx, {
        id: newSetId(),
        lane,
        origin: 'messages',
        now,
        intake: { parked: 1 },
        decided: [],
        released: 0,
      })
    })
    message.ack()
    return true
  } catch {
    return false
  }
}

/** Best effort: what could not be added is found by the reconciler. */
export async function enqueue(
  ready: readonly ReadyBatch[],
  { queues, db, log }: Pick<RouterDeps, 'queues' | 'db' | 'log'>,
): Promise<void> {
  if (ready.length === 0) return
  const byQueue = Map.groupBy(ready, batch => `${batch.lane} ${batch.channel}`)
  try {
    await Promise.all(
      [...byQueue.values()].map(batches =>
        queues.add(
          { lane: batches[0]!.lane, channel: batches[0]!.channel },
          batches.map(({ id: batchId, attempt: n, provider, size }) => ({ batchId, n, load: { provider, size } })),
        ),
      ),
    )
  } catch (error) {
    log.warn({ count: ready.length, error }, 'batches could not be enqueued; the reconciler will')
    await unmarkEnqueued(db, ready).catch((failed: unknown) =>
      log.warn({ error: failed }, 'the reconciler will find them later'),
    )
  }
}
