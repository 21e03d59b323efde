import { removeInboxItems } from '#channels/in-app/inbox-store.ts'
import { noteRemovals } from '#channels/push/removal-store.ts'
import { type EpochMs, intentId, type IntentId } from '#contracts/ids.ts'
import type { Retracted } from '#contracts/retraction.ts'
import {
  addSeen,
  countRetracted,
  endFollowUp,
  hastenHolds,
  inboxDeliveries,
  lockTombstone,
  placeTombstone,
  takeFollowUps,
} from '#ledger/retractions.ts'
import { pushedTo } from '#ledger/pushes.ts'
import { every } from '#runtime/every.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import type { Installation } from './installation.ts'

/**
 * Takes an intent back, whether it has come by now or not: what was not sent yet will not be, what is in an inbox is
 * removed. Gives what was found; asked again it says the same of what has ended since. Safe to repeat.
 */
export async function retract(
  db: Database,
  { producer, key, now }: { producer: string; key: string; now: EpochMs },
): Promise<Retracted> {
  const id = intentId({ producer, key })
  // Committed by itself: who claims from here on sees it, and what is counted below was claimed before or never will be.
  await placeTombstone(db, id)
  await clearInboxes(db, { id })
  return db.transaction(async tx => {
    await lockTombstone(tx, id)
    await hastenHolds(tx, { ids: [id], now })
    return countRetracted(tx, id)
  })
}

const followUpsMax = 100

/**
 * Looks again at what was retracted or superseded a moment ago, for what was being written at the same time: holds and
 * inbox items. And has devices told that show it: none of them need be waited for by whoever retracts. True when there may be more to do.
 */
async function followUpRetractions(db: Database, { now }: { now: EpochMs }): Promise<boolean> {
  const due = await takeFollowUps(db, { limit: followUpsMax })
  if (due.length === 0) return false
  await hastenHolds(db, { ids: due.map(one => one.id), now })
  for (const one of due) {
    await clearInboxes(db, one)
    await clearScreens(db, one)
    await endFollowUp(db, one)
  }
  return due.length === followUpsMax
}

const followUpEveryMs = 1_000

/** Follows up for as long as it is not disposed; any number of processes may. */
export const startFollowUps = ({ db, clock, log }: Pick<Installation, 'db' | 'clock' | 'log'>): AsyncDisposable =>
  every(
    followUpEveryMs,
    () => followUpRetractions(db, { now: clock.now() }),
    error => log.warn({ task: 'retractions', error }, 'a scheduled task failed and will run again'),
  )

/** Page by page, each in its own transaction: one of all would keep everybody's inbox locked until its end. */
async function clearInboxes(db: Database, { id, until }: { id: IntentId; until?: EpochMs }): Promise<void> {
  for await (const deliveries of inboxDeliveries(db, id))
    await db.transaction(async tx => {
      const seen = await removeInboxItems(tx, { deliveries, ...(until !== undefined && { until }) })
      if (seen > 0) await addSeen(tx, { id, seen })
    })
}

async function clearScreens(db: Queryable, { id, until }: { id: IntentId; until?: EpochMs }): Promise<void> {
  for await (const people of pushedTo(db, { id, ...(until !== undefined && { until }) }))
    await noteRemovals(db, { of: people.map(recipient => ({ recipient, intent: id })), why: 'retracted' })
}
