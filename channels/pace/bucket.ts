import type { Lane } from '#contracts/channel.ts'

/** What a vendor allows an account: so many units in any window of `perMs`. A unit is a message, or a segment of an SMS. */
export type RateLimit = {
  units: number
  perMs: number
  /** Units that one message may cost. Absent: 1. */
  costMax?: number
  /** From nothing to the whole rate over so long, after a start and after a minute without traffic. Absent: at once. */
  rampMs?: number
}

/**
 * What all workers share of a limit: until when the account's time is given away, and since when its traffic grows. By
 * the clock of the store, in milliseconds.
 */
export type Bucket = { freeAt: number; rampFrom: number }

/** What a worker asks of a bucket: numbers alone, so that a script in Redis and a statement in PostgreSQL do the same. */
export type Ask = {
  /** Units for less than which it is not worth while, and how many at most. */
  least: number
  most: number
  perSecond: number
  /** Its turn must begin within this time, else it is told to wait. */
  aheadMs: number
  /** A turn of more than `least` is no longer than this. */
  turnMs: number
  /** A bucket that is missing gives nothing for so long: no turn that was given away before lasts longer. */
  emptyMs: number
  rampMs: number
  /** The part of the rate that a ramp begins with. */
  rampFloor: number
  idleMs: number
}
/** A turn: `units` at `perSecond` from `startInMs` on. Or how long to wait before asking again. */
export type Grant = { units: number; startInMs: number; perSecond: number } | { waitMs: number }

/**
 * A unit goes out at its own instant, at most `lateMs` after it; a call of many takes its units' instants together, at
 * most `callMs` of them. So units of any window as long as the limit's own have instants that lie within that window and
 * both of these: at this rate they are never more than the limit.
 */
export const slack = { lateMs: 200, callMs: 50 }
export const perSecondOf = ({ units, perMs }: RateLimit): number =>
  (units / (perMs + slack.lateMs + slack.callMs)) * 1000

/** Whose turn may begin how far ahead. Less urgent lanes leave the time right before them to the more urgent ones. */
const aheadMs: Record<Lane, number> = { critical: 1_000, default: 300, bulk: 100 }
/** A turn is for what goes out at once, or a lot for the small batches of so long. */
export const turnMs = 100
const idleMs = 60_000
const rampFloor = 0.01
/** No message of many units, by a slow sender, has a new bucket wait longer. */
const costliestMs = 10_000

/** The numbers of an ask. */
export function askOf(limit: RateLimit, { lane, least, most }: { lane: Lane; least: number; most: number }): Ask {
  const perSecond = perSecondOf(limit)
  const { costMax = 1, rampMs } = limit
  const slowest = rampMs === undefined ? perSecond : perSecond * rampFloor
  return {
    ...{ least, most, perSecond, turnMs, idleMs },
    aheadMs: aheadMs[lane],
    emptyMs: aheadMs.critical + turnMs + Math.min(costliestMs, (costMax / slowest) * 1000),
    ...(rampMs === undefined ? { rampMs: 1, rampFloor: 1 } : { rampMs, rampFloor }),
  }
}

/**
 * Gives away the next stretch of an account's time. There is nothing to save up: what nobody asked for in time is gone,
 * so a bucket that was lost, or was never there, allows no burst.
 */
export function reserve(bucket: Bucket | undefined, ask: Ask, now: number): { bucket: Bucket; grant: Grant } {
  // Nothing legitimate lies further ahead: it is a lost bucket, or the store's clock was put back.
  const freeAt = Math.min(bucket?.freeAt ?? Infinity, now + ask.emptyMs)
  const idle = !bucket || now - bucket.freeAt >= ask.idleMs
  const rampFrom = idle ? now : Math.min(bucket.rampFrom, now)
  const startAt = Math.max(now, freeAt)
  if (startAt - now > ask.aheadMs)
    return { bucket: { freeAt, rampFrom }, grant: { waitMs: startAt - now - ask.aheadMs } }
  const perSecond = ask.perSecond * Math.min(1, Math.max(ask.rampFloor, (startAt - rampFrom) / ask.rampMs))
  const units = Math.max(ask.least, Math.min(ask.most, Math.floor((perSecond * ask.turnMs) / 1000)))
  return {
    bucket: { freeAt: startAt + (units * 1000) / perSecond, rampFrom },
    grant: { units, startInMs: startAt - now, perSecond },
  }
}
