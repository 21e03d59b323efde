// One process of the benchmark. Its parent tells it what it is; it ends when its parent does.
import path from 'node:path'
import { openInstallation } from '#cli/installation.ts'
import type { Provider } from '#channels/provider.ts'
import { type PipelineRole, startRoles } from '#cli/roles.ts'
import { channels, type Transport } from '#contracts/channel.ts'
import { localCredentials } from '#local/credentials.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { readConfig } from '#runtime/config.ts'
import { yieldToUrgent } from '#runtime/lifecycle.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import type { Database } from '#runtime/postgres.ts'
import { catalogue } from './catalogue.ts'
import { beginProfile, endProfile } from './profile.ts'
import type { Readers } from './readers.ts'
import { baselineNames, installationOptions, type Order, type Part, type Reply, type Setup } from './setup.ts'

const part = process.argv[2] as Part
/** Batches of a channel that the worker has under way: enough for providers that answer at once. */
const concurrency = 2
const reply = (message: Reply) => void process.send!(message)

process.on('message', order => {
  void obey(order as Order).catch((error: unknown) => {
    reply({ kind: 'failed', problem: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  })
})
// Killed, not drained: whoever measures has waited until nothing was under way.
process.on('disconnect', () => process.exit())

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'start':
      return reply({ kind: 'ready', ...(await start(order.setup as Setup)) })
    case 'profile':
      return beginProfile()
    case 'profiled':
      return reply({ kind: 'profile', shares: await endProfile(part) })
    case 'transport':
      transport = order.transport
      return
    case 'send':
      return reply({ kind: 'sent', cpuUs: await sendAs(order) })
    case 'listen':
      return reply(await readers!.listen(order))
    case 'heard':
      return reply(await readers!.heard(order.count))
    default:
      return order satisfies never
  }
}

/** Each part loads only what it runs: the memory of a role is its own. */
async function start(setup: Setup): Promise<Partial<Extract<Reply, { kind: 'ready' }>>> {
  switch (part) {
    case 'pubsub': {
      const { startPubSubServer } = await import('#local/pubsub/server.ts')
      return { pubsub: (await startPubSubServer({ dataDir: path.join(setup.folder, 'pubsub') })).address }
    }
    case 'simulators': {
      const { startSimulators } = await import('#local/simulators/server.ts')
      return {
        ports: (
          await startSimulators({ credentials: await credentialsIn(setup), keepRequests: setup.keepRequests ?? 0 })
        ).ports,
      }
    }
    case 'baseline-router': {
      const { startBaselineRouter } = await import('./baseline/router.ts')
      await startBaselineRouter({ ...setup, subscription: baselineNames.subscription })
      return {}
    }
    case 'baseline-worker': {
      const { startBaselineWorker } = await import('./baseline/worker.ts')
      const credentials = await credentialsIn(setup)
      redirectGoogleApis({ port: setup.ports.google, caFile: credentials.caFile })
      await startBaselineWorker({ ...setup, credentials })
      return {}
    }
    case 'client':
      sendAs = await startClient(setup)
      return {}
    case 'api':
      return { url: await startApi(setup) }
    case 'readers':
      readers = await (await import('./readers.ts')).openReaders(setup)
      return {}
    case 'router':
    case 'worker':
    case 'sink':
      await startPipeline(part, setup)
      return {}
    default:
      return part satisfies never
  }
}

const credentialsIn = ({ folder }: Setup) => localCredentials(path.join(folder, 'credentials'))

async function startPipeline(role: PipelineRole, setup: Setup): Promise<void> {
  const lanes = setup.lanes ?? ['default']
  yieldToUrgent(lanes)
  const log = createLog({ role, level: 'info' })
  const installation = await openInstallation({
    ...installationOptions(setup),
    ...{ catalogue, log },
    // A run of minutes has no usual volume.
    volumeFloor: Number.MAX_SAFE_INTEGER,
  })
  const providers = role === 'worker' ? await switching(setup, installation.db) : []
  await startRoles([role], installation, {
    ...{ lanes, channels, concurrency, providers, metrics: createMetrics() },
  })
}

let readers: Readers | undefined

/** Every API on one port, as `carillon api` serves them. */
async function startApi(setup: Setup): Promise<string> {
  const { serveApi } = await import('#cli/api.ts')
  const { userKeysOf } = await import('#cli/user-keys.ts')
  const log = createLog({ role: 'api', level: 'info' })
  const installation = await openInstallation({ ...installationOptions(setup), ...{ catalogue, log } })
  const keys = await userKeysOf({ userKeys: undefined, dataDir: setup.folder })
  const people = { keys, origins: [] }
  return (await serveApi(installation, { host: '127.0.0.1', port: 0, metrics: createMetrics(), people })).url
}

type SendOrder = Extract<Order, { kind: 'send' }>
let sendAs: (order: SendOrder) => Promise<number> = () => Promise.reject(new Error(`${part} sends nothing`))

async function startClient(setup: Setup): Promise<typeof sendAs> {
  const { sendBy } = await import('./client-ways.ts')
  const target = {
    providers: { official: await providersAt(setup), direct: await providersAt(setup, { transport: 'direct' }) },
    ...{ credentials: await credentialsIn(setup), ports: setup.ports },
  }
  return order => sendBy(order, target)
}

let transport: Transport = 'official'

/** Providers that call by the transport that was ordered last. */
async function switching(setup: Setup, db: Database): Promise<Provider[]> {
  const official = await providersAt(setup, { db })
  const direct = await providersAt(setup, { db, transport: 'direct' })
  return official.map((one, at): Provider => ({
    ...one,
    send: (...call) => (transport === 'direct' ? direct[at]! : one).send(...call),
  }))
}

/** Without a database there is no inbox. */
async function providersAt(
  setup: Setup,
  { db, transport = 'official' }: { db?: Database; transport?: Transport } = {},
): Promise<Provider[]> {
  const { openProviders } = await import('#cli/providers.ts')
  const { ports } = setup
  const credentials = await credentialsIn(setup)
  redirectGoogleApis({ port: ports.google, caFile: credentials.caFile })
  return openProviders({
    config: { ...readConfig({}), transport },
    db: db as Database,
    secret: '',
    simulated: { credentials, ports },
  })
}
