import { parseArgs } from 'node:util'
import { isName, type RecipientId } from '#contracts/ids.ts'
import type { JsonObject } from '#contracts/intent.ts'
import { explain } from '#router/explain.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { dataOf, entryOf } from '../catalogue-entry.ts'
import { keyed } from '#contracts/keyed-dedupe.ts'
import { secretOf } from '../secret.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon explain`. */
export async function runExplain(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: {
      ...{ at: { type: 'string' }, data: { type: 'string' }, reason: { type: 'string' }, producer: { type: 'string' } },
      ...{ tenant: { type: 'string' }, room: { type: 'string' }, thread: { type: 'string' } },
    },
  })
  const [recipient, type, ...rest] = positionals
  if (!isName(recipient) || rest.length > 0) throw new CommandError('name one person and one type')
  const at = values.at === undefined ? systemClock.now() : Date.parse(values.at)
  if (Number.isNaN(at)) throw new CommandError(`--at "${values.at}" must be a time like 2026-11-21T23:00:00Z`)
  const config = readConfig()
  const known = entryOf((await catalogueFrom(config)).catalogue, type)
  const entry = known.sensitive ? keyed(known, await secretOf(config)) : known
  const data = values.data === undefined ? undefined : ((await dataOf(entry, values.data)) as JsonObject)
  const { at: _, data: __, ...about } = values
  await using db = await visitDatabase()
  const asked = { ...{ entry, recipient: recipient as RecipientId, at }, ...(data && { data }), ...about }
  const decisions = await explain(db, asked, config.volumeFloor)
  console.log(`${entry.type} for ${recipient}, were it stated at ${new Date(at).toISOString()}:`)
  for (const { channel, verdict, sentence } of decisions)
    console.log(`  ${channel.padEnd(7)} ${verdict.padEnd(21)}  ${sentence}`)
  if (entry.dedupe && !data) console.log('Whether it was told before depends on its data: give --data.')
  return 0
}
