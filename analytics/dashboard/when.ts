import { html, type TemplateResult } from 'lit-html'

/** The zone of the window. */
export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone

/** An instant in a zone, to the second. */
export const timeIn = (at: string, zone: string): TemplateResult =>
  html`<time datetime=${at} title=${at}
    >${new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone: knownZone(zone), dateStyle: 'medium', timeStyle: 'medium' },
    }).format(new Date(at))}</time
  >`

/** From an instant to another in a zone, to the minute. */
export function spanIn({ since, until }: { since: string; until: string }, zone = 'UTC'): string {
  const timeZone = knownZone(zone)
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'medium', timeStyle: 'short' })
  return `From ${format.format(new Date(since))} to ${format.format(new Date(until))} (${timeZone}).`
}

/** The time of day in a zone, to the second. */
export function clockOf(zone: string): (at: string) => string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: knownZone(zone), timeStyle: 'medium' })
  return at => format.format(new Date(at))
}

/** Instants as RFC 3339 has them, with the offset that a zone has then. */
export function rfc3339Of(zone = 'UTC'): (at: string) => string {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: knownZone(zone), timeZoneName: 'longOffset', hourCycle: 'h23', fractionalSecondDigits: 3 },
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
  })
  return at => {
    const parts = format.formatToParts(new Date(at)).map(({ type, value }) => [type, value] as const)
    const { year, month, day, hour, minute, second, fractionalSecond, timeZoneName = '' } = Object.fromEntries(parts)
    const part = fractionalSecond === '000' ? '' : `.${fractionalSecond}`
    // “GMT+01:00”; where there is none “GMT+00:00”, or “GMT” alone.
    const offset = timeZoneName.slice('GMT'.length).replace('+00:00', '') || 'Z'
    return `${year}-${month}-${day}T${hour}:${minute}:${second}${part}${offset}`
  }
}

const instants = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/

/** A sentence with its instants in a zone. */
export const sentenceIn = (sentence: string, zone: string): (string | TemplateResult)[] =>
  sentence
    .split(instants)
    .map((part, at) => (at % 2 === 1 && !Number.isNaN(Date.parse(part)) ? timeIn(part, zone) : part))

/** The zone, or UTC where this browser does not know it: addresses may say anything. */
export function knownZone(zone: string): string {
  try {
    return Intl.DateTimeFormat('en', { timeZone: zone }) && zone
  } catch {
    return 'UTC'
  }
}
