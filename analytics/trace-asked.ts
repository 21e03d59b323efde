import { type Attempt, attemptOf, type EpochMs, type IntentId, isAttempt, isName, isUuid } from '#contracts/ids.ts'

/** An intent by its id, or by the producer and key that it is made of. */
export type AskedIntent = IntentId | { producer: string; key: string }

/** Whose trace: of an intent (perhaps what of it went to a person, or to an endpoint), a person or a delivery; of a tenant alone, if told. */
export type AskedTrace = { tenant?: string | undefined } & (
  | { intent: AskedIntent; part: { recipient?: string; endpoint?: string } }
  | { recipient: string; since?: EpochMs | undefined }
  | { delivery: Attempt }
)

/** What is kept of a look: ids as they are stored, however they were typed. */
export function aboutOf({ tenant, ...asked }: AskedTrace): Readonly<Record<string, string>> {
  const within = { ...(tenant !== undefined && { tenant }) }
  if ('delivery' in asked) return { delivery: `${asked.delivery.batch}.${asked.delivery.slot}`, ...within }
  if ('intent' in asked) {
    const { intent, part } = asked
    return { intent: typeof intent === 'string' ? intent : `${intent.producer}/${intent.key}`, ...part, ...within }
  }
  const { recipient, since } = asked
  return { recipient, ...(since !== undefined && { since: new Date(since).toISOString() }), ...within }
}

/** Reads an intent as people name it: its UUID, in whatever case, or `PRODUCER/KEY`. Undefined: it is neither. */
export function askedIntent(text: string): AskedIntent | undefined {
  const id = text.toLowerCase()
  if (isUuid(id)) return id as IntentId
  const [producer, ...rest] = text.split('/')
  const key = rest.join('/')
  return isName(producer) && isName(key) ? { producer, key } : undefined
}

/** Reads a delivery as providers name it: `BATCH.SLOT`, in whatever case. Undefined: it is none. */
export function askedDelivery(text: string): Attempt | undefined {
  const id = text.toLowerCase()
  return isAttempt(id) ? attemptOf(id) : undefined
}
