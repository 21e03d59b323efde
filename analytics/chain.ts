import { type Ordering, stages } from './stages.ts'

/** How far a unit came, and when it took each step until there. `told`: bit 0 tells of `delivered`, bit 1 of `seen`, bit 2 of `acted`. */
export type Chain = { told: number; reached: number; moments: Float64Array }

const last = stages.length - 1

/**
 * Judges the steps of a unit by the earliest time of each (`Infinity`: never), which is the furthest way there is if it is one to
 * the end, or if the next step was never taken: then `true`. Else it takes all times. Writes into `chain`. Pure but for that.
 */
export function byEarliest(chain: Chain, earliest: Float64Array, { windowMs, graceMs }: Ordering): boolean {
  const { moments, told } = chain
  const end = earliest[0]! + windowMs
  moments[0] = earliest[0]!
  for (let step = 1; step <= last; step++) {
    const before = moments[step - 1]!
    moments[step] = before
    if (!tells(told, step)) continue
    const at = earliest[step]!
    if (at < before - graceMs || at > end) {
      chain.reached = step - 1
      return at === Infinity
    }
    if (at > before) moments[step] = at
  }
  chain.reached = last
  return true
}

/** The same by all times of each step: every beginning is tried, the furthest counts, of equals the earliest. `furthest` defines it. */
export function byAll(chain: Chain, times: readonly number[][], { windowMs, graceMs }: Ordering): void {
  const { told } = chain
  for (const of of times) of.sort((a, b) => a - b)
  // No beginning comes further than to the first step that was never taken.
  const never = times.findIndex((of, step) => of.length === 0 && tells(told, step))
  const most = never < 0 ? last : never - 1
  chain.reached = -1
  const tried = new Float64Array(stages.length)
  for (const first of times[0]!) {
    let step = 1
    tried[0] = first
    for (; step <= last; step++) {
      const before = tried[step - 1]!
      tried[step] = before
      if (!tells(told, step)) continue
      const at = atOrAfter(times[step]!, before - graceMs)
      if (at === undefined || at > first + windowMs) break
      if (at > before) tried[step] = at
    }
    if (step - 1 <= chain.reached) continue
    chain.reached = step - 1
    chain.moments.set(tried)
    if (chain.reached === most) return
  }
}

const bits = new Map([
  [stages.indexOf('delivered'), 1],
  [stages.indexOf('seen'), 2],
  [stages.indexOf('acted'), 4],
])
const bitOf = Int32Array.from(stages, (_, step) => bits.get(step) ?? 0)
/** What must be told for somebody to tell of a step. */
export const tellingBits = (step: number): number => bitOf[step]!
/** Whether somebody tells of a step. */
export const tells = (told: number, step: number): boolean => (told & tellingBits(step)) === tellingBits(step)

/** The last step on the way that somebody tells of. */
export const lastTold = (told: number, reached: number): number =>
  tells(told, reached) ? reached : lastTold(told, reached - 1)

/** The least of ascending times that is not before a time. */
function atOrAfter(times: readonly number[], from: number): number | undefined {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (times[middle]! < from) low = middle + 1
    else high = middle
  }
  return times[low]
}
