import { once } from 'node:events'
import { connect } from 'node:net'
import type { Catalogue } from '#contracts/catalogue.ts'
import { lanes } from '#contracts/channel.ts'
import { withKeyedDedupe } from '#contracts/keyed-dedupe.ts'
import { eventsTopicOf, routerSubscriptionOf, sinkSubscriptionOf, topicOf } from '#contracts/messages.ts'
import type { Routes } from '#contracts/routes.ts'
import { daysAhead, ensurePartitions } from '#db/partitions.ts'
import { checkAddressKey, type MembershipSource } from '#preferences/preferences.ts'
import { type Clock, systemClock } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import { type Database, migrate, openPostgres } from '#runtime/postgres.ts'
import { openPubSub, type PubSubPort } from '#runtime/pubsub.ts'
import { openQueues, type Queues } from '#runtime/queues.ts'
import { openRedisScripts } from '#runtime/redis.ts'
import { postgresSignals, redisSignals, type Signals } from '#runtime/signals.ts'
import { type Buckets, postgresBuckets, redisBuckets } from '#channels/pace/bucket-store.ts'
import { stated } from './command.ts'

/** Where the real parts are, whether embedded or managed services; the same client libraries reach both. */
export type Addresses = {
  databaseUrl: string
  /** Not through a transaction pooler. */
  databaseDirectUrl: string
  redisUrl?: string | undefined
  pubsub: { projectId: string; emulator?: string | undefined }
  prefix: string
}

/** What every role works with. Disposing closes the connections. */
export type Installation = AsyncDisposable & {
  addresses: Addresses
  db: Database
  pubsub: PubSubPort
  queues: Queues
  /** What workers share of the providers' limits, where the queues are. */
  buckets: Buckets
  /** Hints between processes: whose inbox has changed. */
  signals: Signals
  catalogue: Catalogue
  sources: readonly MembershipSource[]
  /** Of channels that have several accounts. */
  routes?: Routes | undefined
  /** So many recipients of a type and producer in ten minutes are never held. */
  volumeFloor?: number | undefined
  clock: Clock
  log: Log
  prefix: string
  /** Addresses are compared by hashes that are made with it; one and the same in every process, for ever. */
  addressKey: string
}

const connectionsMax = 16
const retries = { retryMinS: 10, retryMaxS: 600, ackDeadlineS: 60 }

/** Opens the connections of one process and makes what is missing: schema, partitions, topics, subscriptions. */
export async function openInstallation(options: {
  addresses: Addresses
  addressKey: string
  catalogue: Catalogue
  /** Audiences whose members a product team keeps itself. */
  sources?: readonly MembershipSource[]
  volumeFloor?: number
  routes?: Routes
  log: Log
  clock?: Clock
}): Promise<Installation> {
  const { addresses, addressKey, catalogue, sources = [], volumeFloor, routes, log, clock = systemClock } = options
  const { databaseUrl, databaseDirectUrl, redisUrl, prefix } = addresses
  await using opened = new AsyncDisposableStack()
  await prepareDatabase(databaseDirectUrl).catch(stated(`cannot use the database at ${placeOf(databaseDirectUrl)}`))
  const db = opened.use(
    await openPostgres({ url: databaseUrl, connectionsMax, name: 'pipeline' }).catch(
      stated(`cannot use the database at ${placeOf(databaseUrl)}`),
    ),
  )
  await checkAddressKey({ db, addressKey }).catch(stated(`cannot use the database at ${placeOf(databaseUrl)}`))
  const pubsub = opened.use(openPubSub(addresses.pubsub))
  const { projectId, emulator } = addresses.pubsub
  await (emulator === undefined ? Promise.resolve() : reachServer(emulator))
    .then(() => preparePubSub(pubsub, prefix))
    .catch(stated(`cannot use Pub/Sub (${emulator ?? 'Google Cloud'}, project ${projectId})`))
  const queues = opened.use(
    await openQueues({
      ...{ redisUrl, postgresUrl: databaseDirectUrl, prefix },
      onError: (error, at) => log.warn({ ...at, error }, 'the queue store has trouble'),
    }),
  )
  const trouble = (of: string) => (error: unknown) => log.warn({ error }, `the store of ${of} has trouble`)
  const redis =
    redisUrl === undefined ? undefined : opened.use(await openRedisScripts(redisUrl, trouble('rate limits')))
  const hints = { name: `${prefix}_inbox`, onError: trouble('hints between processes') }
  const signals = opened.use(
    redisUrl === undefined
      ? postgresSignals({ db, directUrl: databaseDirectUrl }, hints)
      : redisSignals(redisUrl, hints),
  )
  const running = opened.move()
  return {
    addresses,
    db,
    pubsub,
    queues,
    signals,
    buckets: redis ? redisBuckets(redis, prefix) : postgresBuckets(db),
    catalogue: withKeyedDedupe(catalogue, addressKey),
    sources,
    volumeFloor,
    routes,
    clock,
    log,
    prefix,
    addressKey,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const reachLimitMs = 5_000

/** The client library waits long for a server that is not there, and then says only that it took long. */
async function reachServer(address: string): Promise<void> {
  const at = address.lastIndexOf(':')
  const socket = connect({ host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(reachLimitMs) })
  } finally {
    socket.destroy()
  }
}

/** A database's URL without its password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

async function prepareDatabase(url: string): Promise<void> {
  await using db = await openPostgres({ url, connectionsMax: 2, name: 'migrate' })
  await migrate(db)
  await preparePartitions(db, systemClock.now())
}

const dayMs = 86_400_000

/** Yesterday's too: what was made just before midnight may be written after it. */
export const preparePartitions = (db: Database, now: number): Promise<void> =>
  ensurePartitions(db, { from: new Date(now - dayMs).toISOString().slice(0, 10), days: daysAhead + 2 })

async function preparePubSub(pubsub: PubSubPort, prefix: string): Promise<void> {
  for (const lane of lanes) {
    await pubsub.ensureTopic(topicOf(prefix, lane))
    await pubsub.ensureSubscription(routerSubscriptionOf(prefix, lane), {
      topic: topicOf(prefix, lane),
      ordering: true,
      ...retries,
    })
  }
  await pubsub.ensureTopic(eventsTopicOf(prefix))
  await pubsub.ensureSubscription(sinkSubscriptionOf(prefix), {
    topic: eventsTopicOf(prefix),
    ordering: false,
    ...retries,
  })
}
