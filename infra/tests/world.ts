import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSink } from '#analytics/collect.ts'
import { sendgridProvider } from '#channels/email/sendgrid.ts'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import type { Provider } from '#channels/provider.ts'
import { fcmProvider } from '#channels/push/fcm.ts'
import { twilioProvider } from '#channels/sms/twilio.ts'
import { startWorker } from '#channels/worker.ts'
import { type Addresses, openInstallation, type Installation } from '#cli/installation.ts'
import { startFollowUps } from '#cli/retract.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import type { Routes } from '#contracts/routes.ts'
import { routerSubscriptionOf, topicOf } from '#contracts/messages.ts'
import { audit, type Audit, type Published } from '#ledger/audit.ts'
import { isSettled, ledgerState } from '#ledger/ready.ts'
import type { LocalCredentials } from '#local/credentials.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { startSimulators, type Simulators } from '#local/simulators/server.ts'
import type { MembershipSource } from '#preferences/preferences.ts'
import { createNotifier, type Notifier } from '#producers/sdk/notifier.ts'
import { startRouter } from '#router/router.ts'
import { startScheduler } from '#router/scheduler.ts'
import type { Clock } from '#runtime/clock.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openPubSub, type PubSubPort, type PulledMessage } from '#runtime/pubsub.ts'
import { openQueues, type Queues } from '#runtime/queues.ts'
import { testCredentials, testDatabase } from './servers.ts'
import { temporaryFolder } from './temporary-folder.ts'

const settleLimitMs = 180_000
const addressKey = 'a key for tests'

/** The whole pipeline in this process, on its own database, Pub/Sub server and simulators; every part is the real one. */
export type World = AsyncDisposable & {
  installation: Installation
  notifier: Notifier
  simulators: Simulators
  credentials: LocalCredentials
  published: Published[]
  /** Stores messages of the default lane as they are, without the SDK. */
  publish(messages: readonly Buffer[]): Promise<void>
  /**
   * Waits until every published intent was taken in and nothing is on its way; holds may stay unless told. With
   * `received` also until so many messages were.
   */
  settle(options?: { holds?: boolean; received?: number }): Promise<void>
  /** Ends routers and scheduler, and starts others. */
  restartRouting(): Promise<void>
  audit(): Promise<Audit>
}

export type WorldOptions = {
  catalogue: Catalogue
  sources?: readonly MembershipSource[]
  redisUrl?: string
  /** How many of each work beside each other on the same database. */
  routers?: number
  volumeFloor?: number
  workers?: number
  /** Accounts beside those of the simulators, and how the channels' messages are shared between all. */
  accounts?: readonly Provider[]
  routes?: Routes
  /** Lanes that have workers; what goes by another stays queued. Default: all that the catalogue uses. */
  served?: readonly Lane[]
  /** Every intent message comes again this often after it was routed, as if the ack were lost. */
  redeliveries?: number
  /** By which is decided. Leases and due times of batches go by that of the database. */
  clock?: Clock
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const { catalogue, sources = [], redisUrl, routers = 1, workers = 1, redeliveries = 0 } = options
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const database = opened.use(await testDatabase())
  const pubsub = opened.use(await startPubSubServer({ dataDir: path.join(folder.path, 'pubsub') }))
  const credentials = await testCredentials()
  const simulators = opened.use(await startSimulators({ credentials }))
  opened.defer(redirectGoogleApis({ port: simulators.ports.google, caFile: credentials.caFile }))
  const addresses: Addresses = {
    ...{ databaseUrl: database.url, databaseDirectUrl: database.url, redisUrl, prefix: 'world' },
    pubsub: { projectId: 'carillon-test', emulator: pubsub.address },
  }
  const log = createLog({ role: 'world', level: 'error' })
  if (redeliveries > 0) await redeliverAtOnce(addresses)
  const installation = opened.use(
    await openInstallation({
      ...{ addresses, addressKey, catalogue, sources, log },
      ...(options.volumeFloor !== undefined && { volumeFloor: options.volumeFloor }),
      ...(options.clock && { clock: options.clock }),
      ...(options.routes && { routes: options.routes }),
    }),
  )
  const published: Published[] = []
  const notifier = opened.use(
    createNotifier({
      ...{ producer: 'test', catalogue, publisherLog: line => void published.push(line) },
      pubsub: { ...addresses.pubsub, prefix: addresses.prefix },
    }),
  )
  const metrics = createMetrics()
  const fcm = opened.use(fcmProvider(credentials.fcm))
  const providers = [
    fcm as Provider,
    ...othersOf({ credentials, simulators, db: installation.db }),
    ...(options.accounts ?? []),
  ]
  opened.use(await startSink({ ...installation, metrics }))
  const work = { metrics, ...usedBy(catalogue), ...(options.served && { lanes: options.served }), concurrency: 4 }
  for (let n = 0; n < workers; n++) {
    const queues = n === 0 ? installation.queues : opened.use(await queuesOf(addresses))
    opened.use(await startWorker({ ...installation, ...work, queues, providers }))
  }
  opened.use(startFollowUps(installation))
  opened.use(await startScheduler({ ...installation, lanes }))
  const pull = again(installation.pubsub, redeliveries)
  let routing = await startRouting(installation, { pull, routers })
  opened.defer(() => routing[Symbol.asyncDispose]())
  const running = opened.move()
  return {
    ...{ installation, notifier, simulators, credentials, published },
    publish: async messages => {
      const publisher = installation.pubsub.publisher(topicOf(installation.prefix, 'default'), {
        batchMessages: 100,
        batchMs: 5,
      })
      await Promise.all(messages.map(message => publisher.publish(message)))
      await publisher.close()
    },
    settle: options => settle(installation, published, options),
    restartRouting: async () => {
      await routing[Symbol.asyncDispose]()
      routing = await startRouting(installation, { pull, routers })
    },
    audit: () => audit(installation.db, asyncOf(published)),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Every lane and channel that is worked on takes connections, and to open them costs most of what a small test does. */
function usedBy({ types }: Catalogue): { lanes: Lane[]; channels: Channel[] } {
  const used = [...types.values()]
  return {
    lanes: lanes.filter(lane => used.some(type => type.lane === lane)),
    channels: channels.filter(channel => used.some(type => type.deliver.some(step => step.channel === channel))),
  }
}

type Opened = { credentials: LocalCredentials; simulators: Simulators; db: Installation['db'] }

/** All but FCM. */
function othersOf({ credentials, simulators: { ports }, db }: Opened): Provider[] {
  const at = (port: number) => `http://127.0.0.1:${port}`
  const { apiKey } = credentials.sendgrid
  const links = { url: 'https://bell.test', secret: addressKey }
  return [
    sendgridProvider({ apiKey, from: 'notify@carillon.test', links, baseUrl: `${at(ports.sendgrid)}/` }),
    twilioProvider({ ...credentials.twilio, links, baseUrl: at(ports.twilio) }),
    inboxProvider(db),
  ] as Provider[]
}

async function startRouting(
  installation: Installation,
  { pull, routers }: { pull: PubSubPort; routers: number },
): Promise<AsyncDisposable> {
  const opened = new AsyncDisposableStack()
  opened.use(await startScheduler({ ...installation, lanes }))
  for (let n = 0; n < routers; n++) opened.use(await startRouter({ ...installation, pubsub: pull, lanes }))
  return opened
}

/** A process takes one worker for each queue; another worker in it needs connections of its own. */
const queuesOf = ({ redisUrl, databaseUrl, prefix }: Addresses): Promise<Queues> =>
  openQueues({ redisUrl, postgresUrl: databaseUrl, prefix, onError: () => {} })

/** Made before the installation, which leaves the retry delays of a subscription as it finds them. */
async function redeliverAtOnce({ pubsub, prefix }: Addresses): Promise<void> {
  await using port = openPubSub(pubsub)
  for (const lane of lanes) {
    const topic = topicOf(prefix, lane)
    await port.ensureTopic(topic)
    await port.ensureSubscription(routerSubscriptionOf(prefix, lane), {
      ...{ topic, ordering: true, retryMinS: 0, retryMaxS: 0, ackDeadlineS: 60 },
    })
  }
}

/** Gives messages back instead of taking them off, the first few times. */
function again(pubsub: PubSubPort, times: number): PubSubPort {
  const acked = new Map<string, number>()
  const lost = (message: PulledMessage): boolean => {
    const n = acked.get(message.id) ?? 0
    acked.set(message.id, n + 1)
    return n < times
  }
  return {
    ...pubsub,
    subscribe: (name, options, onMessage) =>
      pubsub.subscribe(name, options, message =>
        onMessage({ ...message, ack: () => (lost(message) ? message.nack() : message.ack()) }),
      ),
  }
}

async function settle(
  { db }: Installation,
  published: readonly Published[],
  { holds = true, received = 0 } = {},
): Promise<void> {
  const until = performance.now() + settleLimitMs
  for (;;) {
    const state = await ledgerState(db)
    const [lost] = await db.query<{ n: number }>(
      `select count(*)::int as n from unnest($1::uuid[]) as u(id) where not exists (select from admitted a where a.id = u.id)
         and not exists (select from refused r where r.intent_id = u.id)`,
      [[...new Set(published.map(one => one.intent))]],
    )
    const [messages] = await db.query<{ received: number }>(
      'select coalesce(sum(received), 0)::int as received from sets',
    )
    const [stored] = await db.query<{ missing: number }>(
      `select count(*)::int as missing from sets s where delivering + refused + held > 0 and not exists (
         select from event_packs p where p.pack = s.id || '/decided')
       or exists (select from batches b where b.set_id = s.id and b.closed_at is not null and b.provider <> '' and not exists (
         select from event_packs p where p.pack = b.id || '/settled'))`,
    )
    const idle = isSettled(holds ? state : { ...state, holdsOpen: 0 })
    const takenIn = messages!.received >= received && lost!.n === 0
    if (idle && takenIn && stored!.missing === 0) return
    if (performance.now() > until)
      throw new Error(
        `not settled after ${settleLimitMs} ms: ${JSON.stringify({ ...state, notTakenIn: lost!.n, ...messages, ...stored })}`,
      )
    await sleep(20)
  }
}

async function* asyncOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}
