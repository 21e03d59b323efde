import { isIPv6 } from 'node:net'
import { type FastifyRequest, problem } from './http.ts'

/** How often one client may ask: `burst` at once, and `perSecond` on average. */
export type ClientRate = { perSecond: number; burst: number }

/** Of one process: several behind a balancer allow so much each. It stops floods, and is no quota. */
export type ClientLimit = {
  /** Counts a request. Throws a 429 that says in Retry-After when there is room again. */
  take(request: FastifyRequest): void
  /** Throws the same without counting one. */
  check(request: FastifyRequest): void
}

/** Clients are remembered as long as there are no more of them; one that is forgotten begins anew. */
const clientsMax = 10_000

/**
 * A client is the address that a request comes from (behind proxies what `CARILLON_PROXIES` makes of it); of IPv6 its network
 * of 64 bits, which is what one subscriber has. `nowMs`: instead of the monotonic clock, for tests.
 */
export function createClientLimit(
  { perSecond, burst }: ClientRate,
  nowMs: () => number = () => performance.now(),
): ClientLimit {
  const clients = new Map<string, { tokens: number; atMs: number }>()
  const tokensOf = (client: string, now: number): number => {
    const known = clients.get(client)
    return known ? Math.min(burst, known.tokens + ((now - known.atMs) * perSecond) / 1000) : burst
  }
  const refuse = (tokens: number) => {
    const seconds = Math.max(1, Math.ceil((1 - tokens) / perSecond))
    throw problem(429, { detail: 'too many requests from this address', headers: { 'retry-after': String(seconds) } })
  }
  return {
    take: request => {
      const client = clientOf(request.ip)
      const now = nowMs()
      const tokens = tokensOf(client, now)
      if (tokens < 1) refuse(tokens)
      // The last one seen stands at the end: the first is forgotten.
      clients.delete(client)
      clients.set(client, { tokens: tokens - 1, atMs: now })
      if (clients.size > clientsMax) clients.delete(clients.keys().next().value!)
    },
    check: request => {
      const tokens = tokensOf(clientOf(request.ip), nowMs())
      if (tokens < 1) refuse(tokens)
    },
  }
}

function clientOf(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1]
  if (mapped !== undefined || !isIPv6(ip)) return mapped ?? ip
  const [head = '', tail] = ip.split('%')[0]!.split('::')
  const groups = head.split(':').filter(group => group !== '')
  const after = tail?.split(':').filter(group => group !== '') ?? []
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - after.length }, () => '0')
  return [...groups, ...zeros, ...after].slice(0, 4).join(':')
}
