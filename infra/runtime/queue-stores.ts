import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPostgresBackend, Queue, runMigrations, withBackend, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { withDeadline } from './deadline.ts'

/** All that a job says; everything else is in the ledger. Jobs of an older process name the batch alone. */
export type JobData = { batch: string; provider?: string; size?: number }
export type JobQueue = Pick<Queue<JobData>, 'add' | 'addBulk' | 'getJob' | 'getWaitingCount' | 'obliterate' | 'close'>
export type JobWorker = Pick<Worker<JobData>, 'run' | 'pause' | 'close'>
export type RunJob = (job: { data: JobData }) => Promise<void>

/** The part in which the two backends of BullMQ differ: connections. */
export type QueueStore = {
  /** Ready to be used, or (Redis) failing fast until the store is there. */
  queue(name: string): Promise<JobQueue>
  /** A worker that does not run yet. Rejects (Postgres) when the store is out of reach. */
  worker(name: string, options: { concurrency: number; run: RunJob }): Promise<JobWorker>
  /** False while the store is known to be out of reach. */
  up(): boolean
  /** Asks it, within a second. */
  answers(): Promise<boolean>
  close(): Promise<void>
}
export type OnStoreError = (error: unknown) => void

/** A producer knows within this time whether its jobs were stored. */
export const producerLimitMs = 1_000
const connectLimitMs = 10_000
/** Redis is disposable: a process starts without it after so long. */
const firstConnectLimitMs = 2_000
const statementLimitMs = 30_000
/** A socket that owes an answer for so long is dead; longer than a worker's blocking wait. */
const socketLimitMs = 15_000
const blockingWaitS = 5
const openAgainMs = 50
const reconnectMaxMs = 1_000
/** Nobody reads BullMQ's own events. */
const eventsKept = 100

const queueOptions = { streams: { events: { maxLen: eventsKept } } }
const workerOptions = {
  autorun: false,
  drainDelay: blockingWaitS,
  runRetryDelay: reconnectMaxMs,
  // A job that a worker took with it before it claimed the batch is seen by nobody but BullMQ: it comes again after the
  // lock and an interval. One that is wrongly taken for lost is run again, and its claim is refused by the ledger.
  lockDuration: 20_000,
  stalledInterval: 10_000,
  maxStalledCount: 100,
}

/**
 * BullMQ on Redis ≥ 6.2. Opens without the server, too: producers fail at once while it is away, workers go on when it is
 * back. All keys of a queue share the hash tag of its name, so that they live in one slot of a cluster.
 */
export async function openRedisStore(url: string, onError: OnStoreError): Promise<QueueStore> {
  let closing = false
  const common = {
    connectTimeout: connectLimitMs,
    socketTimeout: socketLimitMs,
    // Giving up is what ends a connection that is lost, and what waits on it.
    retryStrategy: (times: number) => (closing ? null : Math.min(times * 100, reconnectMaxMs)),
    // A primary that was demoted answers READONLY: only a new connection finds the one that took over.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  }
  const producer = new Redis(url, {
    ...common,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: producerLimitMs,
  })
  // BullMQ requires `null`: a worker's commands wait for the server to come back.
  const worker = new Redis(url, { ...common, maxRetriesPerRequest: null })
  for (const connection of [producer, worker]) connection.on('error', onError)
  await withDeadline(once(producer, 'ready'), { ms: firstConnectLimitMs, what: 'Redis' }).catch(() => {})
  return {
    queue: async name =>
      listened(new Queue<JobData>(name, { ...queueOptions, ...keysOf(name), connection: producer }), () => {}),
    worker: async (name, { concurrency, run }) =>
      listened(
        new Worker<JobData>(name, run, { ...workerOptions, ...keysOf(name), connection: worker, concurrency }),
        onError,
      ),
    up: () => producer.status === 'ready',
    answers: () => producer.ping().then(yes, no),
    close: async () => {
      closing = true
      for (const connection of [producer, worker]) {
        if (connection.status !== 'reconnecting') connection.disconnect()
        else connection.once('ready', () => connection.disconnect())
      }
    },
  }
}

/**
 * BullMQ on PostgreSQL, in its own schema `bullmq`, which is made when it is missing. `url` must reach the server
 * directly: workers LISTEN. Holds one connection for each worker and up to eight more. Rejects when out of reach.
 */
export async function openPostgresStore(
  url: string,
  { workersMax, onError }: { workersMax: number; onError: OnStoreError },
): Promise<QueueStore> {
  const open = (limits: { max: number; connectMs: number; queryMs: number }) => {
    const pool = new Pool({
      connectionString: url,
      options: '-c search_path=bullmq',
      application_name: 'carillon-queues',
      max: limits.max,
      connectionTimeoutMillis: limits.connectMs,
      query_timeout: limits.queryMs,
      keepAlive: true,
    })
    // Every queue and worker of BullMQ adds its own listener.
    return pool.setMaxListeners(0).on('error', onError)
  }
  const producer = open({ max: 4, connectMs: producerLimitMs, queryMs: producerLimitMs })
  const worker = open({ max: workersMax + 4, connectMs: connectLimitMs, queryMs: statementLimitMs })
  const bullmq = withBackend(pollingBackend)
  const close = async () => void (await Promise.all([producer.end(), worker.end()]))
  try {
    await migrateOnce(worker)
  } catch (error) {
    await close()
    throw error
  }
  return {
    queue: name =>
      atLast(async () => {
        const queue = listened(new bullmq.Queue<JobData>(name, { ...queueOptions, connection: producer }), () => {})
        await queue.waitUntilReady()
        return queue
      }),
    worker: async (name, { concurrency, run }) => {
      const options = { ...workerOptions, connection: worker, concurrency }
      const made = listened(new bullmq.Worker<JobData>(name, run, options), onError)
      await made.waitUntilReady()
      return made
    },
    up: () => true,
    answers: () => producer.query('select 1').then(yes, no),
    close,
  }
}

/** A server that answers may take longer at first than a producer ever waits. */
async function atLast<T>(open: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + statementLimitMs; ; await sleep(openAgainMs))
    try {
      return await open()
    } catch (error) {
      if (performance.now() > end) throw error
    }
}

/** After a lost connection BullMQ would trust in NOTIFY alone for an hour, by a timer that keeps a process from ending. */
const pollingBackend: typeof createPostgresBackend = (name, options, more) =>
  Object.defineProperty(createPostgresBackend(name, options, more), 'maximumBlockTimeout', { value: blockingWaitS })

async function migrateOnce(pool: Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await runMigrations(client)
  } finally {
    client.release()
  }
}

const keysOf = (name: string) => ({ prefix: `{${name}}`, skipVersionCheck: true })

const yes = () => true
const no = () => false

/** An `error` event without a listener would end the process. What a producer's call suffers, the call says itself. */
function listened<T extends { on(event: 'error', listener: OnStoreError): unknown }>(emitter: T, on: OnStoreError): T {
  emitter.on('error', on)
  return emitter
}
