import type { Lane } from '#contracts/channel.ts'
import type { Provider } from '../provider.ts'
import type { Breaker, Cause } from './breaker.ts'
import type { Places } from './places.ts'
import { type RetryBudget, retriesLeft } from './retry-budget.ts'
import type { Turns } from './turns.ts'

/** What paces a provider in one process, for a person who asks. Durations in milliseconds, as of when it is asked. */
export type Pacing = {
  circuit:
    | { state: 'closed' }
    /** `half-open`: the next message goes out as a probe. `reason`: the provider's word that opened it. */
    | { state: 'open' | 'half-open'; cause: Cause; reason?: string; forMs: number; probeInMs: number }
  pauses: { lane: Lane; reason: string; leftMs: number }[]
  /** Where there is a limit. `given`: the last turn of this process, `aheadMs` from now (negative: it is over). */
  rate?: { perSecond: number; given?: { perSecond: number; aheadMs: number } }
  /** What each lane that sent something may try again. */
  retries: { lane: Lane; left: number }[]
  calls: { underWay: number; most: number }
}

/** What a process knows of a provider: see `pace.ts`. */
export type Known = {
  provider: Pick<Provider, 'limit' | 'callsAtOnce'>
  breaker: Breaker
  /** The word of the provider that opened the circuit. */
  reason?: string | undefined
  pauses: ReadonlyMap<Lane, { until: number; reason: string }>
  budgets: ReadonlyMap<Lane, RetryBudget>
  places: Pick<Places, 'busy'>
  turns: Pick<Turns, 'last'> | undefined
}

/** `now` is of the clock of pauses and circuits, `turnNow` of that of turns. */
export function pacingOf(known: Known, { now, turnNow }: { now: number; turnNow: number }): Pacing {
  const { provider, pauses, budgets, places, turns } = known
  const rate = provider.limit?.rate
  const last = turns?.last()
  return {
    circuit: circuitOf(known, now),
    pauses: [...pauses].flatMap(([lane, { until, reason }]) =>
      until > now ? [{ lane, reason, leftMs: until - now }] : [],
    ),
    ...(rate && {
      rate: {
        perSecond: (rate.units * 1_000) / rate.perMs,
        ...(last && { given: { perSecond: last.perSecond, aheadMs: last.fromMs - turnNow } }),
      },
    }),
    retries: [...budgets].map(([lane, budget]) => ({ lane, left: Math.floor(retriesLeft(budget, now)) })),
    calls: { underWay: places.busy(), most: provider.callsAtOnce },
  }
}

function circuitOf({ breaker, reason }: Known, now: number): Pacing['circuit'] {
  if (breaker.kind === 'closed') return { state: 'closed' }
  const probeInMs = Math.max(0, breaker.probeAt - now)
  return {
    ...{ state: probeInMs > 0 ? 'open' : 'half-open', cause: breaker.cause, ...(reason !== undefined && { reason }) },
    ...{ forMs: now - breaker.since, probeInMs },
  }
}
