import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSink } from '#analytics/collect.ts'
import { eventsTopicOf, sinkSubscriptionOf } from '#contracts/messages.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { systemClock } from '#runtime/clock.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { type Database, migrate, openPostgres } from '#runtime/postgres.ts'
import { openPubSub, type PubSubPort } from '#runtime/pubsub.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const factLimitMs = 60_000
const pollMs = 25

/** Waits until something is so; throws with what it was instead. */
export async function until<T>(read: () => Promise<T> | T, holds: (value: T) => boolean): Promise<T> {
  const end = performance.now() + factLimitMs
  for (;;) {
    const value = await read()
    if (holds(value)) return value
    if (performance.now() > end) throw new Error(`after ${factLimitMs} ms it is still ${JSON.stringify(value)}`)
    await sleep(pollMs)
  }
}

/** A real Pub/Sub server and database with the events topic; sinks are started by the test. */
export async function setup(databaseUrl?: string) {
  await using started = new AsyncDisposableStack()
  const folder = started.use(await temporaryFolder())
  const server = started.use(await startPubSubServer({ dataDir: path.join(folder.path, 'pubsub') }))
  const url = databaseUrl ?? started.use(await testDatabase()).url
  const db = started.use(await openPostgres({ url, connectionsMax: 10, name: 'test' }))
  if (databaseUrl !== undefined) await migrate(db)
  const prefix = 'test'
  const pubsub = started.use(openPubSub({ projectId: 'carillon', emulator: server.address }))
  await pubsub.ensureTopic(eventsTopicOf(prefix))
  const retries = { retryMinS: 0, retryMaxS: 1, ackDeadlineS: 10 }
  const topic = eventsTopicOf(prefix)
  await pubsub.ensureSubscription(sinkSubscriptionOf(prefix), { topic, ordering: false, ...retries })
  const publisher = pubsub.publisher(topic, { batchMessages: 100, batchMs: 5 })
  const lines: string[] = []
  let acked = 0
  let held = 0
  let heldMost = 0
  const log = createLog({ role: 'sink', write: line => lines.push(line) })
  const metrics = createMetrics()
  const running = started.move()
  return {
    db,
    url,
    prefix,
    emulator: server.address,
    /** What sinks logged. */
    lines,
    metrics,
    /** Messages that sinks took off the subscription. */
    acked: () => acked,
    /** The most messages that sinks had at once and had not taken off. */
    heldMost: () => heldMost,
    publish: (payload: object | string) =>
      publisher.publish(Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))),
    /** A sink with connections of its own, as another process has. */
    sink: async () => {
      await using own = new AsyncDisposableStack()
      const ownDb = own.use(await openPostgres({ url, connectionsMax: 4, name: 'test-sink' }))
      const ownPubsub = own.use(openPubSub({ projectId: 'carillon', emulator: server.address }))
      const counting = countingMessages(ownPubsub, {
        pulled: () => (heldMost = Math.max(heldMost, ++held)),
        acked: () => {
          acked++
          held--
        },
      })
      const parts = { db: ownDb, pubsub: counting, clock: systemClock, log, metrics, prefix }
      const { lagMs } = own.adopt(await startSink(parts), sink => sink[Symbol.asyncDispose]())
      const open = own.move()
      return { lagMs, [Symbol.asyncDispose]: () => open.disposeAsync() }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const countingMessages = (pubsub: PubSubPort, count: { pulled: () => void; acked: () => void }): PubSubPort => ({
  ...pubsub,
  subscribe: (name, options, onMessage) =>
    pubsub.subscribe(name, options, message => {
      count.pulled()
      const ack = () => {
        message.ack()
        count.acked()
      }
      onMessage({ ...message, ack })
    }),
})

export type Stored = { packs: number; events: number }
export async function stored(db: Database): Promise<Stored> {
  const [row] = await db.query<Stored>(
    `select (select count(*)::int from event_packs) as packs, (select count(*)::int from delivery_events) as events`,
  )
  return row!
}
