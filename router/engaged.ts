import { deliveryId } from '#contracts/ids.ts'
import { type EngagementAsk, readEngagements, readPresence, readWatermarks } from '#preferences/preferences.ts'
import type { Queryable } from '#runtime/postgres.ts'
import type { Case } from './judge.ts'

/**
 * Adds to cases what people have done with them: read their threads, and, where something waited, seen or done what it is
 * about; and who is active elsewhere. Each is asked only for cases that a rule looks at it for: for others nothing is.
 */
export async function addEngagement(db: Queryable, cases: readonly Case[]): Promise<void> {
  const threads = cases.filter(one => one.intent.thread !== undefined && one.person.readsThreads && cares(one))
  const waited = cases.filter(one => one.released)
  const aside = cases.filter(one => one.entry.deliver.some(step => step.unless === 'active'))
  // One after the other: in a transaction there is one connection.
  const engaged = await readEngagements(db, waited.map(askOf))
  const marks = threads.map(one => ({ recipient: one.recipient, thread: one.intent.thread! }))
  const upTo = await readWatermarks(db, marks)
  const active = await readPresence(
    db,
    aside.map(one => one.recipient),
  )
  waited.forEach((one, at) => void (one.engaged = engaged[at]!))
  threads.forEach((one, at) => {
    if (upTo[at] !== undefined && one.intent.occurredAt <= upTo[at]) one.engaged = { ...one.engaged, read: true }
  })
  for (const one of aside) {
    const activeUntil = active.get(one.recipient)
    if (activeUntil !== undefined) one.activeUntil = activeUntil
  }
}

/** Reading a thread cancels it, or stops a later step of it. */
const cares = ({ intent, entry }: Case): boolean =>
  !intent.ignoresReads || entry.deliver.some(step => step.after !== undefined)

const askOf = ({ intent, recipient, entry }: Case): EngagementAsk => ({
  ...{ recipient, intent: intent.id, occurredAt: intent.occurredAt },
  inboxItem: deliveryId({ intent: intent.id, recipient, endpoint: 'inbox' }),
  ...(entry.acted !== undefined && { event: entry.acted }),
})
