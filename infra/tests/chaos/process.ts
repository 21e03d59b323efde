// One part of the system as a process of its own, for a parent that ends it at named points. Over IPC it takes its setup
// (arguments, and so passwords in them, are everyone's to read), says `ready`, and `hit` when it stands at a point that
// the parent armed: there it waits for `go`, or for its end.
import path from 'node:path'
import { startSink } from '#analytics/collect.ts'
import { startRollups } from '#analytics/rollups.ts'
import type { DeliveryLimits } from '#channels/limits.ts'
import { startWorker } from '#channels/worker.ts'
import { type Addresses, openInstallation } from '#cli/installation.ts'
import { openProviders } from '#cli/providers.ts'
import { channels, lanes } from '#contracts/channel.ts'
import { localCredentials } from '#local/credentials.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { type SimulatorPorts, startSimulators } from '#local/simulators/server.ts'
import { startRouter } from '#router/router.ts'
import { startScheduler } from '#router/scheduler.ts'
import { readConfig } from '#runtime/config.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { catalogue, secret } from './catalogue.ts'
import { databaseUrlOf } from './claims.ts'
import type { Mutant } from './mutants.ts'

export type Setup =
  | { role: 'pubsub' | 'simulators'; folder: string }
  | { role: 'router' | 'sink' | 'rollups'; addresses: Addresses }
  | { role: 'worker'; addresses: Addresses; folder: string; ports: SimulatorPorts; limits?: DeliveryLimits }
export type Role = Setup['role']
export type FromChild =
  | { kind: 'ready'; address?: string; ports?: SimulatorPorts }
  | { kind: 'hit'; point: string }
  | { kind: 'mutated'; mutant: Mutant }
/** `passes`: how often the point is passed before it is a hit. */
export type FromParent =
  | { kind: 'arm'; point: string; passes: number }
  | { kind: 'disarm'; point: string }
  | { kind: 'go' }
  | { kind: 'start'; setup: Setup }

const batchesAtOnce = 4
/** Nobody listens there; its query tells the simulator which attempt a text message is. */
const publicUrl = 'http://127.0.0.1:9'

const armed = new Map<string, number>()
let go = Promise.withResolvers<void>()
process.on('message', (said: FromParent) => {
  if (said.kind === 'arm') armed.set(said.point, said.passes)
  else if (said.kind === 'disarm') armed.delete(said.point)
  else if (said.kind === 'start') void start(said.setup)
  else go.resolve()
})
process.on('disconnect', () => process.exit(0))
const say = (message: FromChild) => process.send?.(message)

async function start(setup: Setup): Promise<void> {
  switch (setup.role) {
    case 'pubsub': {
      const { address } = await startPubSubServer({ dataDir: path.join(setup.folder, 'pubsub') })
      return void say({ kind: 'ready', address })
    }
    case 'simulators': {
      const credentials = await localCredentials(path.join(setup.folder, 'credentials'))
      const logFile = path.join(setup.folder, 'simulators.ndjson')
      const { ports } = await startSimulators({ credentials, logFile, keepRequests: 0 })
      return void say({ kind: 'ready', ports })
    }
    case 'router':
    case 'sink':
    case 'rollups':
    case 'worker':
      await startPipeline(setup)
      return void say({ kind: 'ready' })
    default:
      return setup satisfies never
  }
}

async function startPipeline(setup: Exclude<Setup, { role: 'pubsub' | 'simulators' }>): Promise<void> {
  const log = createLog({ role: setup.role, level: 'warn' })
  const databaseUrl = databaseUrlOf(process.pid, setup.addresses.databaseUrl)
  const addresses = { ...setup.addresses, databaseUrl }
  const installation = await openInstallation({
    ...{ addresses, addressKey: secret, catalogue, log },
    // Ten minutes of the clock that end soon after a run began make what it does usual, and all that follows a blast.
    volumeFloor: Number.MAX_SAFE_INTEGER,
  })
  const metrics = createMetrics()
  if (setup.role === 'sink') await startSink({ ...installation, metrics })
  if (setup.role === 'rollups') startRollups({ ...installation, metrics, eventsSince: () => 0 })
  if (setup.role === 'router') {
    await startScheduler({ ...installation, lanes })
    await startRouter({ ...installation, lanes, failpoint })
  }
  if (setup.role !== 'worker') return
  const credentials = await localCredentials(path.join(setup.folder, 'credentials'))
  const simulated = { credentials, ports: setup.ports }
  redirectGoogleApis({ port: setup.ports.google, caFile: credentials.caFile })
  const config = readConfig({ CARILLON_PUBLIC_URL: publicUrl })
  const providers = openProviders({ config, db: installation.db, secret, simulated })
  const limits = setup.limits && { limits: setup.limits }
  const work = {
    ...installation,
    ...limits,
    metrics,
    providers,
    lanes,
    channels,
    concurrency: batchesAtOnce,
    failpoint,
  }
  await startWorker(work)
}

async function failpoint(point: string): Promise<void> {
  const passes = armed.get(point)
  if (passes === undefined) return
  if (passes > 0) return void armed.set(point, passes - 1)
  armed.delete(point)
  say({ kind: 'hit', point })
  await go.promise
  go = Promise.withResolvers()
}
