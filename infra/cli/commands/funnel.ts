import { parseArgs } from 'node:util'
import { answerFunnel } from '#analytics/answers.ts'
import { printFunnel } from '#analytics/funnel.ts'
import { type Filter, filters, type Question, questionOf } from '#analytics/question.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { sinceOf, terminal, visitDatabase } from '../visit.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const
const options = {
  ...{ type: text, category: text, channel: text, provider: text, lane: text, producer: text, tenant: text, arm: text },
  ...{ platform: text, 'app-version': text, country: text, locale: text, zone: text },
  ...{ since: text, until: text, by: text, unit: text, window: text, source: text },
  ...{ times: flag, compare: flag, 'with-simulated': flag, json: flag },
} as const

/** `carillon funnel`. */
export async function runFunnel(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options })
  const now = systemClock.now()
  const asked = { ...questionFrom(values, now), compare: values.compare, bucket: 'hour', zone: 'UTC' } as const
  const { catalogue } = await catalogueFrom(readConfig())
  await using db = await visitDatabase()
  // Who may read the database may count everybody in it.
  const answer = await answerFunnel({ db, now, groupMin: 1 }, asked)
  const { funnels, previous } = answer
  // Events may be of a type that is in no catalogue any more.
  if (values.type && funnels.every(row => row.stages.intended === 0) && !catalogue.types.has(values.type))
    throw new CommandError(`there is no type ${values.type}; there are ${[...catalogue.types.keys()].join(', ')}`)
  if (values.json) {
    console.log(JSON.stringify(answer))
    return 0
  }
  const { zone = 'UTC' } = values
  if (asked.since > 0) console.log(`${spanOf(answer, zone)}\n`)
  console.log(printFunnel(funnels, terminal()))
  for (const field of answer.unknown ?? [])
    console.log(`nothing that is stored has the ${field} ${values[field as keyof Values]}: is it mistyped?`)
  if (previous) console.log(`${spanOf(previous, zone)}\n\n${printFunnel(previous.funnels, terminal())}`)
  return 0
}

/** `2026-11-14 00:00 to 2026-11-21 12:00 (Europe/Berlin)`. */
function spanOf({ since, until }: { since: string; until: string }, zone: string): string {
  const [from, to] = [since, until].map(at => {
    const local = Temporal.Instant.from(at).toZonedDateTimeISO(zone).toPlainDateTime()
    return local.toString({ smallestUnit: 'minute' }).replace('T', ' ')
  })
  return `${from} to ${to} (${zone})`
}

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

function questionFrom(values: Values, now: number): Question & { since: number; until: number } {
  const { since, times, until, by, unit, window, zone, source } = values
  const ago = since !== undefined && /^\d+[mhd]$/.test(since) ? sinceOf(since, now) : undefined
  const given = Object.fromEntries(
    filters.map(filter => [filter, values[optionOf(filter)]]).filter(([, value]) => value !== undefined),
  )
  const question = questionOf(
    {
      ...(given as Record<string, string>),
      ...{ ...(until && { until }), ...(by && { by }), ...(unit && { unit }), ...(window && { window }) },
      ...{
        ...(zone && { zone }),
        ...(source && { source }),
        ...(since !== undefined && ago === undefined && { since }),
      },
      ...{ times: String(times), with_simulated: String(values['with-simulated']) },
    },
    field => `--${field.replace('_', '-')}`,
  )
  if (Array.isArray(question)) throw new CommandError(question.join('; '))
  const end = question.until ?? now + aheadMs
  // The time before all time there is would be none.
  const start = ago ?? question.since ?? (values.compare ? end - comparedMs : 0)
  if (start > end) throw new CommandError('--since must not be after --until, which is now where it is not said')
  return { ...question, since: start, until: end }
}

const optionOf = (filter: Filter) => (filter === 'app_version' ? 'app-version' : filter)

/** What is compared where no time is said: a week. */
const comparedMs = 7 * 86_400_000
/** The clocks of producers may be ahead of ours. */
const aheadMs = 60_000
