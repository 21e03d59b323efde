import type { EpochMs } from '#contracts/ids.ts'
import type { QuietHours } from './preferences.ts'

/**
 * When quiet hours end: the first instant after `at` at which the clock on the person's wall stands outside of them, or
 * undefined when it does so at `at`. The window holds its start and not its end; it may go over midnight. Where the
 * clock is put forward over the end, it is that moment; where it shows the end twice, the first time counts. Pure.
 */
export function quietUntil({ quiet, zone, at }: { quiet: QuietHours; zone: string; at: EpochMs }): EpochMs | undefined {
  const now = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone)
  if (!isQuiet(now, quiet)) return undefined
  const days = minuteOfDay(now) < minuteOf(quiet.end) ? 0 : 1
  const end = atEnd(now, quiet, { days, disambiguation: 'compatible' })
  return end.offsetNanoseconds === now.offsetNanoseconds ? end.epochMilliseconds : untilOverChange(now, quiet)
}

/** A day's end may be skipped by a change of the clock; the next day's is not. */
const daysAhead = 2

/** The clock is changed before the window ends: the wall leaves it where it shows the end, or where it jumps. */
function untilOverChange(now: Temporal.ZonedDateTime, quiet: QuietHours): EpochMs | undefined {
  const change = now.getTimeZoneTransition('next')
  const leaves = change ? [change] : []
  for (let days = 0; days <= daysAhead; days++)
    for (const disambiguation of ['earlier', 'later'] as const) leaves.push(atEnd(now, quiet, { days, disambiguation }))
  return leaves
    .filter(wall => wall.epochMilliseconds > now.epochMilliseconds && !isQuiet(wall, quiet))
    .map(wall => wall.epochMilliseconds)
    .sort((a, b) => a - b)[0]
}

function atEnd(
  now: Temporal.ZonedDateTime,
  { end }: QuietHours,
  { days, disambiguation }: { days: number; disambiguation: 'compatible' | 'earlier' | 'later' },
): Temporal.ZonedDateTime {
  return now.toPlainDate().add({ days }).toPlainDateTime(end).toZonedDateTime(now.timeZoneId, { disambiguation })
}

function isQuiet(wall: Temporal.ZonedDateTime, { start, end }: QuietHours): boolean {
  const minute = minuteOfDay(wall)
  const from = minuteOf(start)
  const to = minuteOf(end)
  return from <= to ? from <= minute && minute < to : from <= minute || minute < to
}

const minuteOfDay = (wall: Temporal.ZonedDateTime): number => wall.hour * 60 + wall.minute
const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
