import { type Channel, channels } from '#contracts/channel.ts'

/** The stages that a notification (one intent, to one person, on one channel) passes, in order. README.md defines them. */
export const stages = [
  ...(['intended', 'decided', 'attempted', 'accepted', 'delivered', 'seen', 'opened', 'acted'] as const),
] as const
export type Stage = (typeof stages)[number]

/**
 * Stages that nobody tells of on a channel: they are skipped there, and what went by it is in no base of theirs. A push that
 * its provider accepted is accepted, not delivered; that a mail or a text was looked at is known only by its links. Of `acted`
 * nobody tells where the type names no success.
 */
export const untold: Record<Channel, readonly Stage[]> = {
  push: ['delivered'],
  sms: ['seen'],
  email: ['seen'],
  in_app: [],
}

/** The channels that tell of a stage. */
export const channelsTelling = (stage: Stage): Channel[] => channels.filter(channel => !untold[channel].includes(stage))

export type Unit = 'notification' | 'recipient'
export const units = ['notification', 'recipient'] as const satisfies readonly Unit[]

/** How the order of steps is judged. All in ms. */
export type Ordering = {
  /** From the first step to the last, inclusive. */
  windowMs: number
  /** So much earlier than the step before it a step may bear its time: clocks differ, and a screen is faster than our books. */
  graceMs: number
}

/** A step that a unit took, at a time. `step` is a position in `stages`. */
export type StepEvent = { step: number; at: number }

/**
 * How far one unit came, and when it took each step on the way: the reference of how folds are counted. With no grace it
 * is ClickHouse's `windowFunnel` in its default mode: steps in order, what lies between them does not matter, equal times are
 * in order, all within the window from the first step on; a later first step begins anew, and the furthest of all beginnings
 * counts (the earliest of equals). `told[n]` false: nobody tells of step n, it is passed with the one before. Undefined: the
 * first step was never taken. Pure.
 */
export function furthest(
  events: readonly StepEvent[],
  told: readonly boolean[],
  { windowMs, graceMs }: Ordering,
): number[] | undefined {
  let best: number[] | undefined
  for (const { at: first } of events.filter(({ step }) => step === 0).toSorted((a, b) => a.at - b.at)) {
    const times = [first]
    for (let step = 1; step < told.length; step++) {
      const before = times[step - 1]!
      const next = events.filter(e => e.step === step && e.at >= before - graceMs && e.at <= first + windowMs)
      if (told[step] && next.length === 0) break
      times.push(told[step] ? Math.max(before, Math.min(...next.map(({ at }) => at))) : before)
    }
    if (best === undefined || times.length > best.length) best = times
  }
  return best
}

/** Steps of this growth: a percentile is told to within 1 % (DDSketch, Masson et al., VLDB 2019, with γ = 1.02). */
export const durationGrowth = 1.02

/** The duration in ms that a share of a histogram does not exceed; buckets are powers of the growth. */
export function percentileOf(buckets: readonly { bucket: number; n: number }[], share: number): number | undefined {
  const all = buckets.reduce((sum, { n }) => sum + n, 0)
  if (all === 0) return undefined
  let left = Math.ceil(all * share)
  for (const { bucket, n } of buckets.toSorted((a, b) => a.bucket - b.bucket)) {
    left -= n
    if (left <= 0) return bucket === 0 ? 0 : Math.round((2 * durationGrowth ** bucket) / (durationGrowth + 1))
  }
  return undefined
}
