import { parseArgs } from 'node:util'
import { isName } from '#contracts/ids.ts'
import type { Preferences } from '#contracts/preferences.ts'
import { effectiveOf } from '#preferences/effective.ts'
import { parseEffective } from '#preferences/effective-query.ts'
import { readPeople } from '#preferences/preferences.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { visitDatabase } from '../visit.ts'

const text = { type: 'string' } as const

/** `carillon effective`. */
export async function runEffective(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { category: text, channel: text, tenant: text, room: text, thread: text, reason: text },
  })
  const [id, ...rest] = positionals
  if (!isName(id) || rest.length > 0) throw new CommandError('name one person')
  const { types } = (await catalogueFrom(readConfig())).catalogue
  const categories = [...new Set([...types.values()].map(type => type.category))]
  const asked = parseEffective(values, categories)
  if (!asked.ok)
    throw new CommandError(asked.problems.map(({ pointer, detail }) => `--${pointer.slice(2)} ${detail}`).join('; '))
  await using db = await visitDatabase()
  const { place } = asked.value
  const person = (await readPeople(db, [id], [place])).get(id)!
  const { effective, quietHours } = effectiveOf(person, { ...asked.value, at: systemClock.now() })
  const width = Math.max(...effective.map(one => one.category.length))
  for (const { category, channels } of effective)
    for (const { channel, on, rule, sentence } of channels)
      console.log(
        `${category.padEnd(width)}  ${channel.padEnd(6)}  ${on ? 'on ' : 'off'}  ${rule.padEnd(14)}  ${sentence}`,
      )
  if (values.category === undefined && values.channel === undefined)
    console.log(`\nquiet hours  ${quietLine(quietHours)}`)
  return 0
}

function quietLine({ windows, zone, rule, sentence }: Preferences['quietHours']): string {
  const times = windows.map(({ days, start, end }) => `${days ? `${days.join(' ')} ` : ''}${start}–${end}`)
  return `${times.length > 0 ? `${times.join(', ')} ${zone}` : 'none'}  ${rule}  ${sentence}`
}
