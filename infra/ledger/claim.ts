import { channels, lanes } from '#contracts/channel.ts'
import { type BatchId, type EpochMs, newBatchId, type RecipientId, type SetId } from '#contracts/ids.ts'
import { outcomeCode } from '#contracts/outcome.ts'
import type { Wait, WaitReason } from '#contracts/wait.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import type { Load } from '#runtime/queues.ts'
import { plainArray } from '#runtime/postgres.ts'
import {
  batchKey,
  batchMax,
  type CarriedIntent,
  type ClaimedBatch,
  joinFacts,
  joinJson,
  type NewBatch,
  pack,
  type SlotResult,
  splitJson,
  splitReasons,
} from './batch.ts'
import { insertBatches } from './insert.ts'
import { type BatchRecord, settledPack, writeOutbox } from './outbox.ts'
import { openStopsSql, parseStops } from './stops.ts'
import { tombstonesAmong, type TombstonesColumn, tombstonesIn } from './retractions.ts'

/** Who sends a batch, and its deliveries, where a job does not say. Undefined when it is gone. */
export async function loadOf(db: Queryable, id: BatchId): Promise<Load | undefined> {
  const rows = await db.query<Load>(
    'select provider, n as size from batches where day = $1 and id = $2 and closed_at is null',
    [...batchKey(id)],
  )
  return rows[0]
}

/**
 * Takes a ready batch for one worker: counts the attempt (the fence) and, as a try, what a lost worker may have sent; sets
 * the lease, stores the snapshot that the withdrawals are judged by. Undefined when it is closed, leased, not due, or unknown; never waits on a lock.
 * Lease and due time are set and judged by the database's clock alone: a worker's own may be wrong.
 */
export async function claimBatch(
  db: Queryable,
  claim: { id: BatchId; now: EpochMs; leaseMs: number },
): Promise<ClaimedBatch | undefined> {
  // Waiting for a lock would judge the withdrawals by an old snapshot: a batch that somebody else holds is skipped.
  // The key is said twice: a join with `ready` would have every partition planned for each claim.
  const rows = await db.query<ClaimRow>(
    `with ready as (
       select lease_until is not null as lapsed, coalesce(lease_until > ${countedLapse}, false) as lost from batches
       where day = $1 and id = $2 and closed_at is null and not doubt and due_at <= now()
         and (lease_until is null or lease_until < now())
       for update skip locked)
     update batches b set attempt = b.attempt + 1, tries = b.tries + ready.lost::int, claimed_at = to_timestamp($3 / 1000.0),
       lease_until = now() + $4 * interval '1 ms', claim_snapshot = pg_current_snapshot(),
       maybe_sent = b.maybe_sent or ready.lapsed
     from ready where b.day = $1 and b.id = $2
     returning b.set_id, b.lane, b.channel, b.provider, b.sensitive, b.tries, b.maybe_sent, b.from_batch is not null as moved, b.attempt, ready.lapsed, b.waits_for, b.payload, b.reasons,
       array_to_string(b.recipients, E'\\x1f') as recipients, array_to_string(b.endpoints, E'\\x1f') as endpoints,
       array_to_string(b.picks, ',') as picks, ${openStopsSql} as stops, ${tombstonesAmong('b.intents')}`,
    [...batchKey(claim.id), claim.now, claim.leaseMs],
  )
  const row = rows[0]
  return row && claimedBatch(row, claim)
}

/** The lease of what a lost worker had once its try is counted, and of what moved on from it. */
const countedLapse = 'to_timestamp(0)'

type ClaimRow = {
  set_id: string
  lane: number
  channel: number
  provider: string
  sensitive: boolean
  tries: number
  maybe_sent: boolean
  moved: boolean
  attempt: number
  lapsed: boolean
  waits_for: string | null
  payload: string
  reasons: string | null
  recipients: string
  endpoints: string
  picks: string | null
  stops: string | null
  tombstones: TombstonesColumn
}

function claimedBatch(row: ClaimRow, { id, now }: { id: BatchId; now: EpochMs }): ClaimedBatch {
  const endpoints = row.endpoints.split('\u001f')
  const picks = row.picks?.split(',')
  const reasonOf = splitReasons(row.reasons)
  return {
    id,
    set: row.set_id as SetId,
    lane: lanes[row.lane]!,
    channel: channels[row.channel]!,
    provider: row.provider,
    sensitive: row.sensitive,
    tries: row.tries,
    maybeSent: row.maybe_sent,
    moved: row.moved,
    attempt: row.attempt,
    lapsed: row.lapsed,
    claimedAt: now,
    stops: parseStops(row.stops),
    ...(row.waits_for !== null && { waitedFor: row.waits_for as WaitReason }),
    intents: splitJson<CarriedIntent>(row.payload),
    slots: row.recipients.split('\u001f').map((recipient, at) => ({
      recipient: recipient as RecipientId,
      endpoint: endpoints[at]!,
      intent: picks ? Number(picks[at]) : 0,
      reason: reasonOf(at),
    })),
    tombstones: tombstonesIn(row.tombstones),
  }
}

/**
 * Closes a claimed batch: outcomes, retries and doubts (into new batches) and their events in one transaction.
 * `fenced`: another claim took over meanwhile; nothing was written. Said again after an answer was lost it changes
 * nothing and is `recorded`. `results` has one entry for each slot.
 */
export async function recordBatch(db: Database, record: BatchRecord): Promise<'recorded' | 'fenced'> {
  const { batch, results, now } = record
  if (results.length !== batch.slots.length)
    throw new Error(`batch ${batch.id} has ${batch.slots.length} slots, got ${results.length} results`)
  const outcomes = results.map(result => outcomeCode(result.kind === 'closed' ? result.outcome : 'moved'))
  const close: readonly unknown[] = [
    ...batchKey(batch.id),
    batch.attempt,
    now,
    plainArray(outcomes),
    providerIds(batch, results),
    batch.sensitive ? joinFacts(batch.intents) : null,
  ]
  const settled = settledPack(record)
  const moved = movedBatches(record)
  if (moved.length === 0 && results.length <= batchMax) {
    const rows = await db.query(
      `with closed as (${closeStatement} returning 1)
       insert into outbox (pack, n, payload) select $8, $9, $10 from closed returning 1`,
      [...close, settled.pack, settled.slots.length, JSON.stringify(settled)],
    )
    return rows.length === 1 ? 'recorded' : closedBefore(db, batch)
  }
  return db.transaction(async tx => {
    const rows = await tx.query(`${closeStatement} returning 1`, close)
    if (rows.length === 0) return closedBefore(tx, batch)
    await insertBatches(tx, moved)
    await writeOutbox(tx, [settled])
    return 'recorded'
  })
}

/** Who finds a batch closed with its own attempt has closed it. */
async function closedBefore(db: Queryable, { id, attempt }: ClaimedBatch): Promise<'recorded' | 'fenced'> {
  const rows = await db.query(
    `select from batches where day = $1 and id = $2 and attempt = $3 and closed_at is not null`,
    [...batchKey(id), attempt],
  )
  return rows.length === 1 ? 'recorded' : 'fenced'
}

const closeStatement = `update batches
  set outcomes = $5::smallint[], closed_at = to_timestamp($4 / 1000.0), lease_until = null, provider_ids = $6,
    payload = coalesce($7, payload)
  where day = $1 and id = $2 and attempt = $3 and closed_at is null`

/** Only SMS and email are asked about later by the provider's own id. */
function providerIds(batch: ClaimedBatch, results: readonly SlotResult[]): string | null {
  if (batch.channel !== 'sms' && batch.channel !== 'email') return null
  return joinJson(results.map(result => (result.kind === 'closed' ? (result.providerId ?? '') : '')))
}

type Moved = Exclude<SlotResult, { kind: 'closed' }>

function movedBatches({ batch, results }: { batch: ClaimedBatch; results: readonly SlotResult[] }): NewBatch[] {
  const groups = new Map<string, { result: Moved; places: number[] }>()
  results.forEach((result, place) => {
    if (result.kind === 'closed') return
    // Why one moves, and whether it was called, is told by its event: it keeps nothing apart.
    const key = JSON.stringify({ ...result, why: undefined, called: undefined })
    const group = groups.get(key)
    if (group) group.places.push(place)
    else groups.set(key, { result, places: [place] })
  })
  return [...groups.values()].map(({ result, places }) => {
    const intents = pack(
      places.map(place => batch.intents[batch.slots[place]!.intent]!),
      intent => intent.id,
    )
    const doubt = result.kind === 'doubt'
    const maybeSent = batch.maybeSent || doubt || (result.maybeSent ?? false)
    // Whoever may have sent it keeps it: another route would send it a second time (law 5).
    const provider = maybeSent || doubt ? batch.provider : (result.route ?? batch.provider)
    return {
      ...{
        set: batch.set,
        lane: batch.lane,
        channel: batch.channel,
        provider,
        sensitive: batch.sensitive,
      },
      id: newBatchId(),
      dueInMs: result.dueInMs,
      ...(!doubt && result.reason !== undefined && { waitsFor: result.reason }),
      intents: intents.values,
      slots: places.map((place, at) => ({ ...batch.slots[place]!, intent: intents.picks?.[at] ?? 0 })),
      whys: { values: [] },
      tries: batch.tries + (result.spent ? 1 : 0),
      maybeSent,
      lapsed: batch.lapsed && !doubt && !result.spent,
      doubt,
      from: { batch: batch.id, places },
    }
  })
}

/**
 * Gives a claimed batch back untouched (no provider call was made): it is ready again after `dueInMs`. What a lost worker
 * may have sent before stays `lapsed`.
 */
export async function returnBatch(
  db: Queryable,
  back: { batch: ClaimedBatch; dueInMs: number; reason?: WaitReason },
): Promise<void> {
  await db.query(
    `update batches set lease_until = case when $5 then ${countedLapse} end, enqueued_at = null,
       waits_for = $6, due_at = now() + $4 * interval '1 ms'
     where day = $1 and id = $2 and attempt = $3 and closed_at is null`,
    [...batchKey(back.batch.id), back.batch.attempt, back.dueInMs, back.batch.lapsed, back.reason ?? null],
  )
}

/** A job whose batch was not claimed (its provider is not to be called now): due again later, to be enqueued again by the reconciler. */
export async function postponeBatch(db: Queryable, postpone: { id: BatchId } & Wait): Promise<void> {
  await db.query(
    `update batches set enqueued_at = null, waits_for = $4, due_at = greatest(due_at, now() + $3 * interval '1 ms')
     where day = $1 and id = $2 and closed_at is null and (lease_until is null or lease_until < now())`,
    [...batchKey(postpone.id), postpone.waitMs, postpone.reason],
  )
}
