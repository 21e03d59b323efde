import { setTimeout as sleep } from 'node:timers/promises'
import { type Catalogue, doubtPolicyOf } from '#contracts/catalogue.ts'
import type { Channel, Lane } from '#contracts/channel.ts'
import type { BatchId, EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { Wait } from '#contracts/wait.ts'
import type { ClaimedBatch, SlotResult } from '#ledger/batch.ts'
import { claimBatch, postponeBatch, recordBatch, returnBatch } from '#ledger/claim.ts'
import { readReceived } from '#ledger/standings.ts'
import { markEndpoint, readReachable } from '#preferences/preferences.ts'
import type { Routes } from '#contracts/routes.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import type { Metrics } from '#runtime/metrics.ts'
import { type Database, isOutage } from '#runtime/postgres.ts'
import type { Load } from '#runtime/queues.ts'
import { readBadges } from './badge.ts'
import type { ContentRules } from './content.ts'
import { readEngaged } from './engaged.ts'
import { mayMove, otherRoute, routesElsewhere } from './failover.ts'
import {
  configHold,
  type DeliveryLimits,
  inItsTime,
  limitsOf,
  notOursMs,
  recordPauseMs,
  stoppedMs,
  triesMax,
} from './limits.ts'
import { marksOf, tellTripped } from './marks.ts'
import type { Entry, Pace } from './pace/pace.ts'
import type { OutMessage, Provider } from './provider.ts'
import { overAt, recheck, retracted, stoppedAt } from './recheck.ts'
import { render } from './render.ts'
import { send } from './send.ts'
import { doubtOf, lostWorker, maybeSent, notCalled, reroutedTo, settle, waiting } from './settle.ts'
import { slotFacts } from './slot-facts.ts'
import { countSegments, type SmsPrices } from './sms/price.ts'
import { toldBy } from './told-as-one.ts'

export type Failpoint = 'after claim' | 'after send before record' | 'after removal before record'
export type DeliverDeps = {
  db: Database
  /** The installation's secret: of the hashes by which suppressed addresses are known, and of what pushes carry. */
  addressKey: string
  catalogue: Catalogue
  providers: ReadonlyMap<string, Provider>
  pace: Pace
  /** Of channels that have several accounts. */
  routes?: Routes
  clock: Clock
  /** From 0 to 1. */
  random: () => number
  log: Log
  metrics: Metrics
  /** Absent: what text messages cost is not counted. */
  smsPrices?: SmsPrices | undefined
  /** Instead of those of each lane and channel, for tests. */
  limits?: DeliveryLimits
  /** Tests stop a process here. */
  failpoint?: (name: Failpoint) => Promise<void>
}
export type DeliverJob = { batchId: BatchId; lane: Lane; channel: Channel } & Load

/**
 * The way of a batch through a worker, the same for every channel: claim → render → send → record. A batch that is
 * gone, taken or not due is left alone; one that cannot be sent now is given back. No database connection is held while
 * a provider is called. Rejects on an outage of the database: what no call was made for goes back untouched, else the
 * lease lapses and another worker takes over.
 */
export async function deliver(job: DeliverJob, deps: DeliverDeps): Promise<void> {
  const { db, clock, pace, providers } = deps
  const limits = deps.limits ?? limitsOf(job)
  const provider = providers.get(job.provider)
  const entered = provider && (await pace.enter({ ...job, provider }))
  if (entered && 'waitMs' in entered) {
    const left = await leaveRoute(job, { provider, wait: entered, limits }, deps)
    return left ? undefined : postponeBatch(db, { id: job.batchId, ...entered })
  }
  using entry = entered

  const begunMs = performance.now()
  const batch = await claimBatch(db, { id: job.batchId, now: clock.now(), leaseMs: limits.leaseMs })
  if (!batch) return
  await deps.failpoint?.('after claim')
  const claimed = { batch, limits, begunMs, served: provider && entry && { provider, entry } }
  const prepared = await prepare(claimed, deps).catch(error => giveUp(claimed, error, deps))
  if (!prepared) return
  const { sending, results } = prepared
  const answers = await heardMeanwhile(sending, await sendInTime(sending, deps), deps)
  await deps.failpoint?.('after send before record')

  for (const { place, result } of settled(sending, answers, deps)) results[place] = result
  await mark(sending, answers, deps)
  await record(sending, results as SlotResult[], deps)
}

type Claimed = {
  batch: ClaimedBatch
  limits: DeliveryLimits
  /** On the monotonic clock: a wall clock that is put back must not lengthen a claim. */
  begunMs: number
  served: { provider: Provider; entry: Entry } | undefined
}
type Sending = Claimed & {
  served: NonNullable<Claimed['served']>
  messages: readonly OutMessage[]
  /** What the provider has said that it has, by place. */
  received: ReadonlyMap<number, string>
}
type Prepared = { sending: Sending; results: (SlotResult | undefined)[] }

/** Everything before the first call. Undefined: it cannot be sent here now and was given back. */
async function prepare(claimed: Claimed, deps: DeliverDeps): Promise<Prepared | undefined> {
  const { batch } = claimed
  const { catalogue, clock } = deps
  const { served } = claimed
  if (await giveBackStopped(claimed, deps)) return undefined
  const wait = unserved(claimed, deps)
  if (wait || !served) {
    await giveBack(claimed, wait, deps)
    return undefined
  }
  // Read after the claim: these facts are never older than the snapshot that withdrawals are judged by (law 4).
  const ids = [...new Set(batch.slots.map(slot => slot.recipient))]
  const people = await readReachable(deps, { ids, intents: batch.intents, channel: batch.channel })
  const now = clock.now()
  const [engaged, badges, received] = await Promise.all([
    readEngaged(deps, batch, people),
    readBadges(deps.db, batch, { people, catalogue, now }),
    readReceived(deps.db, batch),
  ])
  const { targets, results } = recheck(batch, { people, engaged, catalogue, now })
  const { messages, failed } = render(batch, targets, { ...deps, ...rulesBy(served.provider) })
  for (const message of messages) if (badges[message.place] !== undefined) message.badge = badges[message.place]!
  for (const { place, why } of failed) results[place] = { kind: 'closed', outcome: 'template_error', why }
  return { sending: { ...claimed, served, messages, received }, results }
}

/** What a provider asks of a content. */
const rulesBy = (provider: Provider): Omit<ContentRules, 'type'> => ({
  ...(provider.channel === 'sms' && { segmentsOf: content => provider.costOf?.(content) ?? 1 }),
  ...(provider.faultIn && { faultIn: content => provider.faultIn!(content) }),
})

/** Nobody was called: the batch goes back as it was. A lease that lapses would leave it in doubt (law 5). */
async function giveUp(claimed: Claimed, error: unknown, { db }: DeliverDeps): Promise<never> {
  const dueInMs = isOutage(error) ? 0 : notOursMs
  await patiently(() => returnBatch(db, { batch: claimed.batch, dueInMs }), claimed)
  throw error
}

/** Whether a batch can be sent here now; where not (no provider, type not known, too many retries), how long it waits. */
function unserved({ batch, served }: Claimed, { catalogue, clock, pace, log }: DeliverDeps): Wait | undefined {
  const unknown = batch.intents.find(intent => !catalogue.types.has(intent.type))
  if (unknown)
    log.warn(
      { batch: batch.id, type: unknown.type, version: catalogue.version },
      'this worker does not know the type; what is of it waits for one that does',
    )
  if (!served) log.warn({ batch: batch.id, provider: batch.provider }, 'the provider is not configured here')
  const allUnknown = batch.intents.every(intent => !catalogue.types.has(intent.type))
  if (allUnknown || !served) return { waitMs: notOursMs, reason: 'worker' }
  const { lane, tries, moved, slots } = batch
  // A worker that was lost is no failure of the provider's.
  if (batch.lapsed) return undefined
  const wait = pace.retryWait({ provider: served.provider, lane, tries, moved, size: slots.length })
  if (!wait) return undefined
  const leftMs = Math.min(...batch.intents.map(({ expiresAt = Infinity }) => expiresAt - clock.now()))
  return { ...wait, waitMs: inItsTime(wait.waitMs, leftMs) }
}

/**
 * Waits for its time, or for a worker that can send it, but for what is worth nothing any more or was taken back.
 */
async function giveBack(claimed: Claimed, wait: Wait | undefined, deps: DeliverDeps): Promise<void> {
  const { batch } = claimed
  const { dueInMs, reason } = waiting(wait)
  const waits: SlotResult = { kind: 'retry', dueInMs, ...(reason && { reason }), spent: false, why: notCalled }
  const results = unlessOver(batch, waits, deps)
  if (results.every(result => result === waits)) return returnBatch(deps.db, { batch, ...waiting(wait) })
  await record(claimed, results, deps)
}

function unlessOver(batch: ClaimedBatch, otherwise: SlotResult, { clock }: DeliverDeps): SlotResult[] {
  const now = clock.now()
  return batch.slots.map(({ intent: at }) => {
    const intent = batch.intents[at]!
    return overAt(now, intent) ?? retracted(intent, batch) ?? otherwise
  })
}

type Unfit = { provider: Provider; wait: Wait; limits: DeliveryLimits }

/** What waits for a route that is not fit goes by another, without a call. False: it waits on, unclaimed. */
async function leaveRoute(job: DeliverJob, { provider, wait, limits }: Unfit, deps: DeliverDeps): Promise<boolean> {
  const { db, clock } = deps
  if (wait.reason !== 'circuit' && wait.reason !== 'pause') return false
  const route = otherRoute('unfit', { ...job, provider }, deps)
  if (route === undefined) return false
  const begunMs = performance.now()
  const batch = await claimBatch(db, { id: job.batchId, now: clock.now(), leaseMs: limits.leaseMs })
  if (!batch) return true
  const claimed: Claimed = { batch, limits, begunMs, served: undefined }
  const leave = async () => {
    if (await giveBackStopped(claimed, deps)) return
    if (!mayMove(batch, route)) return giveBack(claimed, wait, deps)
    await record(claimed, unlessOver(batch, reroutedTo(route, 'unfit'), deps), deps)
  }
  await leave().catch(error => giveUp(claimed, error, deps))
  return true
}

/** True when an operator has stopped all of a batch: what waits costs neither a row nor a look at its people. */
async function giveBackStopped(claimed: Claimed, { db, clock }: DeliverDeps): Promise<boolean> {
  const { batch } = claimed
  if (batch.stops.length === 0) return false
  const now = clock.now()
  const waits = batch.slots.every(
    slot => stoppedAt(now, { batch, intent: batch.intents[slot.intent]! })?.kind === 'retry',
  )
  if (waits) await returnBatch(db, { batch, dueInMs: stoppedMs, reason: 'stopped' })
  return waits
}

async function sendInTime(sending: Sending, deps: DeliverDeps): Promise<Answer[]> {
  const { batch, limits, begunMs, messages } = sending
  const { provider, entry } = sending.served
  const { clock, log, metrics } = deps
  const begin = async (messages: readonly OutMessage[]) => {
    const costs = messages.map(({ content }) => provider.costOf?.(content) ?? 1)
    const call = await entry.begin(costs, begunMs + limits.startWithinMs)
    if (!call) return undefined
    const end = (answers: readonly Answer[], seconds: number) => {
      call.end(answers)
      metrics.observe('send_seconds', { provider: provider.name }, seconds)
      for (const [answer, n] of counts(answers.map(({ kind }) => kind)))
        metrics.count('answers_total', { provider: provider.name, answer }, n)
      if (batch.channel === 'sms') countSegments({ messages, costs, answers }, deps)
    }
    return { count: call.count, end }
  }
  const without = messages.map(message => answerWithout(message, sending, deps))
  const answers = await send(
    messages.filter((_, at) => !without[at]),
    provider,
    {
      lane: batch.lane,
      now: clock.now(),
      deadlineMs: limits.callMs,
      startUntilMs: begunMs + limits.startWithinMs,
      tries: batch.tries,
      begin,
      onFault: error => log.error({ batch: batch.id, provider: provider.name, error }, 'a provider client has a fault'),
    },
  )
  return without.map(answer => answer ?? answers.shift()!)
}

/** A provider reports within seconds, and a call is waited for longer: what it has reported meanwhile is no doubt. */
async function heardMeanwhile(
  sending: Sending,
  answers: readonly Answer[],
  { db }: DeliverDeps,
): Promise<readonly Answer[]> {
  if (!answers.some(mayBeSent)) return answers
  const received = await patiently(() => readReceived(db, { ...sending.batch, maybeSent: true }), sending)
  return answers.map((answer, at) => {
    const providerId = received.get(sending.messages[at]!.place)
    return mayBeSent(answer) && providerId !== undefined ? { kind: 'accepted', providerId } : answer
  })
}
const mayBeSent = (answer: Answer): boolean =>
  answer.kind === 'doubt' || (answer.kind === 'retry' && answer.maybeSent === true)

/** What is known without a call: a provider has told us that it has it, or a worker was lost that may have sent it. */
function answerWithout(message: OutMessage, { batch, received }: Sending, deps: DeliverDeps): Answer | undefined {
  const { place, intent } = message
  const providerId =
    received.get(place) ?? (received.size > 0 ? receivedOfAnother(message, batch, received) : undefined)
  if (providerId !== undefined) return { kind: 'accepted', providerId }
  return batch.lapsed && !mayRepeat(batch, intent.type, deps) ? lostWorker : undefined
}

/** What is told as one may have gone out by a speaker that has dropped out since. */
function receivedOfAnother(
  { intent, recipient, endpoint }: OutMessage,
  { slots, intents }: ClaimedBatch,
  received: ReadonlyMap<number, string>,
): string | undefined {
  if (!intent.digest) return undefined
  const found = [...received].find(([place]) => {
    const slot = slots[place]!
    const isTogether = intents[slot.intent]!.digest?.id === intent.digest!.id
    return isTogether && slot.recipient === recipient && slot.endpoint === endpoint.id
  })
  return found?.[1]
}

/**
 * Whoever had the batch before may have sent it: only what may arrive twice is sent again at once (law 5), and not for ever: what
 * ends its workers, or cannot be recorded, has cost a try each time.
 */
function mayRepeat({ channel, tries }: ClaimedBatch, type: string, { catalogue }: DeliverDeps): boolean {
  const doubt = doubtPolicyOf(catalogue.types.get(type)!, channel)
  return channel === 'in_app' || (tries < triesMax && doubtOf({ doubt }, { channel }) === 'resend')
}

function settled(
  { batch, limits, begunMs, messages, served }: Sending,
  answers: readonly Answer[],
  deps: DeliverDeps,
): { place: number; result: SlotResult }[] {
  const { catalogue, clock, random } = deps
  const now = clock.now()
  const waitedMs = now - Math.min(...batch.intents.map(intent => intent.occurredAt))
  const terms = {
    lane: batch.lane,
    channel: batch.channel,
    tries: batch.tries,
    now,
    leaseLeftMs: Math.ceil(Math.max(0, begunMs + limits.leaseMs - performance.now())),
    jitter: random(),
    // As long again as it has waited already: what nobody mends is asked less and less often.
    holdMs: Math.min(configHold.maxMs, Math.max(configHold.minMs, waitedMs)),
    unsent: served.entry.wait(),
    elsewhere: routesElsewhere(batch, served.provider, deps),
  }
  return messages.flatMap(({ place, intent, others = [] }, at) => {
    const doubt = doubtPolicyOf(catalogue.types.get(intent.type)!, batch.channel)
    const answer = answers[at]!
    const settledFor = ({ expiresAt }: { expiresAt?: EpochMs }) =>
      settle(answer, { doubt, ...(expiresAt !== undefined && { expiresAt }) }, terms)
    const own = { place, result: settledFor(intent) }
    if (others.length === 0) return own
    return [own, ...others.map(one => ({ ...one, result: toldBy(intent.id, answer, settledFor(one.intent)) }))]
  })
}

/** Before the record: true whoever wins, and after it nobody would come back to do it. */
async function mark(sending: Sending, answers: readonly Answer[], deps: DeliverDeps) {
  const { batch, messages } = sending
  const { log } = deps
  const marks = marksOf(messages, answers, batch.claimedAt)
  if (marks.length === 0) return
  try {
    tellTripped(await patiently(() => markEndpoint(deps, marks), sending), log)
  } catch (error) {
    // Without the record everything would be sent again; without the mark a dead address is asked once more.
    if (isOutage(error)) throw error
    log.error({ batch: batch.id, error }, 'what was learned about addresses could not be written')
  }
}

/** While the lease lasts an outage of the database is sat out: giving up would send everything again. */
async function record(claimed: Claimed | Sending, found: readonly SlotResult[], deps: DeliverDeps): Promise<void> {
  const { batch, begunMs } = claimed
  const { db, clock, log, metrics } = deps
  const { channel } = batch
  const results = batch.maybeSent ? found.map(maybeSent) : found
  const facts = slotFacts(claimed, deps)
  const said = await patiently(() => recordBatch(db, { batch, results, now: clock.now(), ...facts }), claimed)
  if (said === 'fenced') {
    metrics.count('fenced_total', { channel })
    return log.warn(
      { batch: batch.id, attempt: batch.attempt },
      'another worker took the batch over; its record stands',
    )
  }
  metrics.observe('batch_seconds', { channel }, (performance.now() - begunMs) / 1000)
  const outcomes = results.flatMap(result => (result.kind === 'closed' ? [result.outcome] : []))
  for (const [outcome, n] of counts(outcomes)) metrics.count('outcomes_total', { channel, outcome }, n)
  const routes = results.flatMap(result => (result.kind === 'retry' ? (result.route ?? []) : []))
  for (const [to, n] of counts(routes)) metrics.count('rerouted_total', { from: batch.provider, to }, n)
}

async function patiently<T>(work: () => Promise<T>, { begunMs, limits }: Claimed): Promise<T> {
  const untilMs = begunMs + limits.leaseMs
  for (;;)
    try {
      return await work()
    } catch (error) {
      if (!isOutage(error) || performance.now() + recordPauseMs > untilMs) throw error
      await sleep(recordPauseMs)
    }
}

function counts<T extends string>(items: readonly T[]): Map<T, number> {
  const found = new Map<T, number>()
  for (const item of items) found.set(item, (found.get(item) ?? 0) + 1)
  return found
}
