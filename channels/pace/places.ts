import { type Lane, lanes } from '#contracts/channel.ts'

/** Calls that a process may have under way to a provider. */
export type Places = {
  /** Waits for a place, the more urgent lane first. Undefined: there was none until `untilMs` of `performance.now()`. */
  take(lane: Lane, untilMs: number): Promise<Release | undefined>
  /** Calls under way. */
  busy(): number
}
/** Called once, at the end of the call. */
export type Release = () => void

/** A part of the places is for the critical lane alone: a call that hangs would keep it waiting. */
const criticalShare = 0.25

export function createPlaces(most: number): Places {
  const mostOf = (lane: Lane) => (lane === 'critical' ? most : Math.max(1, most - Math.floor(most * criticalShare)))
  const waiting = new Map<Lane, Set<() => void>>(lanes.map(lane => [lane, new Set()]))
  let busy = 0
  const release = () => {
    busy--
    for (const [lane, line] of waiting)
      for (const enter of line) {
        if (busy >= mostOf(lane)) break
        line.delete(enter)
        enter()
      }
  }
  const takenBy = (): Release => {
    busy++
    return release
  }
  return {
    busy: () => busy,
    take: async (lane, untilMs) => {
      if (busy < mostOf(lane)) return takenBy()
      const line = waiting.get(lane)!
      const { promise, resolve } = Promise.withResolvers<Release | undefined>()
      const enter = () => resolve(takenBy())
      line.add(enter)
      const timer = setTimeout(
        () => {
          line.delete(enter)
          resolve(undefined)
        },
        Math.max(0, untilMs - performance.now()),
      )
      return promise.finally(() => clearTimeout(timer))
    },
  }
}
