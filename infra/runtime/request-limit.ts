import { isIPv6 } from 'node:net'
import type { Clock } from './clock.ts'
import { type FastifyRequest, problem } from './http.ts'

/** How often one may ask: `burst` at once, and `perSecond` on average. */
export type RequestRate = { perSecond: number; burst: number }

/** Of one process: several behind a balancer allow so much each. It stops floods, and is no quota. */
export type RequestLimit = {
  /** Counts a request of `who`. Throws a 429 that says in Retry-After when there is room again. */
  take(who: string): void
}

/** So many are remembered; who is forgotten, the one seen longest ago, begins anew. */
const knownMax = 50_000

/** A token bucket for each who asks. */
export function createRequestLimit({ perSecond, burst }: RequestRate, clock: Clock): RequestLimit {
  const known = new Map<string, { tokens: number; atMs: number }>()
  /** What is left, at least one. */
  const tokensOf = (who: string, now: number): number => {
    const bucket = known.get(who)
    // A clock that was put back is gone by from now on.
    if (bucket) bucket.atMs = Math.min(bucket.atMs, now)
    const tokens = bucket ? Math.min(burst, bucket.tokens + ((now - bucket.atMs) * perSecond) / 1000) : burst
    if (tokens >= 1) return tokens
    const seconds = Math.max(1, Math.ceil((1 - tokens) / perSecond))
    const headers = { 'retry-after': String(seconds) }
    throw problem(429, { detail: `too many requests: try again in ${seconds} s`, headers })
  }
  return {
    take: who => {
      const now = clock.now()
      const tokens = tokensOf(who, now)
      // The last one seen stands at the end.
      known.delete(who)
      known.set(who, { tokens: tokens - 1, atMs: now })
      if (known.size > knownMax) known.delete(known.keys().next().value!)
    },
  }
}

/**
 * The client that a request comes from: its address (behind proxies what `CARILLON_PROXIES` makes of it); of IPv6 its network
 * of 64 bits, which is what one subscriber has.
 */
export function clientOf({ ip }: FastifyRequest): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1]
  if (mapped !== undefined || !isIPv6(ip)) return mapped ?? ip
  const [head = '', tail] = ip.split('%')[0]!.split('::')
  const groups = head.split(':').filter(group => group !== '')
  const after = tail?.split(':').filter(group => group !== '') ?? []
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - after.length }, () => '0')
  return [...groups, ...zeros, ...after].slice(0, 4).join(':')
}
