import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type QuietHours, type QuietWindow, weekdays } from '#contracts/quiet-hours.ts'
import { quietUntil, windowsOf } from './quiet-hours.ts'

const minuteMs = 60_000
const dayMinutes = 1440
const quarter = 15

/** Every time zone that this machine knows. */
export const zones = Intl.supportedValuesOf('timeZone')

/** The instants from 2025 to 2030 at which a zone's clock is changed. */
export function changesOf(zone: string): number[] {
  const found: number[] = []
  let wall: Temporal.ZonedDateTime | null = Temporal.ZonedDateTime.from(`2025-01-01T00:00[${zone}]`)
  for (;;) {
    wall = wall.getTimeZoneTransition('next')
    if (!wall || wall.year > 2030) return found
    found.push(wall.epochMilliseconds)
  }
}

const hour = fc.integer({ min: 0, max: 23 }).map(n => String(n).padStart(2, '0'))
const minute = fc.constantFrom('00', '15', '30', '45', '59', '07')
/** Times at which clocks are changed, more often than chance would have it. */
const smallHours = fc.constantFrom('00:00', '00:30', '01:00', '01:30', '02:00', '02:30', '02:59', '03:00', '23:00')
const time = fc.oneof(
  fc.tuple(hour, minute).map(two => two.join(':')),
  smallHours,
)
const end = fc.oneof({ arbitrary: time, weight: 6 }, fc.constant('24:00'))
const span = fc.record({ start: time, end }).filter(({ start, end }) => start !== end)
const days = fc.subarray([...weekdays], { minLength: 1, maxLength: 6 })
const onDays = fc.tuple(span, days).map(([window, days]): QuietWindow => ({ ...window, days }))
/** Quiet hours of each form; some time of the week is left, because none of several windows is on every day. */
export const anyQuiet: fc.Arbitrary<QuietHours> = fc.oneof(
  span.filter(({ start, end }) => !(start === '00:00' && end === '24:00')),
  onDays,
  fc
    .array(onDays, { minLength: 2, maxLength: 4 })
    .filter(leavesADay)
    .map(windows => ({ windows })),
)

function leavesADay(windows: readonly QuietWindow[]): boolean {
  const touched = new Set(
    windows.flatMap(({ days = [] }) => days.flatMap(day => [day, weekdays[(weekdays.indexOf(day) + 1) % 7]])),
  )
  return touched.size < 7
}

/**
 * The wall of a zone minute by minute, from 4 days before an instant to 17 days after it, as Intl has it. It is read each
 * quarter of an hour, and each hour where that shows no change: no clock is changed between.
 */
export function wallAround(zone: string, at: number) {
  const shownAt = readerOf(zone)
  const first = Math.floor(at / minuteMs / 60) * 60 - 4 * dayMinutes
  const walls = new Int32Array(21 * dayMinutes)
  let shown = shownAt(first)
  for (let n = 0; n < walls.length; n += 60) {
    const next = shownAt(first + n + 60)
    for (let part = 0; part < 60; part += quarter) {
      const wall = part === 0 || next === shown + 60 ? shown + part : shownAt(first + n + part)
      for (let after = 0; after < quarter; after++) walls[n + part + after] = wall + after
    }
    shown = next
  }
  const firstShown = new Map<number, number>()
  const lastShown = new Map<number, number>()
  walls.forEach((wall, n) => {
    if (!firstShown.has(wall)) firstShown.set(wall, n)
    lastShown.set(wall, n)
  })
  return { zone, first, walls, firstShown, lastShown }
}

/** Minutes since 1970 that a wall shows at a minute since 1970. */
function readerOf(zone: string): (minute: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric' },
  })
  return at => {
    const [month, day, year, hour, minute] = format
      .format(at * minuteMs)
      .match(/\d+/g)!
      .map(Number)
    return Date.UTC(year!, month! - 1, day, hour, minute) / minuteMs
  }
}
export type Wall = ReturnType<typeof wallAround>

/** The definition itself, on a wall that is walked minute by minute: which minutes are quiet. */
function quietMinutes({ walls, firstShown, lastShown }: Wall, quiet: QuietHours): Uint8Array {
  const skippedAt = (wall: number) => walls.findIndex(shown => shown > wall)
  const minutes = new Uint8Array(walls.length)
  for (const { days = weekdays, start, end } of windowsOf(quiet))
    for (let midnight = Math.floor(walls[0]! / dayMinutes); midnight * dayMinutes <= walls.at(-1)!; midnight++) {
      // The first of January 1970 was a Thursday.
      if (!days.includes(weekdays[(((midnight + 3) % 7) + 7) % 7]!)) continue
      const from = midnight * dayMinutes + minuteOf(start)
      const to = midnight * dayMinutes + minuteOf(end) + (minuteOf(end) <= minuteOf(start) ? dayMinutes : 0)
      if (from < walls[0]! || to > walls.at(-1)!) continue
      minutes.fill(1, firstShown.get(from) ?? skippedAt(from), lastShown.get(to) ?? skippedAt(to))
    }
  return minutes
}

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))

/**
 * Compares `quietUntil` with the walk, from a day and a half before the instant in question to as long after it: at every
 * minute, or only at those where quiet begins or ends, where the wall jumps, and around them.
 */
export function compare(wall: Wall, quiet: QuietHours, minutes: 'every' | 'telling'): void {
  const { zone, first, walls } = wall
  const expected = quietMinutes(wall, quiet)
  const from = 2.5 * dayMinutes
  const to = 5.5 * dayMinutes
  const jumps = (n: number) => expected[n] !== expected[n - 1] || walls[n] !== walls[n - 1]! + 1
  const until = new Int32Array(walls.length)
  for (let n = walls.length - 1; n >= 0; n--) until[n] = expected[n] ? until[n + 1]! : n
  for (let n = from; n < to; n++) {
    if (minutes === 'telling' && !jumps(n) && !jumps(n + 1) && n % 977 !== 0) continue
    // Any moment of a minute is as good as another.
    const at = (first + n) * minuteMs + (n % 2) * 59_999
    const end = expected[n] ? (first + until[n]!) * minuteMs : undefined
    const found = quietUntil({ quiet, zone, at })
    if (found === end) continue
    const iso = (ms: number | undefined) => (ms === undefined ? 'not quiet' : new Date(ms).toISOString())
    assert.fail(`${zone} at ${iso(at)}: ${iso(found)}, not ${iso(end)}, with ${JSON.stringify(quiet)}`)
  }
}
