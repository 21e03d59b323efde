import type { BatchId, EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'
import type { ClaimedBatch, SlotResult } from './batch.ts'

/**
 * Takes a ready batch for one worker: counts the attempt (the fence), sets the lease, stores the snapshot that the
 * withdrawals are judged by. Undefined when it is closed, leased, not due, or unknown; never waits on a lock.
 */
export declare function claimBatch(
  db: Queryable,
  claim: { id: BatchId; now: EpochMs; leaseMs: number },
): Promise<ClaimedBatch | undefined>

/**
 * Closes a claimed batch: outcomes, retries and doubts (into new batches) and their events in one statement.
 * `fenced`: another claim took over meanwhile; nothing was written. `results` has one entry for each slot.
 */
export declare function recordBatch(
  db: Queryable,
  record: { batch: ClaimedBatch; results: readonly SlotResult[]; now: EpochMs },
): Promise<'recorded' | 'fenced'>

/** Gives a claimed batch back untouched (no provider call was made): it is ready again from `dueAt`. */
export declare function returnBatch(db: Queryable, back: { batch: ClaimedBatch; dueAt: EpochMs }): Promise<void>

/** A job whose batch was not claimed (paused provider): due again later, to be enqueued again by the reconciler. */
export declare function postponeBatch(db: Queryable, postpone: { id: BatchId; dueAt: EpochMs }): Promise<void>
