import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { type LocalCredentials, localCredentials } from '#local/credentials.ts'
import { createDatabase, dropDatabase, startPostgres } from '#local/postgres.ts'
import { startRedis } from '#local/redis.ts'
import { leaveDatabase, takeDatabase } from './spare-databases.ts'
import { temporaryFolder } from './temporary-folder.ts'

export type TestDatabase = AsyncDisposable & { readonly url: string }

/** By these the test runner hands its shared servers to test files. */
export const variables = {
  postgres: 'CARILLON_TEST_POSTGRES_URL',
  redis: 'CARILLON_TEST_REDIS_URL',
  credentials: 'CARILLON_TEST_CREDENTIALS',
  traces: 'CARILLON_TEST_TRACES',
  specs: 'CARILLON_TEST_SPECS',
  chromium: 'CARILLON_TEST_CHROMIUM',
} as const

/**
 * A database of the test's own with the whole schema, partitions from yesterday to a week ahead and the queues' tables, all
 * empty. Disposing ends what is connected and takes the database away.
 */
export async function testDatabase(): Promise<TestDatabase> {
  const server = await testPostgresUrl()
  const taken = await takeDatabase(server)
  return { url: taken.url, [Symbol.asyncDispose]: () => leaveDatabase(server, taken) }
}

/** A database of the test's own with nothing at all in it. Disposing drops it, connections and all. */
export async function bareDatabase(): Promise<TestDatabase> {
  const server = await testPostgresUrl()
  const name = `test_${randomBytes(6).toString('hex')}`
  const url = await createDatabase(server, name)
  return { url, [Symbol.asyncDispose]: () => dropDatabase(server, name) }
}

/** The superuser's URL of the shared server; a test file that runs alone starts one and stops it at the process's end. */
export function testPostgresUrl(): Promise<string> {
  const shared = process.env[variables.postgres]
  return shared ? Promise.resolve(shared) : (ownPostgres ??= startOwnPostgres())
}

/** A Redis shared with other test files (use key prefixes of your own), or nothing on a machine that has none. */
export function testRedisUrl(): Promise<string | undefined> {
  const shared = process.env[variables.redis]
  return shared ? Promise.resolve(shared) : (ownRedis ??= startOwnRedis())
}

/** What simulators and those who call them share. Making keys costs more than most of what is tested with them. */
export function testCredentials(): Promise<LocalCredentials> {
  const shared = process.env[variables.credentials]
  return (credentials ??= shared ? localCredentials(shared) : makeOwnCredentials())
}

/** The folder with the recorded traces: the one that is configured, else `../shared/data` beside the repository, if it is there. */
export const tracesFolder = (): string | undefined => sharedFolder(variables.traces, 'data')

/** The folder with the providers' OpenAPI descriptions: the one that is configured, else `../shared/openapi`. */
export const specsFolder = (): string | undefined => sharedFolder(variables.specs, 'openapi')

function sharedFolder(variable: string, name: string): string | undefined {
  const folder = process.env[variable] ?? path.join(import.meta.dirname, '..', '..', '..', 'shared', name)
  return existsSync(folder) ? path.resolve(folder) : undefined
}

let ownPostgres: Promise<string> | undefined
let ownRedis: Promise<string | undefined> | undefined
let credentials: Promise<LocalCredentials> | undefined

async function startOwnPostgres(): Promise<string> {
  const folder = await temporaryFolder()
  const server = await startPostgres({ dataDir: path.join(folder.path, 'postgres') })
  disposeAtEnd(folder, server)
  return server.url
}

async function startOwnRedis(): Promise<string | undefined> {
  const folder = await temporaryFolder()
  const server = await startRedis({ dir: path.join(folder.path, 'redis') })
  disposeAtEnd(folder, ...(server ? [server] : []))
  return server?.url
}

async function makeOwnCredentials(): Promise<LocalCredentials> {
  const folder = await temporaryFolder()
  disposeAtEnd(folder)
  return localCredentials(path.join(folder.path, 'credentials'))
}

/** The servers keep no process alive, so its end comes by itself; a killed one's servers end with the next test run. */
function disposeAtEnd(...owned: AsyncDisposable[]): void {
  const stack = new AsyncDisposableStack()
  for (const each of owned) stack.use(each)
  process.once('beforeExit', () => void stack.disposeAsync())
}
