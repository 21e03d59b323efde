import type { Tick } from './plot.ts'
import { knownZone } from './when.ts'

export type TimeAxis = {
  /** What each period is called: by its beginning, with the hour where periods are hours. */
  names: readonly string[]
  /** Some of them, at round times, in the middle of what they are of. */
  ticks: readonly Tick[]
}

const hourMs = 3_600_000
/** More do not fit. */
const ticksMax = 8
/** What people count hours, days and months by. */
const steps = { hours: [1, 2, 3, 6, 12], days: [1, 2, 7, 14], months: [1, 2, 3, 6] }

/** How periods between edges, hours or days, are told in a zone. */
export function timeAxisOf(edges: readonly string[], zone = 'UTC'): TimeAxis {
  const starts = edges.slice(0, -1).map(edge => new Date(edge))
  const byHour = Date.parse(edges[1]!) - Date.parse(edges[0]!) <= hourMs
  const formatOf = (parts: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone: knownZone(zone), ...parts })
  const days = formatOf({ day: 'numeric', month: 'short' })
  const times = formatOf({ hour: '2-digit', minute: '2-digit' })
  const periods = starts.map(start => {
    const [day, time] = [days.format(start), times.format(start)]
    return { day, time, hour: byHour ? parseInt(time, 10) : 0 }
  })
  return {
    names: periods.map(({ day, time }) => (byHour ? `${day}, ${time}` : day)),
    ticks: roundOnes(periods).map(place => {
      const { hour, day, time } = periods[place]!
      return { at: (place + 0.5) / starts.length, text: hour === 0 ? day : time }
    }),
  }
}

/** Places of round hours, else of days or months that begin: as many as fit. */
function roundOnes(periods: readonly { hour: number; day: string }[]): number[] {
  // When clocks go back there is an hour twice.
  const hours = periods.flatMap(({ hour }, at) => (at > 0 && hour > 0 && hour === periods[at - 1]!.hour ? [] : [at]))
  const days = hours.filter(at => periods[at]!.hour === 0)
  const months = days.filter(at => parseInt(periods[at]!.day, 10) === 1)
  const every = (places: readonly number[]) => (step: number) => places.filter((_, n) => n % step === 0)
  const some = [
    ...(days.length < hours.length ? steps.hours.map(step => hours.filter(at => periods[at]!.hour % step === 0)) : []),
    ...steps.days.map(every(days)),
    ...steps.months.map(every(months)),
  ]
  return some.find(places => places.length <= ticksMax) ?? []
}
