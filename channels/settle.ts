import type { Channel, Lane } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Answer, AnswerKind, DoubtPolicy, Outcome } from '#contracts/outcome.ts'
import type { Wait, WaitReason } from '#contracts/wait.ts'
import type { SlotResult } from '#ledger/batch.ts'
import { backoff, comeBackMs, inItsTime, receiptWaitMs, triesMax } from './limits.ts'
import type { Leaving } from './failover.ts'
import { expired } from './recheck.ts'

/** What the slots of a batch have in common. */
export type BatchTerms = {
  lane: Lane
  channel: Channel
  now: EpochMs
  leaseLeftMs: number
  /** Provider calls made for these deliveries before this one; that of a lost worker is among them. */
  tries: number
  /** From 0 to 1, drawn once for the batch, so that what is retried together stays together. */
  jitter: number
  /** How long what meets a fault of configuration is held. */
  holdMs: number
  /** How long what was not begun waits, and why; undefined: nothing keeps it from being called. */
  unsent: Wait | undefined
  /** The routes by which goes what surely was not sent by this one, by why it leaves. */
  elsewhere?: { readonly [L in Leaving]?: string | undefined }
}
export type SlotTerms = { expiresAt?: EpochMs; doubt: DoubtPolicy }

/**
 * What an answer means for its delivery. One that could not be tried again before it expires is closed now.
 */
export function settle(answer: Answer, slot: SlotTerms, batch: BatchTerms): SlotResult {
  const result = because(answer, resultOf(answer, slot, batch))
  const isSilent = silent.includes(answer.kind) || 'uncalled' in answer
  return isSilent || result.kind === 'doubt' ? result : { ...result, called: true }
}

/** What is not done yet tells what was said of it. */
function because(answer: Answer, result: SlotResult): SlotResult {
  if (result.kind === 'closed' || result.why || !('reason' in answer)) return result
  return { ...result, why: { rule: 'tried_again', value: answer.reason } }
}

/** What was accepted says that it was called; what was not begun, or was taken back, was not. */
const silent: readonly AnswerKind[] = ['accepted', 'takenBack', 'notBegun']

function resultOf(answer: Answer, slot: SlotTerms, batch: BatchTerms): SlotResult {
  switch (answer.kind) {
    case 'accepted':
      return batch.channel === 'in_app'
        ? closed('delivered')
        : { kind: 'closed', outcome: 'sent', providerId: answer.providerId }
    case 'addressDead':
      return answer.uncalled ? unsendable('address_dead', answer) : closed('address_dead')
    case 'suppress':
      return closed('suppressed_address')
    case 'messageDead':
      if (answer.uncalled) return unsendable('rejected', answer)
      return { kind: 'closed', outcome: 'rejected', why: { rule: 'rejected', value: answer.reason } }
    case 'pause':
      return putOff(answer, slot, batch)
    case 'config':
      return leaves('refused', slot, batch) ?? later(held(answer, batch), slot, batch)
    case 'retry':
      if (!answer.maybeSent) return spent(leaves('called', slot, batch), batch) ?? retried(answer, slot, batch)
      return doubtOf(slot, batch) === 'resend' ? maybeSent(retried(answer, slot, batch)) : doubtful(slot, batch, true)
    case 'doubt':
      return doubtful(slot, batch, answer !== lostWorker)
    case 'takenBack':
      return { kind: 'closed', ...answer.end }
    case 'notBegun':
      return (
        leaves('unfit', slot, batch) ??
        later({ ...waiting(batch.unsent ?? noTurn(slot, batch)), spent: false, why: notCalled }, slot, batch)
      )
    default:
      return answer satisfies never
  }
}

/**
 * What to make of a result when an earlier call may have been carried out: to say "not sent" would be a guess (law 5). An
 * end becomes `in_doubt` and tells why it was not sent again; what goes on takes the doubt along.
 */
export function maybeSent(result: SlotResult): SlotResult {
  if (result.kind === 'retry') return { ...result, maybeSent: true }
  if (result.kind === 'doubt' || toldAsIs.includes(result.outcome)) return result
  return { kind: 'closed', outcome: 'in_doubt', why: { rule: 'maybe_sent', value: result.outcome }, called: true }
}
/** What a claim says of what nobody knows whether a lost worker sent it: it has counted the try. */
export const lostWorker: Answer = { kind: 'doubt', reason: 'a worker was lost' }
/** Why something is moved on without a call. */
export const notCalled: Why = { rule: 'not_called' }

const toldAsIs: readonly Outcome[] = ['sent', 'delivered', 'digested', 'in_doubt']

/** What a wait comes to for a slot that is moved; without one it is due at once. */
export const waiting = (wait: Wait | undefined): { dueInMs: number; reason?: WaitReason } =>
  wait ? { dueInMs: wait.waitMs, reason: wait.reason } : { dueInMs: 0 }

const closed = (outcome: Outcome): SlotResult => ({ kind: 'closed', outcome })
/** With a rule: in events of before `called`, what ended without one was called. */
const unsendable = (outcome: Outcome, { reason: value }: { reason: string }): SlotResult => ({
  ...{ kind: 'closed', outcome },
  why: { rule: 'unsendable', value },
})

/** Where nothing can give a receipt, waiting for one is waiting for nothing. */
export const doubtOf = ({ doubt }: Pick<SlotTerms, 'doubt'>, { channel }: { channel: Channel }): DoubtPolicy =>
  doubt === 'await_receipt' && receiptWaitMs[channel] === undefined ? 'resend' : doubt

/** What goes on by another route, at once. `called`: this one was asked, and put it off. */
export function reroutedTo(route: string, leaving: Leaving | 'called'): Extract<SlotResult, { kind: 'retry' }> {
  const why: Why = { rule: 'rerouted', value: `${route} ${leaving}` }
  return { kind: 'retry', dueInMs: 0, reason: 'route', route, spent: false, why }
}

function leaves(leaving: Leaving | 'called', slot: SlotTerms, batch: BatchTerms): SlotResult | undefined {
  const route = batch.elsewhere?.[leaving === 'called' ? 'unfit' : leaving]
  return route === undefined ? undefined : later(reroutedTo(route, leaving), slot, batch)
}

/** Tries are counted over all routes. */
function spent(result: SlotResult | undefined, { tries }: BatchTerms): SlotResult | undefined {
  if (result?.kind !== 'retry' || tries + 1 >= triesMax) return undefined
  return { ...result, spent: true }
}

function putOff(
  { afterMs, uncalled }: Extract<Answer, { kind: 'pause' }>,
  slot: SlotTerms,
  batch: BatchTerms,
): SlotResult {
  const waits: Later = { dueInMs: afterMs, reason: 'pause', spent: false, ...(uncalled && { why: notCalled }) }
  return leaves(uncalled ? 'unfit' : 'called', slot, batch) ?? later(waits, slot, batch)
}

/** There was none in its call, and there may be none at once. */
const noTurn = ({ expiresAt = Infinity }: SlotTerms, { lane, jitter, now }: BatchTerms): Wait => ({
  waitMs: Math.round(inItsTime(comeBackMs(lane, jitter), expiresAt - now)),
  reason: 'rate',
})

const held = ({ uncalled }: Extract<Answer, { kind: 'config' }>, { holdMs }: BatchTerms): Later => ({
  ...{ dueInMs: holdMs, reason: 'circuit', spent: false },
  ...(uncalled && { why: notCalled }),
})

type Later = Omit<Extract<SlotResult, { kind: 'retry' }>, 'kind'>

function later(retry: Later, { expiresAt }: SlotTerms, { now }: BatchTerms): SlotResult {
  if (expiresAt !== undefined && now + retry.dueInMs > expiresAt) return expired(expiresAt)
  return { ...retry, kind: 'retry' }
}

/** Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), never before the provider said. */
function retried({ afterMs }: { afterMs: number }, slot: SlotTerms, batch: BatchTerms): SlotResult {
  if (batch.tries + 1 >= triesMax) return closed('provider_exhausted')
  const baseMs = batch.lane === 'critical' ? backoff.criticalBaseMs : backoff.baseMs
  const waitMs = Math.round(batch.jitter * Math.min(backoff.capMs, baseMs * 2 ** batch.tries))
  return later({ dueInMs: Math.max(afterMs, waitMs), reason: 'retry', spent: true }, slot, batch)
}

/** Law 5. Where nothing could follow, the end is told as what it is: in doubt. */
function doubtful(slot: SlotTerms, batch: BatchTerms, spent: boolean): SlotResult {
  const policy = doubtOf(slot, batch)
  if (policy === 'never' || batch.tries + (spent ? 1 : 0) >= triesMax) return closed('in_doubt')
  // A call that we gave up may still be under way until the lease ends.
  const dueInMs = policy === 'resend' ? batch.leaseLeftMs : receiptWaitMs[batch.channel]!
  if (slot.expiresAt !== undefined && batch.now + dueInMs > slot.expiresAt) return closed('in_doubt')
  return policy === 'resend'
    ? { kind: 'retry', dueInMs, reason: 'retry', spent: true, maybeSent: true }
    : { kind: 'doubt', dueInMs, spent }
}
