import { setTimeout as sleep } from 'node:timers/promises'
import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import type { BatchId } from '#contracts/ids.ts'
import { withDeadline } from './deadline.ts'
import {
  type JobData,
  type JobQueue,
  openPostgresStore,
  openRedisStore,
  producerLimitMs,
  type QueueStore,
} from './queue-stores.ts'

export type QueueName = { lane: Lane; channel: Channel }
/** Who sends a batch, and how many deliveries it has: what a worker must know before it claims it. */
export type Load = { provider: string; size: number }
/** What waits on a queue: a batch of the ledger, for the n-th time. Jobs of an older process have no `load`. */
export type QueueJob = { batchId: BatchId; n: number; load?: Load }
export type RunBatch = (job: { batchId: BatchId; load?: Load }) => Promise<void>
/** `close()` takes no new jobs and waits for the running ones, at most 30 s. */
export type QueueWorker = AsyncDisposable & { close(): Promise<void> }
export type OnQueueError = (error: unknown, at: { queue?: string; batch?: string }) => void

/** The queues between router and workers: one for each lane and channel. They may lose everything at any moment. */
export type Queues = AsyncDisposable & {
  /** Adds jobs, in at most 1 s, or rejects. Not atomic. An id that is still there is left alone. */
  add(queue: QueueName, jobs: readonly QueueJob[]): Promise<void>
  /**
   * Runs `run` for each job, `concurrency` at a time. A job ends with its run, whatever comes of it; what it throws goes
   * to `onError`. Outages are sat out. One worker for a queue and process.
   */
  work(queue: QueueName, options: { concurrency: number }, run: RunBatch): Promise<QueueWorker>
  /** Whether the store still holds what was set for the lane: not when it was wiped or is new. Rejects when out of reach. */
  sentinel(lane: Lane): Promise<boolean>
  /** Who found no sentinel sets it, once what the store lost is being added again. */
  setSentinel(lane: Lane): Promise<void>
  /** Jobs that no worker has taken yet. */
  waiting(queue: QueueName): Promise<number>
  /** Wipes the queues and the sentinels, for tests. */
  flush(): Promise<void>
}

const drainLimitMs = 30_000
const closeLimitMs = 5_000
const restartAfterMs = 1_000
/** The same trouble is reported once in this time: an outage repeats itself many times a second. */
const repeatQuietMs = 10_000

/** Opens the queues on Redis when there is a `redisUrl`, else on PostgreSQL (a direct connection, no pooler). */
export async function openQueues(options: {
  redisUrl?: string | undefined
  postgresUrl?: string | undefined
  /** Letters, digits, `_` and `-`; parts the queues of several installations on one store. */
  prefix: string
  onError: OnQueueError
}): Promise<Queues> {
  const { redisUrl, postgresUrl, prefix } = options
  if (!/^[\w-]{1,60}$/.test(prefix)) throw new Error(`queue prefix "${prefix}" must be letters, digits, _ and -`)
  const onError = sayOnce(options.onError)
  const onStoreError = (error: unknown) => onError(error, {})
  let store: QueueStore
  if (redisUrl !== undefined) store = await openRedisStore(redisUrl, onStoreError)
  else if (postgresUrl !== undefined)
    store = await openPostgresStore(postgresUrl, { workersMax: lanes.length * channels.length, onError: onStoreError })
  else throw new Error('queues need a redisUrl or a postgresUrl')

  const nameOf = ({ lane, channel }: QueueName) => `${prefix}-${lane}-${channel}`
  const names = lanes.flatMap(lane => channels.map(channel => nameOf({ lane, channel })))
  const opened = new Map<string, JobQueue>()
  for (const name of [...names, `${prefix}-sentinel`]) opened.set(name, await store.queue(name))
  const sentinels = opened.get(`${prefix}-sentinel`)!
  const workers = new Map<string, QueueWorker>()

  return {
    add: (queue, jobs) => promptly(store, () => addJobs(opened.get(nameOf(queue))!, jobs)),
    waiting: queue => promptly(store, () => opened.get(nameOf(queue))!.getWaitingCount()),
    sentinel: lane => promptly(store, async () => Boolean(await sentinels.getJob(lane))),
    setSentinel: lane => promptly(store, () => addSentinel(sentinels, lane)),
    work: async (queue, { concurrency }, run) => {
      const name = nameOf(queue)
      if (workers.has(name)) throw new Error(`queue ${name} has a worker in this process: raise its concurrency`)
      const worker = await startWorker(store, { name, concurrency, run, onError })
      const closed = { close: () => worker.close().finally(() => workers.delete(name)) }
      const listed = { ...closed, [Symbol.asyncDispose]: closed.close }
      workers.set(name, listed)
      return listed
    },
    flush: async () => {
      for (const queue of opened.values()) await queue.obliterate({ force: true })
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...workers.values()].map(worker => worker.close()))
      await store.close()
    },
  }
}

/** Fails at once while the store is away and after a second when it does not answer. */
async function promptly<T>(store: QueueStore, work: () => Promise<T>): Promise<T> {
  if (!store.up()) throw new Error('the queue store is out of reach')
  return withDeadline(work(), { ms: producerLimitMs, what: 'the queue store' })
}

async function addJobs(queue: JobQueue, jobs: readonly QueueJob[]): Promise<void> {
  if (jobs.length === 0) return
  await queue.addBulk(
    jobs.map(({ batchId, n, load }) => ({
      name: 'batch',
      data: { batch: batchId, ...load },
      // A job that was kept would make adding its id again a silent no-op.
      opts: { jobId: `${batchId}-${n}`, attempts: 1, removeOnComplete: true, removeOnFail: true },
    })),
  )
}

/** A sentinel is a job that nobody works: it goes when the jobs go, by whatever means, on either backend. */
async function addSentinel(queue: JobQueue, lane: Lane): Promise<void> {
  await queue.add('sentinel', { batch: '' }, { jobId: lane })
}

type WorkerSetup = { name: string; concurrency: number; run: RunBatch; onError: OnQueueError }

async function startWorker(store: QueueStore, setup: WorkerSetup): Promise<{ close(): Promise<void> }> {
  const { name, concurrency, run, onError } = setup
  const running = new Set<Promise<void>>()
  const runJob = async ({ batch, provider, size }: JobData) => {
    try {
      const load = provider !== undefined && size !== undefined ? { load: { provider, size } } : {}
      await run({ batchId: batch as BatchId, ...load })
    } catch (error) {
      onError(error, { queue: name, batch })
    }
  }
  const worker = await store.worker(name, {
    concurrency,
    run: job => {
      const run = runJob(job.data).finally(() => running.delete(run))
      running.add(run)
      return run
    },
  })
  let closing: Promise<void> | undefined
  const loop = async () => {
    for (;;) {
      // It returns when it is closed; anything else is a fault that must not leave the queue without a worker.
      await worker.run().catch((error: unknown) => onError(error, { queue: name }))
      if (closing) return
      await sleep(restartAfterMs)
    }
  }
  void loop()
  const idle = async () => {
    while (running.size > 0) await Promise.all(running)
  }
  const limited = (work: Promise<unknown>, ms: number) =>
    withDeadline(work, { ms, what: `draining ${name}` }).catch((error: unknown) => onError(error, { queue: name }))
  const drain = async () => {
    await worker.pause(true)
    await limited(idle(), drainLimitMs)
    // BullMQ would wait for a store that is away to say that the jobs are done.
    await limited(worker.close(!(await store.answers())), closeLimitMs)
    // A job that was on its way to us when we stopped.
    await limited(idle(), drainLimitMs)
  }
  return { close: () => (closing ??= drain()) }
}

/** Passes on what is new, or was last passed on a while ago. */
function sayOnce(onError: OnQueueError): OnQueueError {
  const said = new Map<string, number>()
  return (error, at) => {
    const key = `${at.queue} ${at.batch} ${error instanceof Error ? error.message : String(error)}`
    const now = performance.now()
    if (now - (said.get(key) ?? -Infinity) < repeatQuietMs) return
    if (said.size > 1_000) said.clear()
    said.set(key, now)
    onError(error, at)
  }
}
