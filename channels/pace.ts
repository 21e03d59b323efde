import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { configFaultsMax, configHold } from './limits.ts'

/** What this process knows of its providers' mood. Nothing of it is kept: a new process finds out by itself. */
export type Pace = {
  /** Until when no call may be made; undefined: now. */
  pausedUntil(provider: string, now: EpochMs): EpochMs | undefined
  /** Learns from the answers of a call. Gives the reason when they stop the provider. */
  heard(provider: string, answers: readonly Answer[], now: EpochMs): { reason: string; until: EpochMs } | undefined
}

/**
 * A `pause` stops a provider at once. A fault of configuration may be one device's (a token of another app): only many
 * in a row, with nothing accepted between them, stop it; the first call after that finds out whether it is mended.
 */
export function createPace(): Pace {
  const states = new Map<string, { until: EpochMs; configFaults: number }>()
  const stateOf = (provider: string) => {
    let state = states.get(provider)
    if (!state) states.set(provider, (state = { until: 0, configFaults: 0 }))
    return state
  }
  return {
    pausedUntil: (provider, now) => {
      const { until } = stateOf(provider)
      return until > now ? until : undefined
    },
    heard: (provider, answers, now) => {
      const state = stateOf(provider)
      let paused: { reason: string; until: EpochMs } | undefined
      const pause = (reason: string, ms: number) => {
        if (now + ms <= state.until) return
        state.until = now + ms
        paused = { reason, until: state.until }
      }
      for (const answer of answers) {
        if (answer.kind === 'accepted') state.configFaults = 0
        else if (answer.kind === 'pause') pause(answer.reason, answer.afterMs)
        else if (answer.kind === 'config' && ++state.configFaults >= configFaultsMax)
          pause(answer.reason, configHold.minMs)
      }
      return paused
    },
  }
}
