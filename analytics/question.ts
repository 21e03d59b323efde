import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import { type EpochMs, isName } from '#contracts/ids.ts'
import { isZone } from '#contracts/zone.ts'
import { type Filter, filters } from './dashboard/fields.ts'
import { type Ordering, type Unit, units } from './stages.ts'

export { type Filter, filters } from './dashboard/fields.ts'

/** What answers can be broken down by. */
export const dimensions = [...filters, 'outcome'] as const
export type Dimension = (typeof dimensions)[number]

/**
 * Which notifications: those whose intents happened from `since` to before `until`, and what is asked of them. Everything
 * has a default: all there are, counted as notifications.
 */
export type Question = Partial<Record<Exclude<Filter, 'channel' | 'lane'>, string | undefined>> & {
  channel?: Channel | undefined
  lane?: Lane | undefined
  since?: EpochMs | undefined
  until?: EpochMs | undefined
  by?: Dimension | undefined
  unit?: Unit | undefined
  windowMs?: number | undefined
  /** Counts engagement that was made up at a stated rate, too. */
  includeSimulated?: boolean | undefined
  /** Tells how long each step took. Read from raw events. */
  times?: boolean | undefined
  /** `rollup`: as it was counted by the hour, some seconds behind. Default: all events that are stored. */
  source?: (typeof sources)[number] | undefined
}
export const sources = ['raw', 'rollup'] as const

/** A week from the first decision; what comes later is another week's doing. A minute for clocks and for our own books. */
export const orderingPreset: Ordering = { windowMs: 7 * 86_400_000, graceMs: 60_000 }
/** Nothing is kept for longer than this. */
const windowMaxMs = 90 * 86_400_000

const durations: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** `90s`, `15m`, `24h`, `7d` in ms; undefined is none. */
function durationOf(text: string): number | undefined {
  const match = /^(\d{1,6})([smhd])$/.exec(text)
  return match ? Number(match[1]) * durations[match[2]!]! : undefined
}

type Texts = Partial<
  Record<Filter | 'since' | 'until' | 'zone' | 'by' | 'unit' | 'window' | 'with_simulated' | 'times' | 'source', string>
>

/**
 * Reads a question as people write it. Times as in RFC 3339, or a date: its beginning in `zone` (default UTC). Gives every
 * problem at once, each beginning with `name`'s word for what it is about.
 */
export function questionOf(texts: Texts, name = (field: string): string => field): Question | string[] {
  const problems: string[] = []
  const oneOf = <T extends string>(field: keyof Texts, known: readonly T[]): T | undefined => {
    const given = texts[field]
    const found = known.find(one => one === given)
    if (given !== undefined && found === undefined) problems.push(`${name(field)} must be one of ${known.join(', ')}`)
    return found
  }
  const named = (field: keyof Texts): string | undefined => {
    if (texts[field] !== undefined && !isName(texts[field]))
      problems.push(`${name(field)} must be a name of 1 to 200 characters`)
    return texts[field]
  }
  const { zone = 'UTC' } = texts
  if (!isZone(zone)) problems.push(`${name('zone')} must be a time zone like Europe/Berlin`)
  const time = (field: 'since' | 'until'): EpochMs | undefined => {
    if (texts[field] === undefined) return undefined
    const at = timeOf(texts[field], isZone(zone) ? zone : 'UTC')
    if (at === undefined)
      problems.push(
        `${name(field)} must be a date like 2026-11-21, or a time like 2026-11-21T08:00:00Z without a leap second`,
      )
    return at
  }
  const windowMs = texts.window === undefined ? undefined : durationOf(texts.window)
  if (texts.window !== undefined && (windowMs === undefined || windowMs > windowMaxMs))
    problems.push(`${name('window')} must be a time like 30m, 24h or 7d, at most 90d`)
  const flag = (field: 'with_simulated' | 'times') => oneOf(field, ['true', 'false']) === 'true'
  const question: Question = {
    ...{ type: named('type'), category: named('category'), producer: named('producer'), tenant: named('tenant') },
    ...{
      ...{ arm: named('arm'), platform: named('platform'), app_version: named('app_version') },
      ...{ country: named('country'), locale: named('locale') },
      provider: named('provider'),
      channel: oneOf('channel', channels),
      lane: oneOf('lane', lanes),
    },
    ...{ since: time('since'), until: time('until'), by: oneOf('by', dimensions), unit: oneOf('unit', units) },
    ...{ windowMs, includeSimulated: flag('with_simulated'), times: flag('times') },
    source: oneOf('source', sources),
  }
  const { since, until } = question
  if (since !== undefined && until !== undefined && since > until && problems.length === 0)
    problems.push(`${name('since')} must not be after ${name('until')}`)
  return problems.length > 0 ? problems : question
}

function timeOf(text: string, zone: string): EpochMs | undefined {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return dayOf(text, zone)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}

/** A day may begin at one o'clock. */
function dayOf(text: string, zone: string): EpochMs | undefined {
  try {
    return Temporal.PlainDate.from(text).toZonedDateTime(zone).epochMilliseconds
  } catch {
    return undefined
  }
}
