import { html, type TemplateResult } from 'lit-html'
import { isZone } from './fields.ts'

/** The zone of the window. */
export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone

/** An instant in a zone, to the second. */
export const timeIn = (at: string, zone: string): TemplateResult =>
  html`<time datetime=${at} title=${at}
    >${new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone: isZone(zone) ? zone : 'UTC', dateStyle: 'medium', timeStyle: 'medium' },
    }).format(new Date(at))}</time
  >`

/** From an instant to another in a zone, to the minute. */
export function spanIn({ since, until }: { since: string; until: string }, zone = 'UTC'): string {
  const timeZone = isZone(zone) ? zone : 'UTC'
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'medium', timeStyle: 'short' })
  return `From ${format.format(new Date(since))} to ${format.format(new Date(until))} (${timeZone}).`
}

const instants = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/

/** A sentence with its instants in a zone. */
export const sentenceIn = (sentence: string, zone: string): (string | TemplateResult)[] =>
  sentence
    .split(instants)
    .map((part, at) => (at % 2 === 1 && !Number.isNaN(Date.parse(part)) ? timeIn(part, zone) : part))
