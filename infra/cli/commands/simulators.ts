import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { localCredentials } from '#local/credentials.ts'
import { startSimulators } from '#local/simulators/server.ts'
import { readConfig } from '#runtime/config.ts'
import { exitOnCrash, untilSignal } from '#runtime/lifecycle.ts'
import { createLog } from '#runtime/log.ts'
import { openDataFolder } from '../data-folder.ts'
import { simulatorsFile } from '../simulators-beside.ts'

/** `carillon simulators`. */
export async function runSimulators(): Promise<number> {
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
