import type { Answer } from '#contracts/outcome.ts'

/** Why a circuit is open: nothing gets through, or our own settings are wrong (a key, a right, a project). */
export type Cause = 'failures' | 'config'
/** Whether a provider is called at all. Pure: time is an argument, in milliseconds of any one clock. */
export type Breaker =
  | { kind: 'closed'; tallies: readonly Tally[]; configFaults: number }
  | { kind: 'open'; cause: Cause; probeAt: number; since: number }
/** Calls of one second. */
type Tally = { at: number; calls: number; failed: number }

/** Opens where at least half of so many calls or more failed within the time. */
export const failing = { callsMin: 20, withinMs: 30_000 }
/** So many faults of configuration in a row, without one message accepted between them, open it: one may be one device's. */
export const configFaultsMax = 10
/** While it is open one message goes out this often, to find out whether it is mended. */
export const probeEveryMs: Record<Cause, number> = { failures: 1_000, config: 30_000 }

export const closedBreaker: Breaker = { kind: 'closed', tallies: [], configFaults: 0 }

/** Everything may go out, or one message as a probe, or nothing yet. */
export function admits(breaker: Breaker, now: number): 'all' | 'probe' | { waitMs: number } {
  if (breaker.kind === 'closed') return 'all'
  return now >= breaker.probeAt ? 'probe' : { waitMs: breaker.probeAt - now }
}

/** Somebody takes the probe: the next one has its time. */
export const probing = (breaker: Breaker, now: number): Breaker =>
  breaker.kind === 'closed' ? breaker : { ...breaker, probeAt: now + probeEveryMs[breaker.cause] }

/** What a call teaches. An open circuit listens to its probes alone: others began before it opened. */
export function afterCall(
  breaker: Breaker,
  { answers, probe }: { answers: readonly Answer[]; probe: boolean },
  now: number,
): Breaker {
  if (breaker.kind === 'open') return probe ? afterProbe(breaker, answers, now) : breaker
  const configFaults = faultsInRow(breaker.configFaults, answers)
  if (configFaults >= configFaultsMax) return opened('config', now)
  const tallies = tallied(breaker.tallies, answers, now)
  const calls = tallies.reduce((sum, tally) => sum + tally.calls, 0)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  if (calls >= failing.callsMin && failed * 2 >= calls) return opened('failures', now)
  return { kind: 'closed', tallies, configFaults }
}

const opened = (cause: Cause, now: number, since = now): Breaker => ({
  ...{ kind: 'open', cause, since },
  probeAt: now + probeEveryMs[cause],
})

function afterProbe(breaker: Extract<Breaker, { kind: 'open' }>, answers: readonly Answer[], now: number): Breaker {
  switch (verdictOf(answers)) {
    case 'good':
      return closedBreaker
    case 'config':
      return opened('config', now, breaker.since)
    default:
      return breaker
  }
}

function faultsInRow(before: number, answers: readonly Answer[]): number {
  let faults = before
  for (const answer of answers)
    if (answer.kind === 'accepted') faults = 0
    else if (isOurs(answer) && ++faults >= configFaultsMax) break
  return faults
}

function tallied(tallies: readonly Tally[], answers: readonly Answer[], now: number): Tally[] {
  const kept = tallies.filter(tally => now - tally.at < failing.withinMs)
  const verdict = verdictOf(answers)
  if (verdict === 'none' || verdict === 'config') return kept
  const failed = verdict === 'failed' ? 1 : 0
  const last = kept.at(-1)
  if (!last || now - last.at >= 1_000) return [...kept, { at: now, calls: 1, failed }]
  return [...kept.slice(0, -1), { at: last.at, calls: last.calls + 1, failed: last.failed + failed }]
}

/** What some endpoints alone meet says that the others are served. */
const isOfSome = (answer: Answer): boolean => 'ofSome' in answer && answer.ofSome === true
const isOurs = (answer: Answer): answer is Extract<Answer, { kind: 'config' }> =>
  answer.kind === 'config' && !isOfSome(answer)
const isBad = (answer: Answer): answer is Extract<Answer, { kind: 'retry' | 'doubt' }> =>
  answer.kind === 'retry' || answer.kind === 'doubt'

/**
 * A call failed where at least half of its messages have no answer or are to be tried again; and where none of them was begun, since
 * it had its place for all of its time: calls that hang hold every connection, and would hide behind those that wait for one.
 */
function verdictOf(answers: readonly Answer[]): 'good' | 'failed' | 'config' | 'none' {
  let bad = 0
  let config = 0
  let good = 0
  for (const answer of answers)
    if (saysNothing(answer)) continue
    else if (isOfSome(answer)) good++
    else if (isBad(answer)) bad++
    else if (answer.kind === 'config') config++
    else good++
  if (bad + config + good === 0) {
    const isHeldUp = answers.some(({ kind }) => kind === 'notBegun') && !answers.some(({ kind }) => kind === 'pause')
    return isHeldUp ? 'failed' : 'none'
  }
  if (bad > 0 && bad >= good + config) return 'failed'
  return config > good ? 'config' : 'good'
}

/** A setting that is refused before there is a call is refused all the same: a key that gives no token. */
const saysNothing = (answer: Answer): boolean =>
  answer.kind === 'pause' || answer.kind === 'notBegun' || (answer.kind !== 'config' && 'uncalled' in answer)

/** In what words a call opened a circuit for this cause; undefined: only calls before it failed. */
export function wordOf(cause: Cause, answers: readonly Answer[]): string | undefined {
  const blamed = cause === 'config' ? answers.find(isOurs) : answers.find(isBad)
  return blamed?.reason ?? (answers.some(({ kind }) => kind === 'notBegun') ? 'not begun' : undefined)
}
