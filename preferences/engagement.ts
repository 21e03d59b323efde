import type { InboxMark } from '#contracts/engagement.ts'
import { type EpochMs, intentId, type IntentId } from '#contracts/ids.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { writeEngagement, writeLooked } from './engagement-store.ts'
import { advanceWatermark } from './watermark-store.ts'

export type EngagementStore = {
  db: Database
  now: EpochMs
  /** Marks a person's items in the inbox, which is not ours, and gives how many were found. */
  markInbox: (tx: Queryable, mark: InboxMark) => Promise<number>
  /** Hears whose inbox has changed, after the commit. */
  tell?: (recipients: readonly string[]) => void
}

/**
 * What a person looked at: one intent, or all that occurred until then, of a thread or of all threads. `device`: the endpoint
 * where, whose screen needs no word of what was read. `others`: what was told with the intent in one message.
 */
export type Looked = { recipient: string; what: 'seen' | 'read'; device?: string } & (
  | { intent: IntentId; others?: readonly IntentId[] }
  | { thread?: string; upTo: EpochMs }
)

/** An intent may come in so long after it occurred, and its item may be put a little after others were marked. */
const lateMs = { intent: 35 * 86_400_000, item: 3_600_000 }

/**
 * A person has seen or read something, on whatever surface: the inbox shows it so, and what is read is not told any more.
 * Safe to repeat; what was read stays read.
 */
export async function look({ db, tell, ...store }: EngagementStore, looked: Looked): Promise<void> {
  await db.transaction(tx => lookIn(tx, store, looked))
  tell?.([looked.recipient])
}

/** The same in a transaction of the caller's. */
export async function lookIn(
  tx: Queryable,
  { now, markInbox }: Omit<EngagementStore, 'db' | 'tell'>,
  looked: Looked,
): Promise<void> {
  const { recipient, what } = looked
  if ('intent' in looked) {
    const { intent, others = [] } = looked
    const items = await markInbox(tx, { ...looked, now })
    if (items <= others.length) await writeLooked(tx, { recipient, what, intents: [intent, ...others], at: now })
    return
  }
  const { upTo } = looked
  const before = what === 'read' ? await advanceWatermark(tx, looked) : undefined
  const after = Math.max(upTo - lateMs.intent, (before ?? 0) - lateMs.item)
  await markInbox(tx, { ...looked, after, now })
}

/**
 * A person did what some types wait for. With the key of an intent (and whose it is) it is the success of that one alone,
 * else of all that occurred until then; `tellSuccess` lets the events tell of it, in the same transaction. Safe to repeat.
 */
export async function track(
  { db, now, tellSuccess }: Pick<EngagementStore, 'db' | 'now'> & { tellSuccess: TellSuccess },
  done: { recipient: string; event: string; intent?: { producer: string; key: string } },
): Promise<void> {
  const { recipient, event } = done
  const intent = done.intent && { intent: intentId(done.intent) }
  await db.transaction(async tx => {
    await writeEngagement(tx, { ...{ recipient, event, what: 'acted', at: now }, ...intent })
    await tellSuccess(tx, { recipient, event, at: now, ...intent })
  })
}

/** Lets the events of a person's notifications tell that their success followed: of one intent, or of all that were looked at. */
export type TellSuccess = (
  tx: Queryable,
  success: { recipient: string; event: string; at: EpochMs; intent?: IntentId },
) => Promise<void>
