import type { EpochMs } from '#contracts/ids.ts'

/** Nobody stops a channel for longer by a header. */
const maxMs = 60 * 60_000
// Whatever else looks like a date to JavaScript ("soon 5") is none.
const httpDate = /^(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?,? .*\d\d:\d\d:\d\d/

/**
 * Retry-After (RFC 9110 §10.2.3), seconds or a date, in milliseconds from `now`, at most an hour; the longest of several.
 * Undefined when it makes no sense: negative, in the past, no number and no date.
 */
export function retryAfterMs(value: unknown, now: EpochMs): number | undefined {
  const texts = (Array.isArray(value) ? value : [value]).flatMap(one =>
    typeof one === 'number' || typeof one === 'string' ? listed(String(one).trim()) : [],
  )
  const found = texts.map(text => msOf(text, now)).filter(ms => ms >= 0)
  return found.length > 0 ? Math.min(Math.max(...found), maxMs) : undefined
}

/** Several headers are joined by commas, and a date holds one. */
const listed = (text: string): string[] => (httpDate.test(text) ? [text] : text.split(',').map(part => part.trim()))

function msOf(text: string, now: EpochMs): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000)
  return httpDate.test(text) ? Date.parse(text) - now : Number.NaN
}
