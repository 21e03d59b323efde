import path from 'node:path'
import { parseArgs } from 'node:util'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { readConfig } from '#runtime/config.ts'
import { exitOnCrash, untilSignal } from '#runtime/lifecycle.ts'
import { createLog } from '#runtime/log.ts'
import { CommandError, stated } from '../command.ts'
import { openDataFolder } from '../data-folder.ts'

const portMax = 65_535

/** `carillon pubsub`. */
export async function runPubSub(args: string[]): Promise<number> {
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
