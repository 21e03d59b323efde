import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { localCredentials } from '#local/credentials.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import type { Config } from '#runtime/config.ts'
import type { Simulated } from './providers.ts'

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
