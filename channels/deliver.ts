import { type AnyNotificationType, type Catalogue, doubtPolicyOf } from '#contracts/catalogue.ts'
import { attemptId, type BatchId, deliveryId } from '#contracts/ids.ts'
import type { Answer, Outcome } from '#contracts/outcome.ts'
import type { Why } from '#contracts/decision.ts'
import type { ClaimedBatch, SlotResult } from '#ledger/batch.ts'
import { claimBatch, recordBatch, returnBatch } from '#ledger/claim.ts'
import { markEndpoint, mayWe, type Person, readPeople, whereTo } from '#preferences/preferences.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import type { Database } from '#runtime/postgres.ts'
import { limits } from './limits.ts'
import type { Pace } from './pace.ts'
import type { AnyProvider, OutMessage, Provider } from './provider.ts'
import { renderer } from './render.ts'
import { settle } from './settle.ts'

export type DeliverDeps = {
  db: Database
  catalogue: Catalogue
  providers: ReadonlyMap<string, AnyProvider>
  pace: Pace
  leaseMs: number
  clock: Clock
  log: Log
  random: () => number
  /** Tests stop a process here. */
  failpoint?: (name: 'after claim' | 'after send before record') => Promise<void>
}

/**
 * The way of a batch through a worker, the same for every channel: pace → claim → render → send → record. Tokens are
 * taken before the claim, so that what is claimed can be sent in time. No database connection is held while sending.
 */
export async function deliver(
  job: { batchId: BatchId },
  deps: DeliverDeps,
): Promise<'recorded' | 'fenced' | 'not claimed'> {
  const { db, clock, log } = deps
  const batch = await claimed(job.batchId, deps)
  if (!batch) return 'not claimed'
  await deps.failpoint?.('after claim')
  const letters = await prepare(batch, deps)
  const answers = await send(batch, letters, deps)
  await deps.failpoint?.('after send before record')
  const results = batch.slots.map((_, slot) => resultOf({ batch, slot, letters, answers }, deps))
  const recorded = await recordBatch(db, { batch, results, now: clock.now() })
  if (recorded === 'fenced')
    log.warn({ batch: batch.id, attempt: batch.attempt }, 'another worker took this batch over; its record stands')
  return recorded
}

async function claimed(
  id: BatchId,
  { db, catalogue, clock, log, pace, providers, leaseMs }: DeliverDeps,
): Promise<ClaimedBatch | undefined> {
  const now = clock.now()
  const batch = await claimBatch(db, { id, now, leaseMs })
  if (!batch) return undefined
  const unknown = batch.intents.find(intent => !catalogue.types.has(intent.type))
  const paused = pace.pausedUntil(batch.provider)
  if (!unknown && providers.has(batch.provider) && paused <= now) return batch
  if (unknown)
    log.warn({ batch: id, type: unknown.type }, 'this worker does not know the type; the batch waits for one that does')
  await returnBatch(db, { batch, dueAt: Math.max(now + limits.pausedMs, paused) })
  return undefined
}

/** A slot on its way out: a message to send, or what became of it before it could be sent. */
type Letter =
  | { kind: 'send'; message: OutMessage; entry: AnyNotificationType }
  | { kind: 'settled'; result: SlotResult; entry?: AnyNotificationType }

/** Asks everything again that may have changed since the decision, by facts no older than the claim; then renders. */
async function prepare(batch: ClaimedBatch, deps: DeliverDeps): Promise<Letter[]> {
  const people = await readPeople(deps.db, [...new Set(batch.slots.map(slot => slot.recipient))])
  const render = renderer(batch.channel)
  const now = deps.clock.now()
  return batch.slots.map((slot, at): Letter => {
    const intent = batch.intents[slot.intent]!
    const entry = deps.catalogue.types.get(intent.type)!
    const person = people.get(slot.recipient)!
    const checked = check({ batch, at, entry, person, now })
    if (checked.kind === 'settled') return checked
    const content = render({ intent, entry, locale: person.locale })
    if (!content.ok) {
      deps.log.error(
        { intent: intent.id, type: intent.type, channel: batch.channel, error: content.error },
        `the ${content.locale} template failed`,
      )
      return settled('template_error')
    }
    return {
      kind: 'send',
      entry,
      message: messageOf(batch, at, { address: checked.address, content: content.content }),
    }
  })
}

const settled = (outcome: Outcome, why?: Why): Letter => ({
  kind: 'settled',
  result: { kind: 'closed', outcome, ...(why && { why }) },
})

function check(of: {
  batch: ClaimedBatch
  at: number
  entry: AnyNotificationType
  person: Person
  now: number
}): { kind: 'ok'; address: string } | Extract<Letter, { kind: 'settled' }> {
  const { batch, at, entry, person, now } = of
  const { channel } = batch
  const slot = batch.slots[at]!
  const intent = batch.intents[slot.intent]!
  const no = (outcome: Outcome, why?: Why) => settled(outcome, why) as Extract<Letter, { kind: 'settled' }>
  if (intent.expiresAt !== undefined && now > intent.expiresAt)
    return no('expired', { rule: 'expired', value: new Date(intent.expiresAt).toISOString() })
  const may = mayWe(person, {
    ...{ category: entry.category, channel, mandatory: entry.mandatory ?? false, at: now },
    ...(intent.thread !== undefined && { thread: intent.thread }),
  })
  if (!may.allowed) return no(may.outcome ?? 'suppressed_preference', may.why)
  const where = whereTo(person, channel)
  const endpoint = where.endpoints.find(one => one.id === slot.endpoint)
  if (!endpoint) return no(where.outcome ?? 'no_endpoint', where.why ?? { rule: 'no_endpoint', value: channel })
  return { kind: 'ok', address: endpoint.address }
}

function messageOf(batch: ClaimedBatch, at: number, of: Pick<OutMessage, 'address' | 'content'>): OutMessage {
  const { recipient, endpoint, intent: place } = batch.slots[at]!
  const intent = batch.intents[place]!
  return {
    ...of,
    delivery: deliveryId({ intent: intent.id, recipient, endpoint }),
    attempt: attemptId({ batch: batch.id, slot: at }),
    ...{ intent: intent.id, recipient, type: intent.type, occurredAt: intent.occurredAt, lane: batch.lane },
    ...(intent.thread !== undefined && { thread: intent.thread }),
    ...(intent.expiresAt !== undefined && { expiresAt: intent.expiresAt }),
  }
}

/** Sends in calls of the provider's size; what cannot start in time after the claim is not sent. */
async function send(batch: ClaimedBatch, letters: readonly Letter[], deps: DeliverDeps): Promise<Map<number, Answer>> {
  const provider = deps.providers.get(batch.provider) as Provider
  const places = letters.flatMap((letter, at) => (letter.kind === 'send' ? [at] : []))
  const answers = new Map<number, Answer>()
  for (let from = 0; from < places.length; from += provider.callSizeMax) {
    if (deps.clock.now() > batch.claimedAt + limits.claimMs(batch.lane)) break
    const call = places.slice(from, from + provider.callSizeMax)
    const messages = call.map(at => (letters[at] as Extract<Letter, { kind: 'send' }>).message)
    const said = await provider.send(messages, { now: deps.clock.now(), deadlineMs: limits.sendMs(batch.lane) })
    said.forEach((answer, n) => answers.set(call[n]!, answer))
    deps.pace.heard(batch.provider, said, deps.clock.now())
  }
  await remember(batch, answers, deps)
  return answers
}

/** What was learned about addresses is kept, whatever becomes of the batch. */
async function remember(
  batch: ClaimedBatch,
  answers: ReadonlyMap<number, Answer>,
  { db, clock }: DeliverDeps,
): Promise<void> {
  const marks = [...answers].flatMap(([at, answer]) => {
    if (answer.kind !== 'addressDead' && answer.kind !== 'suppress') return []
    const { recipient, endpoint } = batch.slots[at]!
    const state = answer.kind === 'addressDead' ? ('dead' as const) : ('suppressed' as const)
    const asOf = answer.kind === 'addressDead' ? answer.asOf : undefined
    return [{ recipient, endpoint, state, reason: answer.reason, at: asOf ?? clock.now() }]
  })
  if (marks.length > 0) await markEndpoint(db, marks)
}

function resultOf(
  of: { batch: ClaimedBatch; slot: number; letters: readonly Letter[]; answers: ReadonlyMap<number, Answer> },
  { clock, random, leaseMs }: DeliverDeps,
): SlotResult {
  const { batch, slot, letters, answers } = of
  const letter = letters[slot]!
  if (letter.kind === 'settled') return letter.result
  const answer = answers.get(slot)
  const now = clock.now()
  if (!answer) return { kind: 'retry', dueAt: now, spent: false }
  const { expiresAt } = batch.intents[batch.slots[slot]!.intent]!
  return settle(answer, {
    ...{
      channel: batch.channel,
      lane: batch.lane,
      tries: batch.tries,
      now,
      random: random(),
      leaseMs,
    },
    doubt: doubtPolicyOf(letter.entry, batch.channel),
    ...(expiresAt !== undefined && { expiresAt }),
  })
}
