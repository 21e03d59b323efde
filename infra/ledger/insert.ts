import type { EpochMs } from '#contracts/ids.ts'
import { outcomeCode } from '#contracts/outcome.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'
import { batchKey, channelCode, joinFacts, joinJson, joinReasons, laneCode, type NewBatch } from './batch.ts'

/**
 * Writes batches as they are: open ones, and refusals born closed. One statement. With `decidedAt` the caller puts the
 * open ones on their queues right after the commit: marking them then would lock a row that a worker wants to claim.
 */
export async function insertBatches(tx: Queryable, batches: readonly NewBatch[], decidedAt?: EpochMs): Promise<void> {
  if (batches.length === 0) return
  const values: unknown[] = []
  const rows = batches.map(
    batch =>
      `(${rowOf(batch, decidedAt)
        .map(({ type, value }) => {
          const at = values.push(value)
          return type === fromNow ? `now() + $${at}::float8 * interval '1 ms'` : `$${at}::${type}`
        })
        .join(',')})`,
  )
  await tx.query(
    `insert into batches (day, id, set_id, lane, channel, provider, sensitive, tries, maybe_sent, due_at, enqueued_at, lease_until, closed_at, doubt,
       from_batch, from_slots, n, recipients, endpoints, intents, picks, payload, whys, outcomes, reasons, waits_for)
     values ${rows.join(',')}`,
    values,
  )
}

/** Milliseconds from now by the clock of the database, which claims and the reconciler go by: ours may be wrong. */
const fromNow = 'ms from now'

function rowOf(batch: NewBatch, decidedAt?: EpochMs): { type: string; value: unknown }[] {
  const [day, id] = batchKey(batch.id)
  const { slots, intents, outcomes, from } = batch
  return [
    { type: 'date', value: day },
    { type: 'uuid', value: id },
    { type: 'uuid', value: batch.set },
    { type: 'smallint', value: laneCode(batch.lane) },
    { type: 'smallint', value: channelCode(batch.channel) },
    { type: 'text', value: batch.provider },
    { type: 'boolean', value: batch.sensitive },
    { type: 'smallint', value: batch.tries ?? 0 },
    { type: 'boolean', value: batch.maybeSent ?? false },
    { type: fromNow, value: batch.dueInMs },
    { type: fromNow, value: decidedAt !== undefined && !outcomes ? 0 : null },
    { type: 'timestamptz', value: batch.lapsed ? new Date(0) : null },
    { type: 'timestamptz', value: outcomes && decidedAt !== undefined ? new Date(decidedAt) : null },
    { type: 'boolean', value: batch.doubt ?? false },
    { type: 'uuid', value: from?.batch ?? null },
    { type: 'smallint[]', value: from ? plainArray(from.places) : null },
    { type: 'smallint', value: slots.length },
    { type: 'text[]', value: textArray(slots.map(slot => slot.recipient)) },
    { type: 'text[]', value: textArray(slots.map(slot => slot.endpoint)) },
    { type: 'uuid[]', value: plainArray(intents.map(intent => intent.id)) },
    { type: 'smallint[]', value: intents.length > 1 ? plainArray(slots.map(slot => slot.intent)) : null },
    { type: 'text', value: outcomes ? joinFacts(intents) : joinJson(intents) },
    { type: 'text', value: batch.whys.values.length > 0 ? JSON.stringify(batch.whys) : null },
    { type: 'smallint[]', value: outcomes ? plainArray(outcomes.map(outcomeCode)) : null },
    { type: 'text', value: joinReasons(slots) },
    { type: 'text', value: batch.waitsFor ?? null },
  ]
}
