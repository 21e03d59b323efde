import { existsSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { compare, type Comparison } from '#router/compare.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError, stated } from '../command.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { sinceOf, visitDatabase } from '../visit.ts'

/** `carillon compare`. */
export async function runCompare(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      ...{ with: { type: 'string' }, since: { type: 'string', default: '7d' } },
      json: { type: 'boolean', default: false },
    },
  })
  if (values.with === undefined) throw new CommandError('--with names the module of the other catalogue')
  const file = path.resolve(values.with)
  if (!existsSync(file)) throw new CommandError(`there is no file ${values.with}`)
  const until = systemClock.now()
  const since = sinceOf(values.since, until)!
  const { catalogue: current } = await catalogueFrom(readConfig())
  const { catalogue: candidate } = await catalogueFrom({ ...readConfig(), catalogue: file }).catch(
    stated(`cannot use ${values.with}`),
  )
  await using db = await visitDatabase()
  const comparison = await compare(db, { since, until, current, candidate })
  console.log(values.json ? JSON.stringify(comparison) : printComparison(comparison))
  return 0
}

const n = (value: number): string => value.toLocaleString('en')

function printComparison({ since, until, cases, withoutData, rows }: Comparison): string {
  const period = `${new Date(since).toISOString()} to ${new Date(until).toISOString()}`
  const out = [
    `${n(cases)} times somebody was to be told of something, ${period}, decided anew under both catalogues:`,
    'with what is known of people today, and nothing told before.',
  ]
  if (withoutData > 0)
    out.push(`Of ${n(withoutData)} the data is gone: repeats and digests were not asked, under neither catalogue.`)
  const sends = (side: 'current' | 'candidate') =>
    rows.reduce((sum, row) => sum + (row.verdict === 'deliver' ? row[side] : 0), 0)
  const lines = rows
    .filter(row => row.current !== row.candidate)
    .map(row => line([row.type, row.channel, row.verdict, row.rule], row))
  const all = line(['all', '', 'deliver', ''], { current: sends('current'), candidate: sends('candidate') })
  const head = ['type', 'channel', 'verdict', 'rule', 'current', 'candidate', 'difference']
  const table = [head, ...lines, all]
  const widths = head.map((_, at) => Math.max(...table.map(row => row[at]!.length)))
  for (const row of table)
    out.push(row.map((cell, at) => (at < 4 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  '))
  if (lines.length === 0) out.push('There is no difference.')
  return out.join('\n')
}

function line(names: readonly string[], { current, candidate }: { current: number; candidate: number }): string[] {
  const difference = candidate - current
  return [...names, n(current), n(candidate), `${difference > 0 ? '+' : ''}${n(difference)}`]
}
