import { parseArgs } from 'node:util'
import { isName } from '#contracts/ids.ts'
import { effectiveOf } from '#preferences/effective.ts'
import { parseEffective } from '#preferences/effective-query.ts'
import { readPeople } from '#preferences/preferences.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { type Command, CommandError } from '../command.ts'
import { catalogueFrom } from '../stack.ts'
import { visitDatabase } from '../visit.ts'

const text = { type: 'string' } as const

export const effectiveCommand: Command = {
  name: 'effective',
  usage: 'effective USER [--category C] [--channel CH] [--tenant T] [--room R] [--thread TH] [--reason mention]',
  summary: 'Tells what a person hears by each category and channel, and which rule decides. Changes nothing.',
  async run(args) {
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
    const { effective } = effectiveOf(person, { ...asked.value, at: systemClock.now() })
    const width = Math.max(...effective.map(one => one.category.length))
    for (const { category, channels } of effective)
      for (const { channel, on, rule, sentence } of channels)
        console.log(
          `${category.padEnd(width)}  ${channel.padEnd(6)}  ${on ? 'on ' : 'off'}  ${rule.padEnd(14)}  ${sentence}`,
        )
    return 0
  },
}
