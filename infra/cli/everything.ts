import { channels, lanes } from '#contracts/channel.ts'
import type { Stack } from '#local/stack.ts'
import type { PublisherLogLine } from '#producers/sdk/publisher-log.ts'
import type { Config } from '#runtime/config.ts'
import type { Log } from '#runtime/log.ts'
import { createMetrics, type Metrics } from '#runtime/metrics.ts'
import { addressesOf } from './addresses.ts'
import { serveApi } from './api.ts'
import { repliesOf } from './brand.ts'
import { catalogueFrom } from './catalogue-from.ts'
import { claimForStart } from './claim.ts'
import { stated } from './command.ts'
import { serveDemo } from './demo.ts'
import { type Installation, openInstallation } from './installation.ts'
import { openProviders } from './providers.ts'
import { pipelineRoles, startRoles } from './roles.ts'
import { secretOf } from './secret.ts'
import { simulatedOf, startMissing } from './stack.ts'
import { userKeysOf } from './user-keys.ts'
import { trustOf } from './webhook-trust.ts'

export type Everything = AsyncDisposable & {
  installation: Installation
  stack: Stack
  metrics: Metrics
  apiUrl: string
}

/**
 * The stack and every role in this process, one such process for a data folder. Disposing drains all of it, in order.
 * Throws a `CommandError` when a part cannot start.
 */
export async function startEverything(options: {
  config: Config
  log: Log
  onPart: (part: { name: string; address: string }) => void
  publisherLog?: (line: PublisherLogLine) => void
  /** With the page that shows a bell. */
  demo?: boolean
}): Promise<Everything> {
  const { config, log, onPart, publisherLog, demo = false } = options
  for (const warning of config.warnings) log.warn({}, warning)
  await using opened = new AsyncDisposableStack()
  opened.use(await claimForStart(config.dataDir))
  const stack = opened.use(await startMissing(config, onPart).catch(stated('cannot start the servers of this machine')))
  const products = await catalogueFrom(config)
  const secret = await secretOf(config)
  const { approvalAbove, groupMin, volumeFloor, routes } = config
  const reached = { addresses: addressesOf(config, stack), addressKey: secret, volumeFloor, routes }
  const installation = opened.use(await openInstallation({ ...reached, ...products, log }))
  const metrics = createMetrics()
  const { host, port, proxies } = config.http
  const api = opened.use(
    await serveApi(installation, {
      ...{ host, port, metrics, approvalAbove, groupMin, proxies },
      ...(publisherLog && { publisherLog }),
      ...(demo && isOwn(config) && { also: app => void opened.use(serveDemo(app, { installation, config })) }),
      people: { keys: await userKeysOf(config), origins: config.origins },
      replies: repliesOf(config),
      trust: apiUrl => trustOf(config, { credentials: stack.credentials, apiUrl }),
    }).catch(stated(`cannot serve the API on ${host}:${port} (CARILLON_HTTP_HOST, CARILLON_HTTP_PORT)`)),
  )
  onPart({ name: 'HTTP API', address: api.url })
  reportHere(config, stack, api.url)
  // After the API: what goes to simulators leads back to it.
  const { db, signals } = installation
  const sending = { config, secret, db, tell: signals.tell, simulated: simulatedOf(stack), localUrl: api.url }
  const providers = openProviders(sending)
  for (const provider of providers) opened.use(provider)
  const { smsPrices } = config
  const role = { lanes, channels, concurrency: config.workerConcurrency, providers, metrics, smsPrices }
  opened.use(await startRoles(pipelineRoles, installation, role))
  const running = opened.move()
  return { installation, stack, metrics, apiUrl: api.url, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** The demo asks nobody who they are: only where nobody else can come. */
const isOwn = ({ userKeys, http }: Config): boolean =>
  !userKeys && http.publicUrl === undefined && ['127.0.0.1', '::1', 'localhost'].includes(http.host)

/** Simulators report to this API, in place of the providers that are not configured. */
function reportHere({ twilio, sendgrid }: Config, { simulators }: Stack, apiUrl: string): void {
  simulators?.receipts.pointTo({
    ...(twilio === undefined && { twilio: apiUrl, inbound: `${apiUrl}/webhooks/twilio/inbound` }),
    ...(sendgrid === undefined && { sendgrid: `${apiUrl}/webhooks/sendgrid` }),
  })
}
