import type { Lane } from '#contracts/channel.ts'
import type { BatchId } from '#contracts/ids.ts'
import { requeueBatches } from '#ledger/backlog.ts'
import { logAct } from '#ledger/operator-log.ts'
import type { Database } from '#runtime/postgres.ts'

/** Has a batch, or everything that waits in a lane, enqueued again at once. Gives the number of deliveries. */
export function requeue(
  db: Database,
  { who, why }: { who: string; why: string },
  which: { batch: BatchId } | { lane: Lane },
): Promise<number> {
  return db.transaction(async tx => {
    const deliveries = await requeueBatches(tx, which)
    await logAct(tx, { who, what: 'requeue', why, about: { ...which, deliveries } })
    return deliveries
  })
}
