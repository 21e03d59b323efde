import type { EpochMs } from '#contracts/ids.ts'

/** Nobody stops a channel for longer by a header. */
const maxMs = 60 * 60_000

/** Retry-After (RFC 9110 §10.2.3), seconds or a date, in milliseconds from `now`; undefined when it makes no sense. */
export function retryAfterMs(value: unknown, now: EpochMs): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value).trim()
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, maxMs) : undefined
}
