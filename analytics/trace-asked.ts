import { type Attempt, attemptOf, type IntentId, isAttempt, isName, isUuid } from '#contracts/ids.ts'

/** An intent by its id, or by the producer and key that it is made of. */
export type AskedIntent = IntentId | { producer: string; key: string }

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
