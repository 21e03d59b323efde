import { parseArgs } from 'node:util'
import { funnel } from '#analytics/funnel-store.ts'
import { type Dimension, dimensions, printFunnel } from '#analytics/funnel.ts'
import { type Channel, channels } from '#contracts/channel.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { sinceOf, terminal, visitDatabase } from '../visit.ts'

/** `carillon funnel`. */
export async function runFunnel(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      ...{ type: { type: 'string' }, channel: { type: 'string' }, since: { type: 'string' }, by: { type: 'string' } },
      'with-simulated': { type: 'boolean', default: false },
    },
  })
  const channel = oneOf(values.channel, channels, '--channel') as Channel | undefined
  const by = oneOf(values.by, dimensions, '--by') as Dimension | undefined
  const since = sinceOf(values.since, systemClock.now())
  const { catalogue } = await catalogueFrom(readConfig())
  await using db = await visitDatabase()
  const rows = await funnel(db, { type: values.type, channel, by, since, includeSimulated: values['with-simulated'] })
  // Events may be of a type that is in no catalogue any more.
  if (values.type !== undefined && rows.every(row => row.stages.intended === 0) && !catalogue.types.has(values.type))
    throw new CommandError(`there is no type ${values.type}; there are ${[...catalogue.types.keys()].join(', ')}`)
  console.log(printFunnel(rows, terminal()))
  return 0
}

function oneOf(value: string | undefined, known: readonly string[], option: string): string | undefined {
  if (value !== undefined && !known.includes(value))
    throw new CommandError(`${option} must be one of ${known.join(', ')}`)
  return value
}
