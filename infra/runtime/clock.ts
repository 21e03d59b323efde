import type { EpochMs } from '#contracts/ids.ts'

/** Where a decision's instant comes from. The only file that reads the wall clock. */
export type Clock = { now(): EpochMs }

export const systemClock: Clock = { now: () => Date.now() }

/** A clock that stands where it was put: tests, and the replay of a trace. */
export function manualClock(at: EpochMs): Clock & { set(at: EpochMs): void } {
  let now = at
  return { now: () => now, set: next => void (now = next) }
}
