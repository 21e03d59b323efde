import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import type { HoldReason, Why } from '#contracts/decision.ts'
import type { DigestId, EpochMs, HoldId, RecipientId, SetId } from '#contracts/ids.ts'
import type { Tombstones } from '#contracts/retraction.ts'
import type { Stop } from '#contracts/stop.ts'
import { openStopsSql, parseStops } from './stops.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'
import { type CarriedIntent, laneCode, type Packed, splitJson } from './batch.ts'
import { tombstonesAmong, type TombstonesColumn, tombstonesIn } from './retractions.ts'

export type DueHold = {
  id: HoldId
  lane: Lane
  reason: HoldReason
  dueAt: EpochMs
  /** What it waits in, instead of for its time. */
  digest?: DigestId
  /** Released early, because some of its intents have tombstones: what has none waits on until then. */
  until?: EpochMs
  tombstones: Tombstones
  intents: CarriedIntent[]
  /** What operators had stopped when it was read. */
  stops: readonly Stop[]
  slots: HeldSlot[]
}

export type HeldSlot = {
  recipient: RecipientId
  channel: Channel
  reason?: string
  countedAt?: EpochMs
  heldSince?: EpochMs
  intent: number
  why: Why
}

/**
 * Locks holds that are due, inside the transaction that decides them again; other schedulers skip them. Whoever
 * commits that transaction must have called `releaseHolds` in it.
 */
export async function dueHolds(
  tx: Queryable,
  { lane, now, limit }: { lane: Lane; now: EpochMs; limit: number },
): Promise<DueHold[]> {
  return readHolds(
    tx,
    `released_at is null and digest_id is null and lane = $3 and due_at <= to_timestamp($1 / 1000.0)
     order by due_at limit $2 for update skip locked`,
    [now, limit, laneCode(lane)],
  )
}

/** Holds as they are to be decided again. */
export async function readHolds(tx: Queryable, which: string, values: readonly unknown[]): Promise<DueHold[]> {
  const rows = await tx.query<HoldRow>(
    `select id, lane, reason, due_at, until, digest_id, recipients, channels, reasons, counted_at, held_since, picks, payload, whys,
       ${openStopsSql} as stops, ${tombstonesAmong('holds.intents')}
     from holds where ${which}`,
    values,
  )
  return rows.map(row => {
    const reasons = splitJson<string | null>(row.reasons)
    const whys = JSON.parse(row.whys) as Packed<Why>
    return {
      ...{ id: row.id, lane: lanes[row.lane]!, reason: row.reason, dueAt: row.due_at.getTime() },
      ...(row.digest_id && { digest: row.digest_id }),
      ...(row.until && { until: row.until.getTime() }),
      tombstones: tombstonesIn(row.tombstones),
      intents: splitJson<CarriedIntent>(row.payload),
      stops: parseStops(row.stops),
      slots: row.recipients.map((recipient, at) => ({
        recipient,
        channel: channels[row.channels[at]!]!,
        intent: row.picks?.[at] ?? 0,
        why: whys.values[whys.picks?.[at] ?? 0]!,
        ...(reasons[at] != null && { reason: reasons[at] }),
        ...(row.counted_at?.[at] && { countedAt: row.counted_at[at].getTime() }),
        ...(row.held_since?.[at] && { heldSince: row.held_since[at].getTime() }),
      })),
    }
  })
}

type HoldRow = {
  id: HoldId
  lane: number
  reason: HoldReason
  due_at: Date
  digest_id: DigestId | null
  until: Date | null
  recipients: RecipientId[]
  channels: number[]
  reasons: string
  counted_at: (Date | null)[] | null
  held_since: (Date | null)[] | null
  picks: number[] | null
  payload: string
  stops: string | null
  whys: string
  tombstones: TombstonesColumn
}

/** Puts holds off without deciding them. */
export async function postponeHolds(
  tx: Queryable,
  postpone: { holds: readonly DueHold[]; until: EpochMs },
): Promise<void> {
  await tx.query(`update holds set due_at = to_timestamp($2 / 1000.0) where id = any($1::uuid[])`, [
    plainArray(postpone.holds.map(hold => hold.id)),
    postpone.until,
  ])
}

/** Marks holds as taken up by a set; their data is dropped, it lives on in what the set decided. */
export async function releaseHolds(
  tx: Queryable,
  release: { holds: readonly DueHold[]; set: SetId; now: EpochMs },
): Promise<void> {
  const intents = [...new Set(release.holds.flatMap(hold => hold.intents.map(intent => intent.id)))].sort()
  await tx.query(
    `update holds set released_at = to_timestamp($2 / 1000.0), released_by = $3, payload = null where id = any($1::uuid[])`,
    [plainArray(release.holds.map(hold => hold.id)), release.now, release.set],
  )
  await linkIntents(tx, release.set, intents)
}

/** Remembers that a later set works on these intents, for trace and retract. */
export async function linkIntents(tx: Queryable, set: SetId, intents: readonly string[]): Promise<void> {
  await tx.query(
    `insert into intent_sets (intent_id, set_id) select id, $2 from unnest($1::uuid[]) as id order by id on conflict do nothing`,
    [plainArray(intents), set],
  )
}

/** The latest due instant among open holds: where a replay's clock jumps to at its end. Undefined when none is open. */
export async function lastDueHold(db: Queryable): Promise<EpochMs | undefined> {
  const [row] = await db.query<{ due: Date | null }>(
    `select max(coalesce(d.due_at, h.due_at)) as due from holds h left join digests d on d.id = h.digest_id where h.released_at is null`,
  )
  return row?.due?.getTime()
}
