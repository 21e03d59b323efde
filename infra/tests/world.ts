import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSink } from '#analytics/collect.ts'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import type { Provider } from '#channels/provider.ts'
import { fcmProvider } from '#channels/push/fcm.ts'
import { startWorker } from '#channels/worker.ts'
import { openInstallation, type Installation } from '#cli/installation.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
import { channels, lanes } from '#contracts/channel.ts'
import { audit, type Audit, type Published } from '#ledger/audit.ts'
import { isSettled, ledgerState } from '#ledger/ready.ts'
import { localCredentials } from '#local/credentials.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { startSimulators, type Simulators } from '#local/simulators/server.ts'
import { createNotifier, type Notifier } from '#producers/sdk/notifier.ts'
import { startRouter } from '#router/router.ts'
import { startScheduler } from '#router/scheduler.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { testDatabase } from './servers.ts'
import { temporaryFolder } from './temporary-folder.ts'

const settleLimitMs = 60_000

/** The whole pipeline in this process, on its own database, Pub/Sub server and simulators; every part is the real one. */
export type World = AsyncDisposable & {
  installation: Installation
  notifier: Notifier
  simulators: Simulators
  published: Published[]
  /** Waits until every published intent was taken in and nothing is on its way; holds may stay unless told. */
  settle(options?: { holds?: boolean }): Promise<void>
  audit(): Promise<Audit>
}

export async function startWorld({ catalogue, redisUrl }: { catalogue: Catalogue; redisUrl?: string }): Promise<World> {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const database = opened.use(await testDatabase())
  const pubsub = opened.use(await startPubSubServer({ dataDir: path.join(folder.path, 'pubsub') }))
  const credentials = await localCredentials(path.join(folder.path, 'credentials'))
  const simulators = opened.use(await startSimulators({ credentials }))
  opened.defer(redirectGoogleApis({ port: simulators.ports.google, caFile: credentials.caFile }))
  const addresses = {
    ...{ databaseUrl: database.url, databaseDirectUrl: database.url, redisUrl, prefix: 'world' },
    pubsub: { projectId: 'carillon-test', emulator: pubsub.address },
  }
  const log = createLog({ role: 'world', level: 'error' })
  const installation = opened.use(await openInstallation({ addresses, catalogue, log }))
  const published: Published[] = []
  const notifier = opened.use(
    createNotifier({
      ...{ producer: 'test', catalogue, publisherLog: line => void published.push(line) },
      pubsub: { ...addresses.pubsub, prefix: addresses.prefix },
    }),
  )
  const metrics = createMetrics()
  const providers = [opened.use(fcmProvider(credentials.fcm)), inboxProvider(installation.db)] as Provider[]
  opened.use(await startSink({ ...installation, metrics }))
  opened.use(await startWorker({ ...installation, metrics, providers, lanes, channels, concurrency: 4 }))
  opened.use(await startScheduler({ ...installation, lanes }))
  opened.use(await startRouter({ ...installation, lanes }))
  const running = opened.move()
  return {
    ...{ installation, notifier, simulators, published },
    settle: options => settle(installation, published, options),
    audit: () => audit(installation.db, asyncOf(published)),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function settle({ db }: Installation, published: readonly Published[], { holds = true } = {}): Promise<void> {
  const until = performance.now() + settleLimitMs
  for (;;) {
    const state = await ledgerState(db)
    const [row] = await db.query<{ n: number }>(
      `select (select count(*) from admitted) + (select count(*) from refused where intent_id is not null)::int as n`,
    )
    const [stored] = await db.query<{ missing: number }>(
      `select count(*)::int as missing from sets s where delivering + refused + held > 0 and not exists (
         select from event_packs p where p.pack = s.id || '/decided')
       or exists (select from batches b where b.set_id = s.id and b.closed_at is not null and b.provider <> '' and not exists (
         select from event_packs p where p.pack = b.id || '/settled'))`,
    )
    const idle = isSettled(holds ? state : { ...state, holdsOpen: 0 })
    if (idle && Number(row!.n) >= new Set(published.map(one => one.intent)).size && stored!.missing === 0) return
    if (performance.now() > until) throw new Error(`not settled after ${settleLimitMs} ms: ${JSON.stringify({ ...state, ...row, ...stored })}`)
    await sleep(20)
  }
}

async function* asyncOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}
