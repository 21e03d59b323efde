import type { Channel, Lane } from '#contracts/channel.ts'
import { pickRoute, type Route, type Routes, weightOf } from '#contracts/routes.ts'
import { stopOn } from '#contracts/stop.ts'
import type { ClaimedBatch } from '#ledger/batch.ts'
import { failover } from './limits.ts'
import type { Pace } from './pace/pace.ts'
import type { Provider } from './provider.ts'

/** Why a delivery leaves its route: it was refused for our settings there, or the route is not to be called. */
export type Leaving = 'refused' | 'unfit'

type Asked = { lane: Lane; channel: Channel; provider: Provider }
type Known = {
  routes?: Routes
  providers: ReadonlyMap<string, Provider>
  pace: Pick<Pace, 'unfitMs'>
  /** From 0 to 1. */
  random: () => number
}

/**
 * The route by which goes what surely was not sent by this one; undefined: it waits where it is. By their weights, and only
 * routes that work here: where none does nothing moves. What a route cannot take now leaves it little by little: at first
 * as much as the others' share of the whole, after a while everything, so that the others are not met by all of it at once.
 */
export function otherRoute(leaving: Leaving, { lane, channel, provider }: Asked, known: Known): string | undefined {
  const { routes, providers, pace, random } = known
  const all = routes?.[channel]
  if (!all) return undefined
  const others = all.filter(({ name, weight }) => {
    const other = name === provider.name ? undefined : providers.get(name)
    return other && weight > 0 && pace.unfitMs({ provider: other, lane }) === undefined
  })
  if (others.length === 0) return undefined
  if (leaving === 'unfit') {
    const unfitMs = pace.unfitMs({ provider, lane })
    if (unfitMs === undefined || random() >= shareLeaving({ all, others, unfitMs, lane })) return undefined
  }
  return pickRoute(others, random())
}

type Share = { all: readonly Route[]; others: readonly Route[]; unfitMs: number; lane: Lane }
const shareLeaving = ({ all, others, unfitMs, lane }: Share): number =>
  weightOf(others) / weightOf(all) + unfitMs / failover.rampMs[lane]

/** By why they leave, the routes by which goes what surely was not sent of a claimed batch; each may be undefined. */
export function routesElsewhere(
  batch: ClaimedBatch,
  provider: Provider,
  known: Known,
): { readonly [L in Leaving]?: string | undefined } {
  if (!known.routes?.[batch.channel]) return {}
  const to = (leaving: Leaving) => {
    const route = otherRoute(leaving, { ...batch, provider }, known)
    return route !== undefined && mayMove(batch, route) ? route : undefined
  }
  return { refused: to('refused'), unfit: to('unfit') }
}

/**
 * Whoever may have sent it keeps it (law 5); what has come by another route tries this one before it goes on; and what an
 * operator has stopped there would only wait there.
 */
export function mayMove({ maybeSent, waitedFor, channel, stops, intents }: ClaimedBatch, route: string): boolean {
  if (maybeSent || waitedFor === 'route') return false
  return stops.length === 0 || intents.every(intent => !stopOn(stops, { ...intent, channel, provider: route }))
}
