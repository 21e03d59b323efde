import type { Channel } from '#contracts/channel.ts'
import { channels } from '#contracts/channel.ts'
import type { BatchId } from '#contracts/ids.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'
import { batchKey, type CarriedIntent, type Slot, splitJson } from './batch.ts'
import { readReceived } from './standings.ts'

/** Doubts that have waited long enough are sent again: the batch becomes an ordinary ready one. Returns how many deliveries. */
export async function resendDoubts(db: Queryable, { limit }: { limit: number }): Promise<number> {
  const rows = await db.query<{ n: number }>(
    `update batches set doubt = false where (day, id) in (
       select day, id from batches where closed_at is null and doubt and due_at <= now()
       order by due_at limit $1 for update skip locked)
     returning n`,
    [limit],
  )
  return rows.reduce((sum, row) => sum + row.n, 0)
}

/**
 * Receipts have come for slots of these batches that moved on: doubts that they are in, and of whose every delivery the
 * provider has reported by now, are due. Whoever claims them writes down that they are sent. Others wait on.
 */
export async function settleDoubts(tx: Queryable, movedFrom: readonly BatchId[]): Promise<void> {
  for (const doubt of await openDoubts(tx, [...new Set(movedFrom)])) {
    const { id, slots, intents } = doubt
    const received = await readReceived(tx, { ...doubt, maybeSent: true })
    const isReceived = (slot: Slot, place: number) =>
      received.has(place) || slots.some((other, at) => received.has(at) && areToldAsOne(slot, other, intents))
    if (!slots.every(isReceived)) continue
    await tx.query(
      `update batches set doubt = false, due_at = now() where day = $1 and id = $2 and doubt and closed_at is null`,
      [...batchKey(id)],
    )
  }
}

/** Members of a digest to one address go by one message. */
function areToldAsOne(a: Slot, b: Slot, intents: readonly CarriedIntent[]): boolean {
  const digest = intents[a.intent]!.digest?.id
  const isOneAddress = a.recipient === b.recipient && a.endpoint === b.endpoint
  return digest !== undefined && isOneAddress && intents[b.intent]!.digest?.id === digest
}

type Doubtful = { id: BatchId; channel: Channel; slots: Slot[]; intents: CarriedIntent[] }

/** Those that slots of a batch have moved to, by whatever way. */
async function openDoubts(tx: Queryable, from: readonly BatchId[]): Promise<Doubtful[]> {
  if (from.length === 0) return []
  const rows = await tx.query<DoubtRow>(
    `with recursive later as (
       select day, id from batches where from_batch = any($1::uuid[])
       union select b.day, b.id from later l join batches b on b.from_batch = l.id)
     select id, channel, payload, recipients, endpoints, picks from batches
     where (day, id) in (select day, id from later) and doubt and closed_at is null
     order by id for update skip locked`,
    [plainArray(from)],
  )
  return rows.map(({ id, channel, payload, recipients, endpoints, picks }) => ({
    ...{ id, channel: channels[channel]!, intents: splitJson<CarriedIntent>(payload) },
    slots: recipients.map((recipient, at) => ({ recipient, endpoint: endpoints[at]!, intent: picks?.[at] ?? 0 })),
  }))
}
type DoubtRow = {
  id: BatchId
  channel: number
  payload: string
  recipients: Slot['recipient'][]
  endpoints: string[]
  picks: number[] | null
}
