import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { localCredentials } from '#local/credentials.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { startSimulators } from '#local/simulators/server.ts'
import { type Config, readConfig } from '#runtime/config.ts'
import { createHttp, listen, serveOperations } from '#runtime/http.ts'
import { exitOnCrash, untilSignal } from '#runtime/lifecycle.ts'
import { createLog, type Log } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { serveApi } from '../api.ts'
import { type Command, CommandError, stated } from '../command.ts'
import { openDataFolder } from '../data-folder.ts'
import { secretOf, startEverything } from '../everything.ts'
import { type Installation, openInstallation } from '../installation.ts'
import { openProviders } from '../providers.ts'
import { type PipelineRole, startRoles, unreadiness } from '../roles.ts'
import { catalogueFrom, configuredAddresses, simulatedBeside, simulatorsFile } from '../stack.ts'

const pipeline = (name: PipelineRole, summary: string): Command => ({
  name,
  usage: name,
  summary,
  run: () => runPipeline(name),
})

/** One role, one process: how production runs. Settings come from the environment (`carillon config` lists them). */
export const roleCommands: readonly Command[] = [
  pipeline('router', 'Routes intents and does what happens by time: holds, audiences, retries, events.'),
  pipeline('worker', 'Delivers batches to providers and the inbox.'),
  pipeline('sink', 'Stores delivery events.'),
  { name: 'api', usage: 'api', summary: 'Serves the HTTP APIs.', run: runApi },
  {
    name: 'pubsub',
    usage: 'pubsub [--port N]',
    summary: 'Runs the local Pub/Sub server, a stand-in for one machine, and prints where.',
    run: runPubSub,
  },
  {
    name: 'simulators',
    usage: 'simulators',
    summary: 'Runs simulators of FCM, APNs, SendGrid and Twilio.',
    run: runSimulators,
  },
  {
    name: 'all',
    usage: 'all',
    summary: 'Runs every role in this process, and what is not configured beside it.',
    run: runAll,
  },
]

const bodyBytesMax = 1024

/** A process of the installation that is configured. `work` starts its role; a signal drains it. */
async function runInstalled(
  role: string,
  work: (at: { config: Config; installation: Installation; log: Log; opened: AsyncDisposableStack }) => Promise<void>,
): Promise<number> {
  const stopped = untilSignal()
  const config = readConfig()
  const log = createLog({ role, level: config.logLevel })
  exitOnCrash(log)
  await using opened = new AsyncDisposableStack()
  const products = await catalogueFrom(config)
  const reached = { addresses: configuredAddresses(config), addressKey: await secretOf(config) }
  const installation = opened.use(await openInstallation({ ...reached, ...products, log }))
  await work({ config, installation, log, opened })
  log.info({ catalogue: products.catalogue.version }, `${role} works`)
  log.info({ signal: await stopped }, `${role} drains and stops`)
  return 0
}

const runPipeline = (role: PipelineRole): Promise<number> =>
  runInstalled(role, async ({ config, installation, log, opened }) => {
    const metrics = createMetrics()
    const { lanes, channels, workerConcurrency: concurrency } = config
    const providers =
      role === 'worker'
        ? openProviders({
            config,
            db: installation.db,
            secret: await secretOf(config),
            simulated: await simulatedBeside(config, opened),
          })
        : []
    for (const provider of providers) opened.use(provider)
    opened.use(await startRoles([role], installation, { lanes, channels, concurrency, providers, metrics }))
    const app = createHttp({ log, metrics, bodyLimitBytes: bodyBytesMax })
    serveOperations(app, { metrics, readiness: () => unreadiness(installation) })
    const { host, metricsPort: port } = config.http
    const url = await listen(app, { host, port }).catch(
      stated(`cannot serve metrics on ${host}:${port} (CARILLON_HTTP_HOST, CARILLON_METRICS_PORT)`),
    )
    opened.defer(() => app.close())
    log.info({ host: new URL(url).host }, 'health and metrics are served')
  })

function runApi(): Promise<number> {
  return runInstalled('api', async ({ config, installation, log, opened }) => {
    const { host, port } = config.http
    const api = opened.use(
      await serveApi(installation, { host, port, metrics: createMetrics(), approvalAbove: config.approvalAbove }).catch(
        stated(`cannot serve the API on ${host}:${port} (CARILLON_HTTP_HOST, CARILLON_HTTP_PORT)`),
      ),
    )
    log.info({ host: new URL(api.url).host }, 'the API is served')
  })
}

const portMax = 65_535

async function runPubSub(args: string[]): Promise<number> {
  const stopped = untilSignal()
  exitOnCrash(createLog({ role: 'pubsub' }))
  const { values } = parseArgs({ args, options: { port: { type: 'string', default: '0' } } })
  if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > portMax)
    throw new CommandError(`--port must be a number from 0 to ${portMax}; 0, the default, takes any free one`)
  const { dataDir } = readConfig()
  await openDataFolder(dataDir)
  const folder = path.join(dataDir, 'pubsub')
  await using server = await startPubSubServer({ dataDir: folder, port: Number(values.port) }).catch(
    stated('cannot start'),
  )
  console.log(`export PUBSUB_EMULATOR_HOST=${server.address}`)
  await stopped
  return 0
}

async function runSimulators(): Promise<number> {
  const stopped = untilSignal()
  exitOnCrash(createLog({ role: 'simulators' }))
  const { dataDir } = readConfig()
  await openDataFolder(dataDir)
  const credentials = await localCredentials(path.join(dataDir, 'credentials'))
  await using simulators = await startSimulators({ credentials, logFile: path.join(dataDir, 'simulators.ndjson') })
  await using opened = new AsyncDisposableStack()
  opened.defer(() => rm(simulatorsFile(dataDir), { force: true }))
  await writeFile(simulatorsFile(dataDir), JSON.stringify(simulators.ports))
  console.log(JSON.stringify(simulators.ports))
  await stopped
  return 0
}

async function runAll(): Promise<number> {
  const stopped = untilSignal()
  const config = readConfig()
  const log = createLog({ role: 'all', level: config.logLevel })
  exitOnCrash(log)
  await using everything = await startEverything({
    config,
    log,
    onPart: ({ name, address }) => console.log(`${name.padEnd(20)} ${address}`),
  })
  log.info({ host: new URL(everything.apiUrl).host }, 'everything works')
  await stopped
  return 0
}
