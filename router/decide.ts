import { createHash } from 'node:crypto'
import { channelsOf, stepFor } from '#contracts/arms.ts'
import { type AnyNotificationType, durationMs, type Step } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import type { HoldReason, Verdict, Why } from '#contracts/decision.ts'
import type { Engaged } from '#contracts/engagement.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Outcome } from '#contracts/outcome.ts'
import type { Quarantine } from '#contracts/quarantine.ts'
import type { TakenBack } from '#contracts/retraction.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import type { OpenDigest } from '#ledger/digests.ts'
import type { ToldTogether } from '#ledger/stops.ts'
import { hasRead, mayWe, type Person, quietUntil, whereTo } from '#preferences/preferences.ts'
import { dryRun, onCopies } from './policies/dry-run.ts'
import { withinBudgets } from './policies/budget.ts'
import { collapseByThread, joinResumed, type OwnDigests, joinDigest } from './policies/digest.ts'
import { holdoutOf } from './policies/holdout.ts'
import { turnOf } from './policies/spread.ts'
import { quarantined } from './policies/quarantine.ts'
import { stopped, waiting, whileActive } from './policies/steps.ts'
import type { Stop } from '#contracts/stop.ts'
import { applyStops, passedOnce, stoppedChannel } from './policies/stops.ts'
import { releasedEarly, retracted } from './policies/retraction.ts'
import { openSince, passDedupe, passThrottle, type Windows } from './policies/windows.ts'

/** One question: this intent, this person, at this instant. */
export type Question = {
  intent: CarriedIntent
  entry: AnyNotificationType
  person: Person
  /** Why the person is a recipient. */
  reason?: string
  /** Read and written: what passes is remembered in it. Undefined for types that declare no window. */
  windows: Windows | undefined
  /** Read and written, like the windows. Undefined for what can join none. */
  digests?: OwnDigests | undefined
  at: EpochMs
  /** What the person has done with the intent, and until when they are active elsewhere. Absent: nothing is known. */
  engaged?: Engaged
  activeUntil?: EpochMs
  released?: Released
  /** What operators stopped, read in the transaction that decides. Absent: nothing. */
  stops?: readonly Stop[]
  /** The intent was retracted or superseded by now. */
  takenBack?: TakenBack
  /** The intent is for more people than its type allows. */
  quarantine?: Quarantine
}

/** Decided again after a hold: only the channels that waited, and no rule that was passed before. */
export type Released = {
  channels: readonly Channel[]
  reason: HoldReason
  /** When a throttle counted this intent for this person, for a channel that did not wait. */
  countedAt?: EpochMs
  /** When what it waited in was opened. */
  since?: EpochMs
  /** Since when it waits for the person to leave. */
  heldSince?: EpochMs
  /** It was not due: until then, unless it was retracted. */
  waits?: { reason: HoldReason; until: EpochMs; why: Why }
  /** A stop held it that has ended: what that held is told together. */
  together?: ToldTogether
}

export type ChannelDecision = {
  channel: Channel
  verdict: Verdict
  endpoints: readonly { id: string; provider: string }[]
  /** For `held`: when a throttle counted the intent for this person. */
  countedAt?: EpochMs
  /** For `held`: what it waits in. For `deliver`: what it opens, being told before the others. */
  digest?: OpenDigest
  /** What it opens, and neither waits in nor is told before. For `held`: since when it waits for the person to leave. */
  opens?: OpenDigest
  heldSince?: EpochMs
}

/**
 * The order of decision (design §7), for one person: stops, expiry, retraction, who is told here, quarantine, spread and schedule, what was done with it already,
 * preferences, endpoints, dedupe, digest, later steps, stops of a channel and those that end in a digest, quiet hours, presence, budgets, throttle,
 * holdout; last, a dry run ends whatever they let pass or hold. Pure but for `windows` and `digests`. One decision for every channel that the type has for the person, each
 * with its reason.
 */
export const decide = (question: Question): ChannelDecision[] => {
  const asked = question.intent.dryRun ? onCopies(question) : question
  return inTurn(order, asked, allowed(asked))
}

/** Looks at what the rules before it let pass. */
type Rule = (question: Question, decisions: ChannelDecision[]) => ChannelDecision[]
const beforeLeaving: readonly Rule[] = [deduplicated, digested, escalated, channelStopped, resumed]
const rulesOfLeaving: readonly Rule[] = [quiet, collapsed, present, budgeted, throttled, heldOut]
const order = [...beforeLeaving, ...rulesOfLeaving, dryRun]

/** The rules for what leaves now. */
export const leaving: Rule = (question, decisions) => inTurn(rulesOfLeaving, question, decisions)

const inTurn = (rules: readonly Rule[], question: Question, decisions: ChannelDecision[]): ChannelDecision[] =>
  rules.reduce((left, rule) => rule(question, left), decisions)

/** What speaks against it by itself, whatever else is told. */
export function allowed(question: Question): ChannelDecision[] {
  const { entry, released } = question
  const wanted = released?.channels ?? channelsOf(entry, question.person.id)
  const early = releasedEarly(question)
  if (early) return asItWas(forEach(wanted, early), question)
  const { decided, going: channels } = applyStops(question, wanted)
  if (channels.length === 0) return decided
  const all = (verdict: Verdict): ChannelDecision[] => forEach(channels, verdict)
  const going =
    expired(question, all) ??
    every(retracted(question), all) ??
    every(elsewhere(question), all) ??
    every(quarantined(question), all) ??
    spread(question, all) ??
    scheduled(question, all) ??
    channels.map(channel => known(question, channel) ?? reachable(question, channel))
  return decided.length > 0 ? [...decided, ...going] : going
}

type All = (verdict: Verdict) => ChannelDecision[]

const forEach = (channels: readonly Channel[], verdict: Verdict): ChannelDecision[] =>
  channels.map(channel => ({ channel, verdict, endpoints: [] }))

const every = (verdict: Verdict | undefined, all: All): ChannelDecision[] | undefined => verdict && all(verdict)

export const refused = (outcome: Outcome, why: Why): Verdict => ({ kind: 'refused', outcome, why })
export const isDeliver = (decision: ChannelDecision): boolean => decision.verdict.kind === 'deliver'
const isoOf = (at: EpochMs): string => new Date(at).toISOString()

function expired({ intent, at }: Question, all: All): ChannelDecision[] | undefined {
  if (intent.expiresAt === undefined || at <= intent.expiresAt) return undefined
  return all(refused('expired', { rule: 'expired', value: isoOf(intent.expiresAt) }))
}

/** This installation tells only some, whatever they wish. */
function elsewhere({ entry, person }: Question): Verdict | undefined {
  if (entry.allowedHere === undefined || entry.allowedHere(person.id)) return undefined
  return refused('not_allowed_here', { rule: 'not_allowed_here' })
}

/** It begins when a schedule is over, so that what is both waits once. */
function spread({ intent, person, at }: Question, all: All): ChannelDecision[] | undefined {
  if (!intent.spread) return undefined
  const until = turnOf(intent.spread, person.id)
  return until <= at
    ? undefined
    : all({ kind: 'held', reason: 'spread', until, why: { rule: 'spread', value: isoOf(until) } })
}

function scheduled({ intent, at, released }: Question, all: All): ChannelDecision[] | undefined {
  if (passedSchedule(released) || intent.sendAt === undefined || intent.sendAt <= at) return undefined
  const why: Why = { rule: 'scheduled', value: isoOf(intent.sendAt) }
  return all({ kind: 'held', reason: 'scheduled', until: intent.sendAt, why })
}

const passedSchedule = (released: Released | undefined): boolean =>
  released !== undefined && released.reason !== 'stopped' && released.reason !== 'quarantine'

/** An earlier step was enough, or the person has read it. */
function known(question: Question, channel: Channel): ChannelDecision | undefined {
  const { intent, person, engaged = {} } = question
  const enough = stopped(stepOf(question, channel), engaged)
  if (enough) return { channel, verdict: enough, endpoints: [] }
  if (intent.ignoresReads || !(engaged.read || hasRead(person, intent.occurredAt))) return undefined
  const why: Why = { rule: 'read', value: intent.thread ?? 'everything' }
  return { channel, verdict: refused('suppressed_read', why), endpoints: [] }
}

/** May we, and where to: asked for each channel by itself. */
function reachable({ entry, intent, person, reason, at }: Question, channel: Channel): ChannelDecision {
  const may = mayWe(person, {
    ...{ category: entry.category, channel, mandatory: entry.mandatory ?? false, at },
    ...{ place: intent, reason },
  })
  if (!may.allowed) return { channel, verdict: refused(may.outcome ?? 'suppressed_preference', may.why), endpoints: [] }
  const where = whereTo(person, channel, at)
  if (where.endpoints.length === 0)
    return {
      channel,
      verdict: refused(where.outcome ?? 'no_endpoint', where.why ?? { rule: 'no_endpoint', value: channel }),
      endpoints: [],
    }
  return { channel, verdict: { kind: 'deliver', why: may.why }, endpoints: where.endpoints }
}

/** For the person, never for a channel: the second telling is dropped everywhere. */
function deduplicated({ entry, intent, windows, released }: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const { dedupe } = entry
  if (!dedupe || !windows || passedOnce(released) || !decisions.some(isDeliver)) return decisions
  const key = dedupe.key(intent.data as never, intent)
  const rule = { type: entry.type, key, within: dedupe.within }
  if (passDedupe(windows, rule, intent.occurredAt)) return decisions
  const value = `${dedupe.within} since ${isoOf(openSince(windows, rule))}`
  return refuseDelivers(decisions, refused('deduplicated', { rule: 'deduplicated', value }))
}

function digested(question: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const { digests, released } = question
  return digests && !passedOnce(released) ? joinDigest({ ...question, digests }, decisions) : decisions
}

/** A later step waits its time, once; what was held for more than its schedule has waited. */
function escalated(question: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  if (passedOnce(question.released) || question.entry.deliver.every(step => step.after === undefined)) return decisions
  return holding(decisions, channel => {
    const verdict = waiting(stepOf(question, channel), question.at)
    return verdict && { verdict }
  })
}

function channelStopped(question: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  return question.stops ? holding(decisions, channel => stoppedChannel(question, channel)) : decisions
}

/** What a stop held that ends in a digest waits for the others that it held. */
function resumed(question: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const { digests, released } = question
  return digests && released?.together
    ? joinResumed({ ...question, digests, together: released.together }, decisions)
    : decisions
}

export function quiet(question: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const { entry, person } = question
  const end = quietEnd(question)
  if (end === undefined) return decisions
  const why: Why = { rule: 'quiet_hours', value: isoOf(end) }
  const until = end + wakeDelayMs(person.id)
  return holding(decisions, channel =>
    entry.quietHours === 'all' || channel !== 'in_app'
      ? { verdict: { kind: 'held', reason: 'quiet_hours', until, why } }
      : undefined,
  )
}

/** When the quiet hours end that the type heeds; undefined outside of them. */
export function quietEnd({ entry, person, at }: Pick<Question, 'entry' | 'person' | 'at'>): EpochMs | undefined {
  if (entry.quietHours === 'ignore' || entry.mandatory || entry.lane === 'critical' || !person.quiet) return undefined
  return quietUntil({ quiet: person.quiet, zone: person.zone ?? 'UTC', at })
}

function collapsed(question: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const { digests } = question
  return digests ? collapseByThread({ ...question, digests }, decisions) : decisions
}

function present(question: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const { activeUntil } = question
  if (activeUntil === undefined) return decisions
  return holding(decisions, channel => whileActive(stepOf(question, channel), { ...question, activeUntil }))
}

/** What would leave and is kept from it. A digest that it opens is open all the same. */
function holding(
  decisions: ChannelDecision[],
  held: (channel: Channel) => Pick<ChannelDecision, 'verdict' | 'heldSince' | 'countedAt'> | undefined,
): ChannelDecision[] {
  return decisions.map(decision => {
    const { channel, digest } = decision
    const found = isDeliver(decision) ? held(channel) : undefined
    return found ? { channel, endpoints: [], ...found, ...(digest && { opens: digest }) } : decision
  })
}

const stepOf = ({ entry, person }: Question, channel: Channel): Step | undefined => stepFor(entry, person.id, channel)

/** A zone must not wake as one herd: people leave their quiet hours at once, or 15 or 30 s later, each always the same. */
const wakeDelayMs = (id: string): number => (createHash('sha256').update(id).digest()[0]! % 3) * 15_000

function budgeted(question: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const { windows, digests, entry } = question
  if (!entry.budgets || !windows || !digests) return decisions
  return withinBudgets({ ...question, windows, digests }, decisions)
}

/**
 * Only what leaves now is counted and can be dropped. An intent counts once in a window, however many of its channels
 * leave in it: those that wait remember when it was counted.
 */
function throttled({ entry, windows, at, released }: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const { throttle } = entry
  const countedAt = released?.countedAt
  if (!throttle || !windows || !decisions.some(isDeliver)) return remembering(decisions, countedAt)
  if (countedAt !== undefined && at - countedAt < durationMs(throttle.per)) return remembering(decisions, countedAt)
  if (passThrottle(windows, { name: entry.type, ...throttle }, at)) return remembering(decisions, at)
  const value = `${throttle.limit} in ${throttle.per}`
  return remembering(refuseDelivers(decisions, refused('throttled', { rule: 'throttled', value })), countedAt)
}

/** Held again with what it remembers. */
const asItWas = (decisions: ChannelDecision[], { released }: Question): ChannelDecision[] =>
  remembering(decisions, released?.countedAt).map(decision =>
    decision.verdict.kind === 'held' && released?.heldSince !== undefined
      ? { ...decision, heldSince: released.heldSince }
      : decision,
  )

const remembering = (decisions: ChannelDecision[], countedAt: EpochMs | undefined): ChannelDecision[] =>
  countedAt === undefined
    ? decisions
    : decisions.map(decision => (decision.verdict.kind === 'held' ? { ...decision, countedAt } : decision))

/** The last rule: who is held out has used up windows as if it had been sent, and is known by what would have been sent. */
function heldOut({ entry, person }: Question, decisions: ChannelDecision[]): ChannelDecision[] {
  const why = decisions.some(isDeliver) ? holdoutOf(entry, person.id) : undefined
  if (!why) return decisions
  const verdict = refused('holdout', why)
  return decisions.map(decision => {
    const { channel, digest } = decision
    return isDeliver(decision) ? { channel, verdict, endpoints: [], ...(digest && { opens: digest }) } : decision
  })
}

const refuseDelivers = (decisions: ChannelDecision[], verdict: Verdict): ChannelDecision[] =>
  decisions.map(decision => (isDeliver(decision) ? { channel: decision.channel, verdict, endpoints: [] } : decision))
