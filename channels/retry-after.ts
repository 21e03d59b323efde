import type { EpochMs } from '#contracts/ids.ts'

const maxMs = 60 * 60_000

/**
 * Retry-After (RFC 9110 §10.2.3) in milliseconds: seconds or a date; undefined when it is absent or makes no sense.
 * Never more than an hour: nobody stops a channel for longer by a header.
 */
export function retryAfterMs(headers: Readonly<Record<string, unknown>>, now: EpochMs): number | undefined {
  const value = headers['retry-after'] ?? headers['Retry-After']
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value).trim()
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, maxMs) : undefined
}
