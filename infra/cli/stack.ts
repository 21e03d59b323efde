import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { onlyFor } from '#contracts/allow-list.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
import { localCredentials } from '#local/credentials.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { type Stack, startStack } from '#local/stack.ts'
import type { MembershipSource } from '#preferences/preferences.ts'
import type { Config } from '#runtime/config.ts'
import { CommandError, stated } from './command.ts'
import type { Addresses } from './installation.ts'
import type { Simulated } from './providers.ts'

/** Starts the parts that are not configured to a real service; says which ones. */
export const startMissing = (
  config: Config,
  onPart: (part: { name: string; address: string }) => void,
): Promise<Stack> =>
  startStack({
    ...{ dataDir: config.dataDir, onPart },
    postgres: config.database.url === undefined,
    pubsub: config.pubsub === undefined,
    simulators: [config.fcm, config.apns, config.sendgrid, config.twilio].includes(undefined),
  })

/** Where everything is, embedded or real. */
export function addressesOf(config: Config, stack: Stack): Addresses {
  const databaseUrl = config.database.url ?? stack.databaseUrl!
  return {
    databaseUrl,
    databaseDirectUrl: config.database.directUrl ?? databaseUrl,
    redisUrl: config.redisUrl,
    pubsub: config.pubsub ?? { projectId: 'carillon-local', emulator: stack.pubsubAddress },
    prefix: config.prefix,
  }
}

/** The product teams' module: their catalogue, for whom this installation tells, and lists of members that they keep themselves. */
export async function catalogueFrom({
  catalogue: file,
  allow,
}: Pick<Config, 'catalogue' | 'allow'>): Promise<{ catalogue: Catalogue; sources: readonly MembershipSource[] }> {
  const module = await (
    import(file) as Promise<{ catalogue?: Catalogue; sources?: readonly MembershipSource[] }>
  ).catch(stated(`cannot load the catalogue ${file} (CARILLON_CATALOGUE)`))
  if (!module.catalogue) throw new CommandError(`${path.basename(file)} exports no \`catalogue\``)
  const catalogue = allow ? onlyFor(module.catalogue, allow) : module.catalogue
  return { catalogue, sources: module.sources ?? [] }
}

/** The stack's simulators, when it has any. */
export const simulatedOf = ({ credentials, simulators }: Stack): Simulated | undefined =>
  credentials && simulators && { credentials, ports: simulators.ports }

/** Addresses of a process that starts nothing itself. */
export function configuredAddresses(config: Config): Addresses {
  const { database, pubsub, redisUrl, prefix } = config
  const missing = [
    ...(database.url === undefined ? ['DATABASE_URL'] : []),
    ...(pubsub === undefined ? ['GOOGLE_CLOUD_PROJECT or PUBSUB_EMULATOR_HOST'] : []),
  ]
  if (missing.length > 0) throw new CommandError(`set ${missing.join(' and ')}; \`npm start\` runs everything without`)
  return {
    databaseUrl: database.url!,
    databaseDirectUrl: database.directUrl ?? database.url!,
    redisUrl,
    pubsub: pubsub!,
    prefix,
  }
}

/** Where `carillon simulators` tells the processes beside it which ports it got. */
export const simulatorsFile = (dataDir: string): string => path.join(dataDir, 'simulators.json')

const answerLimitMs = 2_000

/** The simulators that run for the same data folder, with this process's Google connections sent to them. */
export async function simulatedBeside(config: Config, opened: AsyncDisposableStack): Promise<Simulated | undefined> {
  const file = simulatorsFile(config.dataDir)
  if (!existsSync(file)) return undefined
  const ports = JSON.parse(await readFile(file, 'utf8')) as Simulated['ports']
  if (!(await answers(ports.control))) return undefined
  const credentials = await localCredentials(path.join(config.dataDir, 'credentials'))
  if (config.fcm === undefined) opened.defer(redirectGoogleApis({ port: ports.google, caFile: credentials.caFile }))
  return { credentials, ports }
}

/** Simulators that were killed leave their ports in the file. */
const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/counts`, { signal: AbortSignal.timeout(answerLimitMs) }).then(
    async response => (await response.text()) !== '' && response.ok,
    () => false,
  )
