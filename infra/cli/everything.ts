import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { channels, lanes } from '#contracts/channel.ts'
import type { Stack } from '#local/stack.ts'
import type { PublisherLogLine } from '#producers/sdk/publisher-log.ts'
import type { Config } from '#runtime/config.ts'
import type { Log } from '#runtime/log.ts'
import { createMetrics, type Metrics } from '#runtime/metrics.ts'
import { serveApi } from './api.ts'
import { claimForStart } from './claim.ts'
import { CommandError, stated } from './command.ts'
import { openDataFolder } from './data-folder.ts'
import { type Installation, openInstallation } from './installation.ts'
import { openProviders } from './providers.ts'
import { pipelineRoles, startRoles } from './roles.ts'
import { addressesOf, catalogueFrom, simulatedOf, startMissing } from './stack.ts'

const secretCharsMin = 32

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
}): Promise<Everything> {
  const { config, log, onPart, publisherLog } = options
  await using opened = new AsyncDisposableStack()
  opened.use(await claimForStart(config.dataDir))
  const stack = opened.use(await startMissing(config, onPart).catch(stated('cannot start the servers of this machine')))
  const products = await catalogueFrom(config)
  const secret = await secretOf(config)
  const reached = { addresses: addressesOf(config, stack), addressKey: secret }
  const installation = opened.use(await openInstallation({ ...reached, ...products, log }))
  const metrics = createMetrics()
  const providers = openProviders({ config, secret, db: installation.db, simulated: simulatedOf(stack) })
  for (const provider of providers) opened.use(provider)
  const role = { lanes, channels, concurrency: config.workerConcurrency, providers, metrics }
  opened.use(await startRoles(pipelineRoles, installation, role))
  const { host, port } = config.http
  const { approvalAbove } = config
  const api = opened.use(
    await serveApi(installation, { host, port, metrics, approvalAbove, ...(publisherLog && { publisherLog }) }).catch(
      stated(`cannot serve the API on ${host}:${port} (CARILLON_HTTP_HOST, CARILLON_HTTP_PORT)`),
    ),
  )
  onPart({ name: 'HTTP API', address: api.url })
  const running = opened.move()
  return { installation, stack, metrics, apiUrl: api.url, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** The installation's secret: as it is set, else the one that the data folder keeps. */
export const secretOf = async ({ secret, dataDir }: Pick<Config, 'secret' | 'dataDir'>): Promise<string> =>
  secret ?? keptSecret(dataDir)

/**
 * The installation's own secret, made once, by whichever process of it comes first; the folder is made when missing.
 * Throws a `CommandError` when it can be neither made nor read, or is too short to be one.
 */
export async function keptSecret(dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'secret')
  try {
    if (!existsSync(file)) {
      await openDataFolder(dataDir)
      await makeSecret(file)
    }
    const secret = await readFile(file, 'utf8')
    if (secret.length >= secretCharsMin) return secret
  } catch (error) {
    stated(`there is no CARILLON_SECRET, and none can be kept in ${dataDir} (CARILLON_DATA_DIR)`)(error)
  }
  throw new CommandError(
    `${file} must hold at least ${secretCharsMin} characters: put it back, or set CARILLON_SECRET to it`,
    1,
  )
}

/** It comes into being whole, and only one does: every process reads the same. */
async function makeSecret(file: string): Promise<void> {
  const own = `${file}.${randomUUID()}`
  try {
    await writeFile(own, randomBytes(32).toString('base64url'), { mode: 0o600 })
    await link(own, file)
  } catch (error) {
    if (!existsSync(file)) throw error
  } finally {
    await rm(own, { force: true })
  }
}
