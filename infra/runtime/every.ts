import { setTimeout as sleep } from 'node:timers/promises'

/** Longest pause after failures in a row. */
const backoffMaxMs = 30_000

/**
 * Runs a task again and again: at once while it says there is more to do (true), else after a pause. A failure is
 * reported and the pause doubles. Disposing waits for the run under way. Never two runs at a time.
 */
export function every(
  pauseMs: number,
  task: (signal: AbortSignal) => Promise<boolean | void>,
  onError: (error: unknown) => void,
): AsyncDisposable {
  const stop = new AbortController()
  const loop = async () => {
    let waitMs = pauseMs
    while (!stop.signal.aborted) {
      try {
        const more = await task(stop.signal)
        waitMs = pauseMs
        if (more) continue
      } catch (error) {
        if (!stop.signal.aborted) onError(error)
        waitMs = Math.min(waitMs * 2, Math.max(backoffMaxMs, pauseMs))
      }
      await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  const ended = loop()
  return {
    [Symbol.asyncDispose]: () => {
      stop.abort()
      return ended
    },
  }
}
