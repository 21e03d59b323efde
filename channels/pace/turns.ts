import { setTimeout as sleep } from 'node:timers/promises'
import type { Lane } from '#contracts/channel.ts'
import type { Buckets } from './bucket-store.ts'
import { askOf, type RateLimit, slack, turnMs } from './bucket.ts'

/** A stretch of an account's time that this process was given: `units` at `perSecond` from `fromMs` on. */
export type Turn = { fromMs: number; perSecond: number; units: number; lateMs: number }
export type TurnAsk = { lane: Lane; least: number; most: number; untilMs: number }

/** Turns of one account for the batches of this process. Times are those of `performance.now()`. */
export type Turns = {
  /** A turn of `least` to `most` units that has come, or how long there will be none where that is after `untilMs`. */
  take(ask: TurnAsk): Promise<Turn | { waitMs: number }>
  /** What was taken and not used is there for the next who asks, until it lapses. */
  giveBack(turn: Turn): void
  /** The last that was reserved, by whatever part of the process; undefined: none yet. */
  last(): Pick<Turn, 'fromMs' | 'perSecond'> | undefined
}

export function createTurns({ buckets, key, limit }: { buckets: Buckets; key: string; limit: RateLimit }): Turns {
  const spare: Turn[] = []
  const lines = new Map<Lane, Promise<unknown>>()
  let last = { atMs: -Infinity, units: 0 }
  let lastTurn: Turn | undefined

  const fromSpare = ({ least, most }: TurnAsk): Turn | undefined => {
    const now = performance.now()
    for (let turn = spare.shift(); turn; turn = spare.shift()) {
      const fresh = unlapsed(turn, now)
      if (fresh.units < least) continue
      const [mine, rest] = cut(fresh, most)
      if (rest.units > 0) spare.unshift(rest)
      return mine
    }
    return undefined
  }
  const reserved = async (ask: TurnAsk): Promise<Turn | { waitMs: number }> => {
    const askedMs = performance.now()
    // Who comes often takes a lot, so that small batches do not ask one by one; who comes rarely takes what it needs.
    const lot = askedMs - last.atMs < turnMs ? last.units * 2 : 0
    const grant = await buckets.reserve(key, askOf(limit, { ...ask, most: Math.max(ask.most, lot) }))
    if ('waitMs' in grant) return grant
    last = { atMs: askedMs, units: grant.units }
    const heardMs = performance.now()
    // The store counted from somewhere between: not before by the later, not too late by the earlier.
    const turn = {
      ...{ fromMs: heardMs + grant.startInMs, perSecond: grant.perSecond, units: grant.units },
      lateMs: slack.lateMs - (heardMs - askedMs),
    }
    lastTurn = turn
    const [mine, rest] = cut(turn, ask.most)
    if (rest.units > 0) spare.push(rest)
    return mine
  }
  const taken = async (ask: TurnAsk): Promise<Turn | { waitMs: number }> => {
    for (;;) {
      const turn = fromSpare(ask) ?? (await reserved(ask))
      const waitMs = 'waitMs' in turn ? turn.waitMs : turn.fromMs - performance.now()
      if (performance.now() + waitMs > ask.untilMs) {
        if ('units' in turn) spare.push(turn)
        return { waitMs }
      }
      if (waitMs > 0) await sleep(waitMs)
      if ('waitMs' in turn) continue
      const fresh = unlapsed(turn, performance.now())
      if (fresh.units >= ask.least) return fresh
    }
  }
  return {
    // In line with those of the same lane, so that one of them asks for all and none is overtaken.
    take: ask => {
      const mine = (lines.get(ask.lane) ?? Promise.resolve()).then(() => taken(ask))
      lines.set(
        ask.lane,
        mine.catch(() => {}),
      )
      return mine
    },
    giveBack: turn => void (turn.units > 0 && spare.push(turn)),
    last: () => lastTurn,
  }
}

/** The first `n` units of a turn, and the rest. */
export function cut(turn: Turn, n: number): [first: Turn, rest: Turn] {
  const units = Math.min(n, turn.units)
  const fromMs = turn.fromMs + (units * 1000) / turn.perSecond
  return [
    { ...turn, units },
    { ...turn, fromMs, units: turn.units - units },
  ]
}

/** What is left of a turn: a unit that was not used in its time is gone. */
export function unlapsed(turn: Turn, nowMs: number): Turn {
  const lapsed = Math.ceil(((nowMs - turn.lateMs - turn.fromMs) * turn.perSecond) / 1000)
  return lapsed <= 0 ? turn : cut(turn, lapsed)[1]
}

/** Units of a turn that may go out as one call. */
export const callUnits = ({ perSecond }: Turn): number => Math.max(1, Math.floor((perSecond * slack.callMs) / 1000))
