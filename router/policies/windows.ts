import { createHash } from 'node:crypto'
import { durationMs, type Duration } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'

/**
 * Everything a person's dedupe and throttle rules remember, one row in the ledger. `d`: by the hash of type and key, the
 * window's start and end. `t`: by type, until when it matters and the instants of the last sends, oldest first.
 */
export type Windows = {
  d: Record<string, [start: EpochMs, end: EpochMs]>
  t: Record<string, [until: EpochMs, instants: EpochMs[]]>
}

export const noWindows = (): Windows => ({ d: {}, t: {} })
export const parseWindows = (state: string): Windows => (state === '' ? noWindows() : (JSON.parse(state) as Windows))

/** How much later a message may come than one that happened after it: a backlog arrives in no order. */
const overtakingMs = 6 * 3_600_000
/** A row is read and written with every intent for its person: at most 25 kB and half a millisecond. */
const dedupeKeysMax = 500

/**
 * The row's new text. What no rule can look at any more is dropped: throttles go by the instant of the decision, dedupe
 * by the latest `occurredAt`, so that what piled up is judged as if it came in time. Of too many dedupe windows those
 * that are over go first, then those that began first: their keys may be told once more.
 */
export function formatWindows(windows: Windows, latest: { at: EpochMs; occurredAt: EpochMs }): string {
  let d = Object.entries(windows.d).filter(([, [, end]]) => end + overtakingMs > latest.occurredAt)
  if (d.length > dedupeKeysMax) {
    const isOver = (end: EpochMs) => Number(end <= latest.occurredAt)
    d.sort(([, a], [, b]) => isOver(a[1]) - isOver(b[1]) || b[0] - a[0])
    d = d.slice(0, dedupeKeysMax)
  }
  const t = Object.entries(windows.t).filter(([, [until]]) => until > latest.at)
  return JSON.stringify({ d: Object.fromEntries(d), t: Object.fromEntries(t) })
}

const dayMs = 86_400_000
const keptDays = 35

/**
 * The day after which nothing in windows matters, not to a message that comes as late as a message can, as 2026-11-23:
 * always a Monday, so that it changes once a week at most.
 */
export function keptUntil({ d, t }: Windows): string {
  const end = Math.max(0, ...Object.values(d).map(([, end]) => end), ...Object.values(t).map(([until]) => until))
  const days = Math.ceil(end / dayMs) + keptDays
  // 1970-01-05 was a Monday.
  return new Date((Math.ceil((days - 4) / 7) * 7 + 4) * dayMs).toISOString().slice(0, 10)
}

/**
 * First of its kind wins: true opens a window `[occurredAt, occurredAt + within)`, false says a window is open.
 * What happened before an open window passes and does not move it.
 */
export function passDedupe(windows: Windows, rule: DedupeRule, occurredAt: EpochMs): boolean {
  const key = hashOf(rule)
  const withinMs = durationMs(rule.within)
  const open = windows.d[key]
  if (open && occurredAt < open[0]) return true
  if (open && occurredAt - open[0] < withinMs) return false
  windows.d[key] = [occurredAt, occurredAt + withinMs]
  return true
}

/** When what opened the window occurred, of one that did not let something pass. */
export const openSince = (windows: Windows, rule: DedupeRule): EpochMs => windows.d[hashOf(rule)]![0]

type DedupeRule = { type: string; key: string; within: Duration }

/** 96 bits, so that no two keys of a person meet; a key may hold what a sensitive type says, so it is not kept itself. */
const hashOf = ({ type, key }: { type: string; key: string }): string =>
  createHash('sha256').update(`${type} ${key}`).digest('base64url').slice(0, 16)

/** So many sends, by a name, in any window of a length: a throttle's, or a budget's. */
export type Limit = { name: string; limit: number; per: Duration }

/** An exact sliding window: true when fewer than `limit` sends lie in `(at − per, at]`, and counts this one. */
export function passThrottle(windows: Windows, limit: Limit, at: EpochMs): boolean {
  if (nextFree(windows, limit, at) > at) return false
  countSend(windows, limit, at)
  return true
}

/** When one more send fits: at `at`, or later. */
export function nextFree(windows: Windows, { name, limit, per }: Limit, at: EpochMs): EpochMs {
  const perMs = durationMs(per)
  // Instants ahead of `at` (another process's clock) count as well: the window is never exceeded.
  const instants = (windows.t[name]?.[1] ?? []).filter(instant => instant > at - perMs)
  return instants.length < limit ? at : instants.at(-limit)! + perMs
}

/** Counts a send, whether it fits or not: the last `limit` of them say when the next one does. */
export function countSend(windows: Windows, { name, limit, per }: Limit, at: EpochMs): void {
  const instants = [...(windows.t[name]?.[1] ?? []), at].sort((a, b) => a - b).slice(-limit)
  windows.t[name] = [instants.at(-1)! + durationMs(per), instants]
}
