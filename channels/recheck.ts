import { stepFor } from '#contracts/arms.ts'
import type { Catalogue, Digested } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import { type Engaged, stopOf } from '#contracts/engagement.ts'
import type { EpochMs, RecipientId } from '#contracts/ids.ts'
import type { JsonObject } from '#contracts/intent.ts'
import { takenBack } from '#contracts/retraction.ts'
import type { CarriedIntent, ClaimedBatch, Slot, SlotResult } from '#ledger/batch.ts'
import { type Endpoint, hasRead, inTenant, mayWe, noEndpoint, type Person, whereTo } from '#preferences/preferences.ts'
import { stopLabel, stopOn } from '#contracts/stop.ts'
import { toldAsOne } from './told-as-one.ts'
import { notOursMs, stoppedMs } from './limits.ts'
import { notCalled } from './settle.ts'

/** A slot that may be sent, and where to. */
export type Target = {
  place: number
  recipient: RecipientId
  intent: CarriedIntent
  endpoint: Endpoint
  locale?: string
  /** Why this person is told: `mention`, `role` … */
  reason?: string
  /** What its message tells, where it speaks for others; and who they are. */
  digest?: Digested<JsonObject>
  others?: readonly Target[]
}

/**
 * Asks again what may have changed since the decision: who is told here, expiry, retraction, what was read or done meanwhile, erasure, preferences,
 * the endpoint. `people` and `engaged` (by slot) must have been read after the claim (law 4). Gives the slots that may go, and for the others their end by place; of what is told as one, one that speaks for all that are left.
 */
export function recheck(
  batch: ClaimedBatch,
  facts: Facts,
): { targets: readonly Target[]; results: (SlotResult | undefined)[] } {
  const targets: Target[] = []
  const results = batch.slots.map((slot, place): SlotResult | undefined => {
    const intent = batch.intents[slot.intent]!
    const person = inTenant(facts.people.get(slot.recipient)!, intent.tenant)
    const refused = refusal({ slot, intent, person, batch, engaged: facts.engaged[place] }, facts)
    if ('kind' in refused) return refused
    const { recipient, reason } = slot
    const { locale } = person
    targets.push({ place, recipient, intent, endpoint: refused, ...(locale && { locale }), ...(reason && { reason }) })
    return undefined
  })
  return { targets: toldAsOne(targets), results }
}

type Facts = {
  people: ReadonlyMap<string, Person>
  engaged: readonly (Engaged | undefined)[]
  catalogue: Catalogue
  now: EpochMs
}
type Question = {
  slot: Slot
  intent: CarriedIntent
  person: Person
  batch: ClaimedBatch
  engaged: Engaged | undefined
}
type Closed = Extract<SlotResult, { kind: 'closed' }>

function refusal(question: Question, { catalogue, now }: Facts): SlotResult | Endpoint {
  const { slot, intent, person, batch } = question
  if (catalogue.types.get(intent.type)?.allowedHere?.(person.id) === false)
    return { kind: 'closed', outcome: 'not_allowed_here', why: { rule: 'not_allowed_here' } }
  const stopped = stoppedAt(now, { batch, intent })
  if (stopped) return stopped
  const over =
    overAt(now, intent) ?? retracted(intent, batch) ?? unknown(intent, catalogue) ?? needless(question, catalogue)
  if (over) return over
  const { channel } = batch
  const mandatory = catalogue.types.get(intent.type)?.mandatory ?? false
  const { category } = intent
  const may = mayWe(person, { category, channel, mandatory, at: now, place: intent, reason: slot.reason })
  if (!may.allowed) return { kind: 'closed', outcome: may.outcome ?? 'suppressed_preference', why: may.why }
  const usable = whereTo(person, channel, now).endpoints.find(endpoint => endpoint.id === slot.endpoint)
  return usable ?? noLonger(person, slot, channel)
}

/** What is of a type that this worker does not know waits for one that does, and keeps nothing else waiting. */
function unknown({ type }: CarriedIntent, { types }: Catalogue): SlotResult | undefined {
  return types.has(type) ? undefined : { kind: 'retry', dueInMs: notOursMs, spent: false, why: notCalled }
}

/** What the person has done meanwhile makes it unnecessary: a later step stops, or it was read. */
function needless({ intent, person, batch, engaged = {} }: Question, { types }: Catalogue): Closed | undefined {
  const enough = stopOf(stepFor(types.get(intent.type)!, person.id, batch.channel), engaged)
  if (enough)
    return { kind: 'closed', outcome: 'escalation_stopped', why: { rule: 'escalation_stopped', value: enough } }
  if (intent.ignoresReads || !(engaged.read || hasRead(person, intent.occurredAt))) return undefined
  return { kind: 'closed', outcome: 'suppressed_read', why: { rule: 'read', value: intent.thread ?? 'everything' } }
}

/**
 * What a stop makes of a delivery: killed, or moved on untried until the stop is ended; but what is worth nothing any more
 * ends. Undefined when nothing stops it.
 */
export function stoppedAt(
  now: EpochMs,
  { batch, intent }: { batch: ClaimedBatch; intent: CarriedIntent },
): SlotResult | undefined {
  const stop = stopOn(batch.stops, { ...intent, channel: batch.channel, provider: batch.provider })
  if (!stop) return undefined
  const value = stopLabel(stop)
  if (stop.resume === 'drop') return { kind: 'closed', outcome: 'killed', why: { rule: 'killed', value } }
  const waits: SlotResult = { kind: 'retry', dueInMs: stoppedMs, spent: false, why: { rule: 'stopped', value } }
  return overAt(now, intent) ?? waits
}

/** The end of what was worth something until before `now`, else undefined. */
export const overAt = (now: EpochMs, { expiresAt }: { expiresAt?: EpochMs }): Closed | undefined =>
  expiresAt !== undefined && now > expiresAt ? expired(expiresAt) : undefined

/** The end of what its producer took back, as the claim saw it; else undefined. */
export function retracted(intent: CarriedIntent, { tombstones }: Pick<ClaimedBatch, 'tombstones'>): Closed | undefined {
  const end = takenBack(intent, tombstones)
  return end && { kind: 'closed', ...end }
}

/** The end of a delivery whose time is over. */
export const expired = (expiresAt: EpochMs): Closed => ({
  kind: 'closed',
  outcome: 'expired',
  why: { rule: 'expired', value: new Date(expiresAt).toISOString() },
})

/** The endpoint is gone, dead, somebody else's now, or must not be used. */
function noLonger(person: Person, slot: Slot, channel: Channel): Closed {
  const known = person.endpoints.find(endpoint => endpoint.id === slot.endpoint && endpoint.channel === channel)
  if (known?.state === 'suppressed')
    return { kind: 'closed', outcome: 'suppressed_address', why: { rule: 'endpoint_suppressed', value: channel } }
  return { kind: 'closed', outcome: 'no_endpoint', why: noEndpoint(person, channel) }
}
