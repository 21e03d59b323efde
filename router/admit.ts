import type { AnyNotificationType, Catalogue } from '#contracts/catalogue.ts'
import type { Lane } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { type Intent, parseIntent } from '#contracts/intent.ts'
import type { RefusedMessage } from '#ledger/admit.ts'

/** What the router needs of a pulled message. */
export type IntentMessage = { id: string; data: Buffer; publishedAt: EpochMs }

export type AdmittedIntent = { message: IntentMessage; intent: Intent; bodyHash: bigint; entry: AnyNotificationType }

export type Admitted = {
  /** Messages, counted before anything was made of them. */
  received: number
  intents: AdmittedIntent[]
  refused: RefusedMessage[]
  /** Published longer ago than idempotency keys are kept: a repeat could not be told from a new one. */
  expired: IntentMessage[]
}

const dayMs = 86_400_000
/** Pub/Sub keeps a message 31 days at most; keys are kept 35. */
const publishAgeMaxMs = 31 * dayMs
const aheadMaxMs = 60_000

/** Sorts messages into intents that can be routed and messages that cannot. Pure; never throws on what a message holds. */
export function admit(
  messages: readonly IntentMessage[],
  context: { lane: Lane; catalogue: Catalogue; now: EpochMs; trustEventTime: boolean },
): Admitted {
  const admitted: Admitted = { received: messages.length, intents: [], refused: [], expired: [] }
  for (const message of messages) {
    if (message.publishedAt < context.now - publishAgeMaxMs && !context.trustEventTime) admitted.expired.push(message)
    else admitOne(message, context, admitted)
  }
  return admitted
}

function admitOne(
  message: IntentMessage,
  { lane, catalogue, trustEventTime }: { lane: Lane; catalogue: Catalogue; trustEventTime: boolean },
  admitted: Admitted,
): void {
  const parsed = parseIntent(message.data)
  if (!parsed.ok) {
    const { reason, problems, id } = parsed
    // A later build may know it; what is malformed stays so, and nobody can say whether it may be kept.
    const kept = reason === 'unknown' && { message: message.data }
    admitted.refused.push({ messageId: message.id, lane, reason, problems, ...kept, ...(id && { intentId: id }) })
    return
  }
  const { intent, bodyHash } = parsed
  const entry = catalogue.types.get(intent.type)
  if (!entry || !knows(catalogue, intent.type, intent.catalogue)) {
    const problem = entry
      ? `catalogue version ${intent.catalogue} is newer than ${catalogue.version} here`
      : `type ${intent.type} is not in catalogue version ${catalogue.version}`
    admitted.refused.push({
      ...refusedBy(message, lane, intent),
      reason: 'parked',
      problems: [problem],
      message: message.data,
    })
    return
  }
  const occurredAt = trustEventTime ? intent.occurredAt : believed(intent.occurredAt, message.publishedAt)
  admitted.intents.push({ message, intent: { ...intent, occurredAt }, bodyHash, entry })
}

/** When it happened, as far as a producer is believed: from 31 days before the publish to a minute after it. */
export const believed = (occurredAt: EpochMs, publishedAt: EpochMs): EpochMs =>
  Math.min(Math.max(occurredAt, publishedAt - publishAgeMaxMs), publishedAt + aheadMaxMs)

/** A refusal that names the intent it is about. */
export const refusedBy = (message: IntentMessage, lane: Lane, intent: Intent) => ({
  ...{
    messageId: message.id,
    lane,
    intentId: intent.id,
    producer: intent.producer,
    type: intent.type,
    catalogue: intent.catalogue,
  },
})

/** Whether this catalogue can route an intent of a type that was validated against a catalogue version. */
export const knows = (catalogue: Catalogue, type: string, version: string): boolean =>
  catalogue.types.has(type) && !isNewer(version, catalogue.version)

const byNumber = new Intl.Collator('en', { numeric: true })
/** Versions grow: `10` is newer than `9`, `2026-11-21.2` than `2026-11-21.1`. */
const isNewer = (version: string, than: string): boolean => byNumber.compare(version, than) > 0
