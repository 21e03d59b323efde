import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import { type BatchId, dayOf } from '#contracts/ids.ts'
import type { WaitReason } from '#contracts/wait.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { laneCode } from './batch.ts'

/** What is on its way: open deliveries by lane and channel, those that wait by reason, held decisions by lane and reason, open audiences by lane. */
export type Backlog = {
  /** `oldestS`: for how many seconds the oldest that is ready has been due. */
  deliveries: (Place & Record<'ready' | 'oldestS' | 'leased' | 'later' | 'doubts', number>)[]
  /** What is due later, by what it waits for: null where nothing says. */
  waiting: { lane: Lane; provider: string; reason: WaitReason | null; deliveries: number; nextDue: Date }[]
  held: { lane: Lane; reason: string; decisions: number; nextDue: Date }[]
  /** `members`: so many were decided already. */
  expanding: { lane: Lane; audiences: number; members: number }[]
}
type Place = { lane: Lane; channel: Channel }

export async function readBacklog(db: Queryable): Promise<Backlog> {
  const deliveries = await db.query<
    { lane: number; channel: number } & Record<'ready' | 'oldest' | 'leased' | 'later' | 'doubts', number>
  >(
    `select lane, channel, (sum(n) filter (where ready))::int as ready, (sum(n) filter (where leased))::int as leased,
       (sum(n) filter (where doubt))::int as doubts, (sum(n) filter (where not ready and not leased and not doubt))::int as later,
       extract(epoch from max(now() - due_at) filter (where ready))::float8 as oldest
     from (select lane, channel, n, due_at, doubt, not doubt and coalesce(lease_until >= now(), false) as leased,
         not doubt and due_at <= now() and not coalesce(lease_until >= now(), false) as ready
       from batches where closed_at is null) open
     group by 1, 2 order by 1, 2`,
  )
  const waiting = await db.query<{ lane: number; provider: string; reason: WaitReason | null; n: number; due: Date }>(
    `select lane, provider, waits_for as reason, sum(n)::int as n, min(due_at) as due from batches
     where closed_at is null and not doubt and due_at > now() and (lease_until is null or lease_until < now())
     group by 1, 2, 3 order by 1, 2, 3`,
  )
  const held = await db.query<{ lane: number; reason: string; n: number; due: Date }>(
    `select h.lane, h.reason, sum(h.n)::int as n, min(coalesce(d.due_at, h.due_at)) as due
     from holds h left join digests d on d.id = h.digest_id where h.released_at is null group by 1, 2 order by 1, 2`,
  )
  const expanding = await db.query<{ lane: number; audiences: number; members: number }>(
    // What is in quarantine is not read but for its sample.
    `select lane, count(*)::int as audiences, sum(members)::int as members from expansions
     where done_at is null and (quarantined_at is null or sample_left > 0) group by 1 order by 1`,
  )
  return {
    deliveries: deliveries.map(({ lane, channel, ready, leased, later, doubts, oldest }) => ({
      ...{ lane: lanes[lane]!, channel: channels[channel]!, ready: ready ?? 0, oldestS: Math.round(oldest ?? 0) },
      ...{ leased: leased ?? 0, later: later ?? 0, doubts: doubts ?? 0 },
    })),
    waiting: waiting.map(({ lane, provider, reason, n, due }) => ({
      ...{ lane: lanes[lane]!, provider, reason, deliveries: n, nextDue: due },
    })),
    held: held.map(({ lane, reason, n, due }) => ({ lane: lanes[lane]!, reason, decisions: n, nextDue: due })),
    expanding: expanding.map(row => ({ ...row, lane: lanes[row.lane]! })),
  }
}

/** A batch of which nobody knows whether it was sent, and when it is sent again. */
export type Doubt = Place & { batch: BatchId; provider: string; deliveries: number; resendAt: Date }

/** Open doubts, 100 at most, those that are sent again next first. */
export async function readDoubts(db: Queryable): Promise<Doubt[]> {
  const rows = await db.query<{
    id: BatchId
    lane: number
    channel: number
    provider: string
    n: number
    due_at: Date
  }>(
    `select id, lane, channel, provider, n, due_at from batches where closed_at is null and doubt order by due_at limit 100`,
  )
  return rows.map(({ id, lane, channel, provider, n, due_at }) => ({
    ...{ batch: id, lane: lanes[lane]!, channel: channels[channel]!, provider, deliveries: n, resendAt: due_at },
  }))
}

/** Messages that could not become intents and were not given back, never what they hold: 100 at most, the latest first. */
export type RefusedRow = {
  at: Date
  lane: string
  /** Its id in the topic of the lane. */
  message: string
  /** What it says is kept: it can be admitted again. */
  kept: boolean
  reason: string
  producer: string | null
  type: string | null
  intent: string | null
  problems: string
}

export const listRefused = (db: Queryable): Promise<RefusedRow[]> =>
  db.query<RefusedRow>(
    `select at, lane, message_id as message, message is not null as kept, reason, producer, type, intent_id as intent, problems from refused
     where readmitted_at is null order by at desc limit 100`,
  )

/**
 * Makes one batch, or what waits in a lane, due now and puts it on no queue, so that the reconciler enqueues it at once.
 * What a worker holds stays with it; doubts wait for their receipts. Gives the number of deliveries.
 */
export async function requeueBatches(tx: Queryable, which: { batch: BatchId } | { lane: Lane }): Promise<number> {
  const one = 'batch' in which
  const rows = await tx.query<{ n: number }>(
    `update batches set due_at = least(due_at, now()), enqueued_at = null
     where ${one ? 'day = $1 and id = $2' : 'lane = $1'} and closed_at is null and not doubt
       and (lease_until is null or lease_until < now())
     returning n`,
    one ? [dayOf(which.batch), which.batch] : [laneCode(which.lane)],
  )
  return rows.reduce((sum, row) => sum + row.n, 0)
}
