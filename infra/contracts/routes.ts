import { draw } from './arms.ts'
import { type Channel, isProvider, providers } from './channel.ts'

/**
 * One account of a provider, by which a channel's messages go: `twilio`, and for another account of Twilio `_` and a word,
 * `twilio_b`. A weight of 0 gets nothing new.
 */
export type Route = { name: string; weight: number }
/** Of the channels that have several; by the others everything goes to the provider of its address. */
export type Routes = { readonly [C in Channel]?: readonly Route[] }

/** The provider whose account a route is. */
export const providerOfRoute = (route: string): string => route.split('_')[0]!

/** Whether a route's name is that of an account of a provider of this channel. */
export const isRouteOf = (channel: Channel, name: string): boolean => {
  const provider = providerOfRoute(name)
  return isProvider(provider) && providers[provider] === channel && /^[a-z]+(_[a-z0-9]{1,20})?$/.test(name)
}

/** The route that a delivery goes by: by their weights, and the same whenever it is asked, while they stay. */
export const routeFor = (routes: readonly Route[], of: { recipient: string; intent: string }): string =>
  pickRoute(routes, draw(`route\0${of.intent}`, of.recipient))

/** The one in whose part of the whole `at` (from 0 to 1) falls. At least one must have a weight. */
export function pickRoute(routes: readonly Route[], at: number): string {
  const weighted = routes.filter(({ weight }) => weight > 0)
  let left = at * weightOf(weighted)
  return (weighted.find(({ weight }) => (left -= weight) < 0) ?? weighted.at(-1)!).name
}

export const weightOf = (routes: readonly Route[]): number => routes.reduce((sum, { weight }) => sum + weight, 0)
