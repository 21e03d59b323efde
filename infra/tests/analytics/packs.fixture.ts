import type { EventPack, EventSlot, IntentFacts } from '#contracts/event.ts'
import { type EpochMs, intentId, newBatchId, newSetId } from '#contracts/ids.ts'

export const at: EpochMs = Date.UTC(2026, 10, 20, 12, 0, 0)
export const day = '2026-11-20'

export const intentFacts = (key: string, facts: Partial<IntentFacts> = {}): IntentFacts => ({
  id: intentId({ producer: 'docs', key }),
  type: 'comment.created',
  category: 'social',
  producer: 'docs',
  lane: 'default',
  occurredAt: at,
  ...facts,
})

const packDefaults = { v: 1 as const, day, at, intents: [intentFacts('comment-1')], whys: [] }

/** A pack of the router's: every recipient gets `deliver` on push unless said otherwise. */
export function decidedPack(recipients: readonly string[], pack: Partial<EventPack> = {}): EventPack {
  const set = newSetId()
  const slots = recipients.map((recipient): EventSlot => ({ i: 0, recipient, channel: 'push', what: 'deliver', w: 0 }))
  return { ...packDefaults, pack: `${set}/decided`, kind: 'decided', set, whys: [{ rule: 'default' }], slots, ...pack }
}

/** A pack of a worker's: every delivery was sent to the recipient's one device unless said otherwise. */
export function settledPack(recipients: readonly string[], pack: Partial<EventPack> = {}): EventPack {
  const batch = newBatchId()
  const slots = recipients.map((recipient): EventSlot => ({
    i: 0,
    recipient,
    channel: 'push',
    endpoint: 'device-1',
    what: 'sent',
  }))
  const of = { kind: 'settled' as const, set: newSetId(), batch, provider: 'fcm' }
  return { ...packDefaults, ...of, pack: `${batch}/settled`, at: at + 1000, slots, ...pack }
}

/** What people did, as a device or an example says it: seen, opened, read, acted. */
export function engagedPack(
  slots: readonly (Pick<EventSlot, 'recipient' | 'what'> & Partial<EventSlot>)[],
  pack: Partial<EventPack> = {},
): EventPack {
  const done = slots.map((slot): EventSlot => ({ i: 0, channel: 'push', ...slot }))
  return { ...packDefaults, kind: 'engaged', pack: `${newSetId()}/engaged`, at: at + 60_000, slots: done, ...pack }
}

export const people = (n: number): string[] => Array.from({ length: n }, (_, at) => `user-${at}`)
