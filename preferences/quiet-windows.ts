import { type QuietHours, type QuietWindow, type Weekday, weekdays } from '#contracts/quiet-hours.ts'
import { windowsOf } from './quiet-hours.ts'

/** A person's row is read for every notification, so it is kept small. */
const windowsMax = 21

/** Notes every problem of quiet hours that somebody gives; `pointer` is relative to them. No note: they are QuietHours. */
export function checkQuiet(given: unknown, no: (pointer: string, detail: string) => void): void {
  let sound = true
  const note = (pointer: string, detail: string) => {
    sound = false
    no(pointer, detail)
  }
  if (!isObject(given))
    return note(
      '',
      'quiet must be null, a window {"start": "22:00", "end": "08:00"}, {"windows": […]}, or for a person none',
    )
  if (!Object.hasOwn(given, 'windows')) checkWindow(given, note)
  else {
    for (const field of Object.keys(given))
      if (field !== 'windows') note(pointerOf(field), 'stands in each of the windows')
    const { windows } = given
    if (!Array.isArray(windows) || windows.length === 0 || windows.length > windowsMax)
      return note('/windows', `windows must be a list of 1 to ${windowsMax}`)
    for (const [at, window] of windows.entries())
      checkWindow(window, (pointer, detail) => note(`/windows/${at}${pointer}`, detail))
  }
  if (sound && leavesNothing(windowsOf(given as QuietHours)))
    note('', 'quiet hours must leave some time of the week; pausing everything is a choice of its own')
}

/** The word of a person who wants no quiet hours, whatever their tenant has. */
export const noQuiet: QuietHours = { windows: [] }

/** As people say it. */
export const shownQuiet = (quiet: QuietHours): QuietHours | 'none' => (windowsOf(quiet).length === 0 ? 'none' : quiet)

/** As a column holds it: `22:00-08:00` for one window of every day, else JSON. */
export function storedQuiet(quiet: QuietHours): string {
  return 'windows' in quiet || quiet.days ? JSON.stringify(quiet) : `${quiet.start}-${quiet.end}`
}

export const quietOf = (stored: string): QuietHours =>
  stored.startsWith('{') ? (JSON.parse(stored) as QuietHours) : { start: stored.slice(0, 5), end: stored.slice(6) }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const pointerOf = (field: string): string => `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`

function checkWindow(window: unknown, no: (pointer: string, detail: string) => void): void {
  if (!isObject(window))
    return no('', 'a window must be an object like {"days": ["sat"], "start": "22:00", "end": "08:00"}')
  const { start, end, days } = window
  for (const field of Object.keys(window))
    if (!['days', 'start', 'end'].includes(field)) no(pointerOf(field), 'is none of days, start, end')
  if (!isTime(start)) no('/start', 'start must be a time like 22:00')
  if (!isTime(end) && end !== '24:00') no('/end', 'end must be a time like 08:00, at most 24:00')
  else if (start === end) no('/end', 'end must differ from start; a whole day is 00:00 to 24:00')
  if (days !== undefined && !areDays(days))
    no('/days', `days must be a list of some of ${weekdays.join(', ')}, each once`)
}

const isTime = (value: unknown): boolean => typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value)
const areDays = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  new Set(value).size === value.length &&
  value.every(day => weekdays.includes(day as Weekday))

const weekMinutes = 7 * 24 * 60

function leavesNothing(windows: readonly QuietWindow[]): boolean {
  const taken = new Set<number>()
  for (const { days = weekdays, start, end } of windows)
    for (const day of days) {
      const midnight = weekdays.indexOf(day) * 24 * 60
      const length = (minuteOf(end) - minuteOf(start) + 24 * 60) % (24 * 60) || 24 * 60
      for (let n = 0; n < length; n++) taken.add((midnight + minuteOf(start) + n) % weekMinutes)
    }
  return taken.size === weekMinutes
}

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
