import type { EpochMs } from '#contracts/ids.ts'
import { type QuietHours, type QuietWindow, weekdays } from '#contracts/quiet-hours.ts'

/**
 * When quiet hours end: the first instant after `at` that is not quiet, or undefined when `at` is not. Quiet is every
 * instant from the first at which the clock on the wall shows the start of a window on one of its days, up to the last at
 * which it shows the end; a time that the wall skips is the moment at which the clock is put forward over it. Hours that
 * leave no time of a week (refused when written) are told as ending after it. `zone` is an IANA time zone. Pure.
 */
export function quietUntil({ quiet, zone, at }: { quiet: QuietHours; zone: string; at: EpochMs }): EpochMs | undefined {
  const hours = JSON.stringify(quiet)
  let until = at
  while (until < at + longestMs) {
    const day = Math.floor(until / dayMs)
    const spans = remembered(`${zone} ${day} ${hours}`, () => spansAround(windowsOf(quiet), { zone, day }))
    const ends = spans.flatMap(({ from, to }) => (from <= until && until < to ? [to] : []))
    if (ends.length === 0) break
    until = Math.max(...ends)
  }
  return until > at ? until : undefined
}

export const windowsOf = (quiet: QuietHours): readonly QuietWindow[] => ('windows' in quiet ? quiet.windows : [quiet])

const dayMs = 86_400_000
/** The one free hour of a week may be skipped by a change of the clock; the next week's is not. */
const longestMs = 15 * dayMs

type Span = { from: EpochMs; to: EpochMs }

/** A zone is asked about by many people at once: what follows for a day is worked out once. Emptied when it is full. */
const memory = new Map<string, readonly Span[]>()
const memoryMax = 10_000

function remembered(key: string, work: () => Span[]): readonly Span[] {
  const known = memory.get(key)
  if (known) return known
  if (memory.size >= memoryMax) memory.clear()
  const spans = work()
  memory.set(key, spans)
  return spans
}

/** Dates on which a window may begin that holds an instant of a UTC day: walls are up to a day off, and it may be a night. */
const daysAround = [-2, -1, 0, 1]

function spansAround(windows: readonly QuietWindow[], { zone, day }: { zone: string; day: number }): Span[] {
  const utc = Temporal.Instant.fromEpochMilliseconds(day * dayMs)
    .toZonedDateTimeISO('UTC')
    .toPlainDate()
  return daysAround.flatMap(days => {
    const date = utc.add({ days })
    const weekday = weekdays[date.dayOfWeek - 1]!
    return windows
      .filter(window => window.days?.includes(weekday) ?? true)
      .map(({ start, end }) => {
        const time = end === '24:00' ? '00:00' : end
        const last = time <= start ? date.add({ days: 1 }) : date
        return {
          from: momentOf(date, start, { zone, reading: 'earlier' }),
          to: momentOf(last, time, { zone, reading: 'later' }),
        }
      })
  })
}

function momentOf(
  date: Temporal.PlainDate,
  time: string,
  { zone, reading }: { zone: string; reading: 'earlier' | 'later' },
): EpochMs {
  const wall = date.toPlainDateTime(time)
  const shown = wall.toZonedDateTime(zone, { disambiguation: reading })
  if (shown.toPlainDateTime().equals(wall)) return shown.epochMilliseconds
  const before = wall.toZonedDateTime(zone, { disambiguation: 'earlier' })
  return before.getTimeZoneTransition('next')!.epochMilliseconds
}
