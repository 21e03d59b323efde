import { type Lane, lanes } from '#contracts/channel.ts'
import type { EpochMs, IntentId, SetId } from '#contracts/ids.ts'
import type { Tombstones } from '#contracts/retraction.ts'
import type { Stop } from '#contracts/stop.ts'
import { openStopsSql, parseStops } from './stops.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'
import { type CarriedIntent, laneCode } from './batch.ts'
import { tombstonesAmong, type TombstonesColumn, tombstonesIn } from './retractions.ts'

/** An intent whose audiences are being turned into sets, page by page; the checkpoint is the last recipient. */
export type Expansion = {
  lane: Lane
  intent: CarriedIntent
  audiences: { audience: string; reason?: string }[]
  /** Decided with the intent's own set; not again as members. */
  except: string[]
  after: string
  /** In quarantine: so many members are a sample. */
  sampleLeft?: number
  /** It is or was in quarantine: an operator has the word. */
  guarded: boolean
  /** What operators had stopped when it was read. */
  stops: readonly Stop[]
  tombstones: Tombstones
}

export async function openExpansion(
  tx: Queryable,
  open: Omit<Expansion, 'after' | 'guarded' | 'stops' | 'tombstones'> & {
    set: SetId
    now: EpochMs
    quarantined?: boolean
  },
): Promise<void> {
  const { lane, intent, audiences, except, set, now, quarantined = false } = open
  await tx.query(
    `insert into expansions (intent_id, lane, set_id, payload, due_at, quarantined_at) values ($1, $2, $3, $4, $5, $6)`,
    [
      ...[intent.id, laneCode(lane), set, JSON.stringify({ intent, audiences, except }), new Date(now)],
      quarantined ? new Date(now) : null,
    ],
  )
}

/** Locks one open expansion of these lanes for the page that the caller's transaction works on; others skip it. */
export async function nextExpansion(
  tx: Queryable,
  { lanes: wanted, now }: { lanes: readonly Lane[]; now: EpochMs },
): Promise<Expansion | undefined> {
  const [row] = await tx.query<{
    lane: number
    payload: string
    after_recipient: string
    sample_left: number | null
    guarded: boolean
    stops: string | null
    tombstones: TombstonesColumn
  }>(
    `select lane, payload, after_recipient, case when quarantined_at is not null then sample_left end as sample_left,
       exists (select from quarantines q where q.intent_id = expansions.intent_id) as guarded, ${openStopsSql} as stops, ${tombstonesAmong('array[intent_id]')} from expansions
     where done_at is null and (quarantined_at is null or sample_left > 0) and due_at <= to_timestamp($1 / 1000.0) and lane = any($2::smallint[])
     order by lane, due_at limit 1 for update skip locked`,
    [now, plainArray(wanted.map(laneCode))],
  )
  if (!row) return undefined
  return {
    ...(JSON.parse(row.payload) as Omit<
      Expansion,
      'lane' | 'after' | 'sampleLeft' | 'guarded' | 'stops' | 'tombstones'
    >),
    lane: lanes[row.lane]!,
    after: row.after_recipient,
    ...(row.sample_left !== null && { sampleLeft: row.sample_left }),
    guarded: row.guarded,
    stops: parseStops(row.stops),
    tombstones: tombstonesIn(row.tombstones),
  }
}

/** Puts an expansion off that cannot be worked on here and now, so that it keeps no other waiting. */
export async function postponeExpansion(
  db: Queryable,
  { intent, until }: { intent: IntentId; until: EpochMs },
): Promise<void> {
  await db.query(`update expansions set due_at = to_timestamp($2 / 1000.0) where intent_id = $1 and done_at is null`, [
    intent,
    until,
  ])
}

/** Nobody reads it until an operator says so: the caller's transaction has locked it and opens its quarantine. */
export async function quarantineExpansion(
  tx: Queryable,
  { intent, now }: { intent: IntentId; now: EpochMs },
): Promise<void> {
  await tx.query(`update expansions set quarantined_at = to_timestamp($2 / 1000.0) where intent_id = $1`, [intent, now])
}

/** Moves the checkpoint in the page's own transaction; `done` when the page was the last. Expansions take turns. */
export async function checkpoint(
  tx: Queryable,
  page: { intent: IntentId; after: string; members: number; done: boolean; now: EpochMs },
): Promise<void> {
  await tx.query(
    `update expansions set after_recipient = $2, pages = pages + 1, members = members + $3, sample_left = greatest(0, sample_left - $3), due_at = to_timestamp($5 / 1000.0),
       done_at = case when $4 then to_timestamp($5 / 1000.0) end, payload = case when $4 then '{}' else payload end
     where intent_id = $1`,
    [page.intent, page.after, page.members, page.done, page.now],
  )
}
