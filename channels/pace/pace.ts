import { setTimeout as sleep } from 'node:timers/promises'
import { type Lane, lanes } from '#contracts/channel.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { Wait } from '#contracts/wait.ts'
import type { Log } from '#runtime/log.ts'
import type { Metrics } from '#runtime/metrics.ts'
import { comeBackMs, configHold, failover } from '../limits.ts'
import type { Provider } from '../provider.ts'
import type { Buckets } from './bucket-store.ts'
import { admits, afterCall, type Breaker, type Cause, closedBreaker, probing, wordOf } from './breaker.ts'
import { createPlaces, type Places } from './places.ts'
import { type Pacing, pacingOf } from './pacing.ts'
import { afterFirstTries, newRetryBudget, type RetryBudget, takeRetries } from './retry-budget.ts'
import { callUnits, createTurns, cut, type Turn, type Turns, unlapsed } from './turns.ts'

/**
 * How fast, and whether, providers are called. What a vendor allows an account is shared by all workers (`buckets`); what
 * its answers teach is this process's own: a new one finds out by itself, with a call or two.
 */
export type Pace = {
  /** Before the claim. Waits a moment for its turn; where that is not enough, the batch is to wait unclaimed. */
  enter(batch: { provider: Provider; lane: Lane; size: number }): Promise<Entry | Wait>
  /**
   * After the claim: what was tried before counts against what its lane may try again. What only waited before (`moved`, without a
   * try) counts neither for it nor against it.
   */
  retryWait(batch: { provider: Provider; lane: Lane; size: number; tries: number; moved: boolean }): Wait | undefined
  /** How long a provider is not to be called at all for a lane; undefined: it may be. */
  wait(of: { provider: Provider; lane: Lane }): Wait | undefined
  /**
   * For how long a provider has not been fit for a lane: its circuit is open, or it asked for a pause that is not over soon.
   * Undefined: it is.
   */
  unfitMs(of: { provider: Provider; lane: Lane }): number | undefined
  /** Providers that are not called, and why. */
  openCircuits(): { provider: string; cause: Cause }[]
  /** Settings of ours that some endpoints need and that were refused of late, by the provider's word. */
  refusedOfSome(): { provider: string; reason: string }[]
  /** What paces a provider, as far as this process knows. */
  pacing(provider: Provider): Pacing
}
/** A batch that may be sent. Disposing gives back the part of its turn that it did not use. */
export type Entry = Disposable & {
  /**
   * Waits for a place and a turn for a call with the first of the messages that cost so much. Undefined: not by
   * `untilMs` (of `performance.now()`), or not any more.
   */
  begin(costs: readonly number[], untilMs: number): Promise<Call | undefined>
  /** How long what was not called waits. */
  wait(): Wait | undefined
}
/** A call of the first `count` messages; `end` is told the answers, none when it failed in ourselves. */
export type Call = { count: number; end(answers: readonly Answer[]): void }

export type PaceOptions = {
  buckets: Buckets
  log: Log
  metrics: Metrics
  /** From 0 to 1. */
  random: () => number
  /** For pauses, circuits and budgets; instead of the monotonic clock, for tests. */
  nowMs?: () => number
}

type State = {
  provider: Provider
  breaker: Breaker
  /** The word that opened its circuit: the provider's, but for what was not begun. */
  reason?: string | undefined
  pauses: Map<Lane, { from: number; until: number; reason: string }>
  budgets: Map<Lane, RetryBudget>
  /** Until when a setting that some endpoints need counts as refused, by the provider's word. */
  refusedOfSome: Map<string, number>
  places: Places
  turns: Turns | undefined
}

/** A batch waits here for its turn, unclaimed; for longer it gives its place in the process to others. */
const enterWaitMs = 500
/** Its job must be gone by then: while it is there, adding it again would do nothing. */
const putOffMinMs = 1_000
const retryWaitMaxMs = 600_000
/** What is held asks again sooner: who says nothing for so long is served. */
const refusedOfSomeMs = 2 * configHold.maxMs
/** Without the store of buckets nothing is given away; this long after, it is asked again. */
const storeAwayMs = 1_000

export function createPace(options: PaceOptions): Pace {
  const { buckets, log, metrics, random, nowMs = () => performance.now() } = options
  const states = new Map<string, State>()
  const patient: Buckets = {
    reserve: (key, ask) =>
      buckets.reserve(key, ask).catch((error: unknown) => {
        log.warn({ error }, 'the store of rate limits cannot be asked: what has a limit waits')
        metrics.count('errors_total', { part: 'pace' })
        return { waitMs: storeAwayMs }
      }),
  }
  const stateOf = (provider: Provider): State => {
    let state = states.get(provider.name)
    if (!state) states.set(provider.name, (state = newState(provider, patient)))
    return state
  }
  const entering = { nowMs, random, heard: (state: State, heard: Heard) => learn(state, heard, { nowMs, log }) }
  return {
    enter: async ({ provider, lane, size }) => {
      const entered = await enter({ state: stateOf(provider), lane, ...entering }, size)
      if (!('waitMs' in entered)) return entered
      metrics.count('put_off_total', { provider: provider.name, reason: entered.reason })
      return { ...entered, waitMs: Math.max(putOffMinMs, entered.waitMs) }
    },
    retryWait: ({ provider, lane, size, tries, moved }) => {
      const { budgets } = stateOf(provider)
      const budget = budgets.get(lane) ?? newRetryBudget(nowMs())
      if (tries === 0) return void budgets.set(lane, moved ? budget : afterFirstTries(budget, size))
      const taken = takeRetries(budget, size, nowMs())
      budgets.set(lane, taken.budget)
      if (taken.waitMs === undefined) return undefined
      metrics.count('put_off_total', { provider: provider.name, reason: 'retry_budget' })
      return { waitMs: Math.min(retryWaitMaxMs, taken.waitMs * (1 + random())), reason: 'retry_budget' }
    },
    wait: ({ provider, lane }) => {
      const gate = gateOf({ state: stateOf(provider), lane, ...entering })
      return typeof gate === 'object' ? gate : undefined
    },
    unfitMs: ({ provider, lane }) => unfitMs(stateOf(provider), lane, nowMs()),
    openCircuits: () =>
      [...states.values()].flatMap(({ provider, breaker }) =>
        breaker.kind === 'open' ? [{ provider: provider.name, cause: breaker.cause }] : [],
      ),
    refusedOfSome: () =>
      [...states.values()].flatMap(({ provider, refusedOfSome }) =>
        [...refusedOfSome].flatMap(([reason, until]) => (until > nowMs() ? [{ provider: provider.name, reason }] : [])),
      ),
    pacing: provider => pacingOf(stateOf(provider), { now: nowMs(), turnNow: performance.now() }),
  }
}

function newState(provider: Provider, buckets: Buckets): State {
  const { limit, callsAtOnce } = provider
  return {
    ...{ provider, breaker: closedBreaker, pauses: new Map(), budgets: new Map(), refusedOfSome: new Map() },
    places: createPlaces(callsAtOnce),
    turns: limit && createTurns({ buckets, key: `${provider.name}:${limit.account}`, limit: limit.rate }),
  }
}

type Entering = {
  state: State
  lane: Lane
  nowMs: () => number
  random: () => number
  heard: (state: State, heard: Heard) => void
}

async function enter(entering: Entering, size: number): Promise<Entry | Wait> {
  const { state, lane, nowMs } = entering
  const gate = gateOf(entering)
  if (typeof gate === 'object') return gate
  if (gate === 'probe') state.breaker = probing(state.breaker, nowMs())
  if (!state.turns) return entryOf(entering, { probe: gate === 'probe' })
  const turn = await state.turns.take({ lane, least: 1, most: size, untilMs: performance.now() + enterWaitMs })
  if ('waitMs' in turn) return { waitMs: turn.waitMs, reason: 'rate' }
  return entryOf(entering, { probe: gate === 'probe', turn })
}

function gateOf({ state, lane, nowMs, random }: Entering): 'all' | 'probe' | Wait {
  const now = nowMs()
  const pauseMs = (state.pauses.get(lane)?.until ?? now) - now
  if (pauseMs > 0) return { waitMs: pauseMs, reason: 'pause' }
  const admitted = admits(state.breaker, now)
  if (typeof admitted !== 'object') return admitted
  return { waitMs: Math.max(admitted.waitMs, comeBackMs(lane, random())), reason: 'circuit' }
}

function unfitMs({ breaker, pauses }: State, lane: Lane, now: number): number | undefined {
  if (breaker.kind === 'open') return now - breaker.since
  const pause = pauses.get(lane)
  return pause && pause.until - now >= failover.pauseMinMs ? now - pause.from : undefined
}

type Own = { probe: boolean; turn?: Turn | undefined; waitMs?: number }

function entryOf(entering: Entering, own: Own): Entry {
  const { state, lane, heard } = entering
  // One after the other: calls of a batch share its turn and its probe.
  let line: Promise<unknown> = Promise.resolve()
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = line.then(work)
    line = mine.catch(() => {})
    return mine
  }
  return {
    begin: async (costs, untilMs) => {
      const release = await state.places.take(lane, untilMs)
      if (!release) return undefined
      const { count, probe } = await inLine(() => allowed(entering, own, { costs, untilMs }))
      if (count === 0) {
        release()
        return undefined
      }
      return {
        count,
        end: answers => {
          release()
          heard(state, { lane, answers, probe })
        },
      }
    },
    wait: () => {
      const gate = gateOf(entering)
      if (typeof gate === 'object') return gate
      return own.waitMs === undefined ? undefined : { waitMs: own.waitMs, reason: 'rate' }
    },
    [Symbol.dispose]: () => {
      if (own.turn) state.turns?.giveBack(own.turn)
      own.turn = undefined
    },
  }
}

type Wanted = { costs: readonly number[]; untilMs: number }
const nothing = { count: 0, probe: false }

async function allowed(entering: Entering, own: Own, wanted: Wanted): Promise<{ count: number; probe: boolean }> {
  const { state, nowMs } = entering
  const count = state.turns ? await inTurn(entering, own, wanted) : wanted.costs.length
  if (count === 0 || performance.now() > wanted.untilMs) return nothing
  // Asked last: what was learned while it waited counts.
  const gate = gateOf(entering)
  if (typeof gate === 'object' && !(own.probe && gate.reason === 'circuit')) return nothing
  if (gate === 'all') return { count, probe: false }
  if (!own.probe) state.breaker = probing(state.breaker, nowMs())
  own.probe = false
  return { count: 1, probe: true }
}

/** How many of the messages have their turn now, waiting for the first of them. */
async function inTurn({ state, lane }: Entering, own: Own, { costs, untilMs }: Wanted): Promise<number> {
  const turns = state.turns!
  for (;;) {
    const mine = own.turn && unlapsed(own.turn, performance.now())
    if (!mine || mine.units < costs[0]!) {
      if (mine) turns.giveBack(mine)
      own.turn = undefined
      const cost = costs.reduce((sum, one) => sum + one, 0)
      const taken = await turns.take({ lane, least: costs[0]!, most: cost, untilMs })
      if ('waitMs' in taken) {
        own.waitMs = taken.waitMs
        return 0
      }
      own.turn = taken
      continue
    }
    const waitMs = mine.fromMs - performance.now()
    if (performance.now() + waitMs > untilMs) {
      own.waitMs = waitMs
      return 0
    }
    if (waitMs <= 0) {
      const { count, units } = fitting(costs, Math.min(callUnits(mine), mine.units))
      own.turn = cut(mine, units)[1]
      return count
    }
    own.turn = mine
    await sleep(waitMs)
  }
}

/** The first messages that cost no more together, but always one. */
function fitting(costs: readonly number[], unitsMax: number): { count: number; units: number } {
  let units = costs[0]!
  let count = 1
  while (count < costs.length && units + costs[count]! <= unitsMax) units += costs[count++]!
  return { count, units }
}

type Heard = { lane: Lane; answers: readonly Answer[]; probe: boolean }

function learn(state: State, heard: Heard, { nowMs, log }: { nowMs: () => number; log: Log }): void {
  const now = nowMs()
  const provider = state.provider.name
  for (const answer of heard.answers)
    if (answer.kind === 'pause' && !answer.ofSome) pause(state, heard.lane, { answer, now, log })
    else if (answer.kind === 'config' && answer.ofSome) refuse(state, answer.reason, { now, log })
  const before = state.breaker
  state.breaker = afterCall(before, heard, now)
  const { breaker } = state
  if (before.kind === 'closed' && breaker.kind === 'open') {
    state.reason = wordOf(breaker.cause, heard.answers)
    const fields = { provider, reason: state.reason }
    if (breaker.cause === 'config')
      log.error(fields, 'the provider refuses our settings: what is for it waits until somebody mends them')
    else log.warn(fields, 'calls of the provider fail: what is for it waits')
  }
  if (before.kind === 'open' && breaker.kind === 'closed') log.info({ provider }, 'the provider is called again')
}

/** Told when it begins: nobody would find it by a circuit, since the others are served. */
function refuse({ provider, refusedOfSome }: State, reason: string, { now, log }: { now: number; log: Log }): void {
  const isNew = (refusedOfSome.get(reason) ?? now) <= now
  refusedOfSome.set(reason, now + refusedOfSomeMs)
  if (!isNew) return
  const fields = { provider: provider.name, reason }
  log.error(
    fields,
    'the provider refuses our settings for some addresses: what is for them waits until somebody mends them',
  )
}

type Paused = { answer: Extract<Answer, { kind: 'pause' }>; now: number; log: Log }

/**
 * A quota that one lane has used up is used up for the less urgent ones as well; a more urgent one asks for itself, and
 * what is paused leaves it room. A provider that closes its connection pauses every lane.
 */
function pause({ provider, pauses }: State, lane: Lane, { answer, now, log }: Paused): void {
  const until = now + answer.afterMs
  const from = provider.pauses === 'all' ? 0 : lanes.indexOf(lane)
  const longer = lanes.slice(from).filter(one => until > (pauses.get(one)?.until ?? 0))
  for (const one of longer) {
    const before = pauses.get(one)
    pauses.set(one, { from: before && before.until > now ? before.from : now, until, reason: answer.reason })
  }
  const fields = { provider: provider.name, reason: answer.reason, pauseMs: answer.afterMs, lanes: longer.length }
  if (longer.includes(lane)) log.warn(fields, 'the provider is paused')
}
