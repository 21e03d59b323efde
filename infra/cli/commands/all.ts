import { readConfig } from '#runtime/config.ts'
import { exitOnCrash, untilSignal } from '#runtime/lifecycle.ts'
import { createLog } from '#runtime/log.ts'
import { startEverything } from '../everything.ts'

/** `carillon all`. */
export async function runAll(): Promise<number> {
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
