import type { Catalogue } from '#contracts/catalogue.ts'
import { type Lane, lanes as allLanes } from '#contracts/channel.ts'
import { parseIntent } from '#contracts/intent.ts'
import { packAttributes } from '#contracts/event.ts'
import { eventsTopicOf, topicOf } from '#contracts/messages.ts'
import type { Routes } from '#contracts/routes.ts'
import { readmitAsked, readmitParked } from '#ledger/admit.ts'
import { freeStopped } from '#ledger/stops.ts'
import { resendDoubts } from '#ledger/doubts.ts'
import { relayOutbox } from '#ledger/outbox.ts'
import { markEnqueued, startSweep, type Sweep, unqueuedBatches } from '#ledger/ready.ts'
import type { MembershipSource } from '#preferences/preferences.ts'
import type { Clock } from '#runtime/clock.ts'
import { every } from '#runtime/every.ts'
import type { Log } from '#runtime/log.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import type { Publisher, PubSubPort } from '#runtime/pubsub.ts'
import type { Queues } from '#runtime/queues.ts'
import { knows } from './admit.ts'
import { expandPage } from './expand.ts'
import { releaseDue } from './release.ts'
import { releaseDigests } from './release-digests.ts'
import { enqueue } from './router.ts'

export type SchedulerDeps = {
  db: Database
  pubsub: PubSubPort
  queues: Queues
  catalogue: Catalogue
  sources?: readonly MembershipSource[]
  clock: Clock
  log: Log
  prefix: string
  lanes: readonly Lane[]
  /** Of channels that have several accounts. */
  routes?: Routes | undefined
  trustEventTime?: boolean
}

const pauses = {
  reconcileMs: 2_000,
  holdsMs: 1_000,
  expansionsMs: 250,
  doubtsMs: 5_000,
  stopsMs: 1_000,
  relayMs: 100,
  askedMs: 1_000,
  parkedMs: 60_000,
}
/** Batches that one reconciler turn puts back on their queues, for each lane. */
const reconcileMax = 200
const readmitMax = 100

/**
 * What happens by time: due holds and digests, audiences, lost jobs, doubts, events to publish. Every task takes its rows with SKIP
 * LOCKED, so any number of copies may run.
 */
export async function startScheduler(deps: SchedulerDeps): Promise<AsyncDisposable> {
  const { db, clock, log, lanes } = deps
  const events = deps.pubsub.publisher(eventsTopicOf(deps.prefix), { batchMessages: 50, batchMs: 5 })
  // Of all lanes: a message is parked wherever it came in.
  const intents = new Map(
    allLanes.map(lane => {
      const batching = { batchMessages: readmitMax, batchMs: 1 }
      return [lane, deps.pubsub.publisher(topicOf(deps.prefix, lane), batching)]
    }),
  )
  const report = (task: string) => (error: unknown) =>
    log.warn({ task, error }, 'a scheduled task failed and will run again')
  const enqueueReady = async (ready: Awaited<ReturnType<typeof releaseDue>>) => {
    if (ready) await enqueue(ready, deps)
    return ready !== undefined
  }
  const trustEventTime = deps.trustEventTime ?? false
  const reconcile = reconciler()
  const tasks = [
    every(pauses.reconcileMs, () => reconcile(deps), report('reconcile')),
    ...lanes.map(lane =>
      every(
        pauses.holdsMs,
        async () => enqueueReady(await releaseDue(db, { ...deps, lane, now: clock.now() })),
        report('holds'),
      ),
    ),
    ...lanes.map(lane =>
      every(
        pauses.holdsMs,
        async () => enqueueReady(await releaseDigests(db, { ...deps, lane, now: clock.now() })),
        report('digests'),
      ),
    ),
    every(
      pauses.expansionsMs,
      async () =>
        enqueueReady(await expandPage({ ...deps, sources: deps.sources ?? [], now: clock.now(), trustEventTime })),
      report('expansions'),
    ),
    every(pauses.stopsMs, async () => void (await freeStopped(db, { now: clock.now() })), report('stops')),
    every(pauses.doubtsMs, async () => (await resendDoubts(db, { limit: reconcileMax })) > 0, report('doubts')),
    every(pauses.relayMs, () => relay(deps, events), report('relay')),
    every(pauses.parkedMs, () => readmit(deps, intents, readmitKnown(deps)), report('parked')),
    every(pauses.askedMs, () => readmit(deps, intents, readmitAsked), report('asked')),
  ]
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(tasks.map(task => task[Symbol.asyncDispose]()))
      await Promise.all([events, ...intents.values()].map(publisher => publisher.close()))
    },
  }
}

/**
 * Puts on their queues what is ready in the ledger and on no queue: never added, lease lapsed, or the store was wiped.
 * A turn takes one page of each lane; after a wipe the turns follow each other until everything is back.
 */
function reconciler(): (deps: SchedulerDeps) => Promise<boolean> {
  const sweeps = new Map<Lane, Sweep>()
  return async ({ db, queues, lanes, log }) => {
    // A store that is away is asked again at the same pace: what is critical waits for no back-off when it returns.
    const away = (error: unknown) => log.warn({ task: 'reconcile', error }, 'the queue store cannot be asked')
    let more = false
    for (const lane of lanes) {
      const known = await queues.sentinel(lane).catch(away)
      if (known === undefined) return false
      if (!known) {
        log.warn({ lane }, 'the queue store is new or was wiped: everything that is ready is enqueued again')
        sweeps.set(lane, await startSweep(db))
      }
      const sweep = sweeps.get(lane)
      const ready = await unqueuedBatches(db, { lane, limit: reconcileMax, sweep })
      await markEnqueued(db, ready)
      await enqueue(ready, { db, queues, log })
      // Not earlier: who is lost before has the sweep begun again by another.
      if (!known) await queues.setSentinel(lane).catch(away)
      const full = ready.length === reconcileMax
      if (sweep && full) sweeps.set(lane, { ...sweep, dueFrom: ready.at(-1)!.dueAt })
      else sweeps.delete(lane)
      more ||= full
    }
    return more
  }
}

async function relay({ db, log, prefix }: SchedulerDeps, events: Publisher): Promise<boolean> {
  const { published, refused, failure } = await relayOutbox(db, (payload, pack) =>
    events.publish(Buffer.from(payload), packAttributes(pack, prefix)),
  )
  for (const one of refused) log.error(one, 'Pub/Sub refuses an event pack: it stays in the outbox')
  if (failure !== undefined) throw failure
  return published > 0
}

type Taken = { lane: Lane; message: Buffer }[]

/** Messages of a type that this catalogue knows by now. */
const readmitKnown =
  ({ catalogue }: SchedulerDeps) =>
  (tx: Queryable, { limit }: { limit: number }): Promise<Taken> =>
    readmitParked(tx, { knows: (type, version) => knows(catalogue, type, version), limit })

/** Refused messages go back to their topic; idempotency holds as for any repeat. */
async function readmit(
  { db }: SchedulerDeps,
  intents: ReadonlyMap<Lane, Publisher>,
  take: (tx: Queryable, about: { limit: number }) => Promise<Taken>,
): Promise<boolean> {
  const taken = await db.transaction(async tx => {
    const parked = await take(tx, { limit: readmitMax })
    // The transaction stays open while publishing: they are gone from here only once Pub/Sub has stored them.
    await Promise.all(parked.map(({ lane, message }) => intents.get(lane)!.publish(message, attributesOf(message))))
    return parked.length
  })
  return taken === readmitMax
}

/** How much work it is, as the producer's own message says. */
function attributesOf(message: Buffer): Record<string, string> {
  const parsed = parseIntent(message)
  return parsed.ok ? { recipients: String(parsed.intent.to.length) } : {}
}
