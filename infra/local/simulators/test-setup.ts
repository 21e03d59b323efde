import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testCredentials } from '#tests/servers.ts'
import type { LoggedRequest } from './request-log.ts'
import { startSimulators } from './server.ts'
import type { Simulators } from './server.ts'

const waitMs = 5000

/** Simulators of their own for one test, with credentials that all tests share. */
export async function setup(options: { logFile?: string; keepRequests?: number } = {}) {
  const credentials = await testCredentials()
  const simulators = await startSimulators({ credentials, ...options })
  return { ...simulators, credentials, lines: linesOf(simulators), logged: loggedBy(simulators) }
}

/** A folder that goes with the test. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'carillon-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** The provider's lines without what differs from run to run. */
const linesOf = (simulators: Simulators) => (provider: LoggedRequest['provider']) =>
  simulators.log.entries().filter(line => line.provider === provider)

/** Waits until an address is in the log. */
const loggedBy = (simulators: Simulators) => async (address: string) => {
  const end = Date.now() + waitMs
  while (!simulators.log.entries().some(line => line.address === address)) {
    if (Date.now() > end) throw new Error(`no request to ${address} within ${waitMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
