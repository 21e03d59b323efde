import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import { type BatchId, dayOf } from '#contracts/ids.ts'
import { type Guard, guards } from '#contracts/quarantine.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'
import { laneCode } from './batch.ts'
import type { ReadyBatch } from './set.ts'

/**
 * A job that was added and not claimed in this time may have been lost, with its router or with the queue store. Adding
 * it again is a no-op while it lives.
 */
const patienceMs: Record<Lane, number> = { critical: 3_000, default: 15_000, bulk: 60_000 }

/** Enqueuing everything again after the queue store was wiped, page by page in the order in which batches fell due. */
export type Sweep = {
  /** What was enqueued before this, by the clock of the database, is on no queue any more. */
  wipedAt: Date
  /** Where the next page begins: nothing that fell due earlier is left. */
  dueFrom?: Date
}

export async function startSweep(db: Queryable): Promise<Sweep> {
  const [row] = await db.query<{ now: Date }>('select now() as now')
  return { wipedAt: row!.now }
}

/**
 * Batches to put on their queues: never enqueued, enqueued and not claimed, or with a lapsed lease; in a sweep whatever
 * was enqueued before it. Who marks them and asks again gets the next ones. One lane at a time, so that the index serves.
 */
export async function unqueuedBatches(
  db: Queryable,
  { lane, limit, sweep }: { lane: Lane; limit: number; sweep?: Sweep | undefined },
): Promise<(ReadyBatch & { dueAt: Date })[]> {
  const rows = await db.query<{
    id: BatchId
    channel: number
    attempt: number
    due_at: Date
    provider: string
    n: number
  }>(
    `select id, channel, attempt, due_at, provider, n from batches
     where closed_at is null and lane = $1 and due_at <= now() and due_at >= coalesce($4::timestamptz, '-infinity')
       and not doubt and (lease_until is null or lease_until < now())
       and (enqueued_at is null or enqueued_at < greatest(now() - $2 * interval '1 ms', $5::timestamptz))
     order by due_at limit $3`,
    [laneCode(lane), patienceMs[lane], limit, sweep?.dueFrom ?? null, sweep?.wipedAt ?? null],
  )
  return rows.map(row => ({
    ...{ id: row.id, lane, channel: channels[row.channel]!, attempt: row.attempt, dueAt: row.due_at },
    ...{ provider: row.provider, size: row.n },
  }))
}

/** Remembers that jobs for these batches are about to be added; before they are, so that no worker meets the lock. */
export async function markEnqueued(db: Queryable, batches: readonly ReadyBatch[]): Promise<void> {
  await setEnqueued(db, batches, 'now()')
}

/** Jobs for these batches could not be added: the reconciler's next turn does it. */
export async function unmarkEnqueued(db: Queryable, batches: readonly ReadyBatch[]): Promise<void> {
  await setEnqueued(db, batches, 'null')
}

async function setEnqueued(db: Queryable, batches: readonly ReadyBatch[], value: 'now()' | 'null'): Promise<void> {
  if (batches.length === 0) return
  await db.query(
    `update batches b set enqueued_at = ${value} from unnest($1::uuid[], $2::date[]) as u(id, day) where b.day = u.day and b.id = u.id`,
    [plainArray(batches.map(batch => batch.id)), plainArray(batches.map(batch => dayOf(batch.id)))],
  )
}

/** What operators and readiness watch; the truth about liveness is here, not in the queue store. */
export type LedgerState = {
  /** `working`: a worker has claimed a batch of this lane and channel and holds it. */
  ready: { lane: Lane; channel: Channel; batches: number; oldestAgeMs: number; working: boolean }[]
  openBatches: number
  leasesLapsed: number
  doubtsOpen: number
  holdsOpen: number
  holdsOverdue: number
  expansionsOpen: number
  /** Intents in quarantine, by the guard that holds them: every guard has a number. */
  quarantined: { guard: Guard; intents: number }[]
  outbox: number
  /** Event packs that Pub/Sub refuses, kept in the outbox. */
  outboxRefused: number
}

export async function ledgerState(db: Queryable): Promise<LedgerState> {
  const ready = await db.query<{ lane: number; channel: number; batches: string; age: string; working: boolean }>(
    `select lane, channel, count(*) filter (where not leased) as batches, bool_or(leased) as working,
       extract(epoch from max(now() - due_at) filter (where not leased)) * 1000 as age
     from (select lane, channel, due_at, coalesce(lease_until >= now(), false) as leased from batches
       where closed_at is null and not doubt and due_at <= now()) due
     group by 1, 2 having count(*) filter (where not leased) > 0`,
  )
  const [rest] = await db.query<
    Record<
      'open' | 'lapsed' | 'doubts' | 'holds' | 'overdue' | 'expansions' | 'outbox' | 'packs_refused' | Guard,
      string
    >
  >(
    `select (select count(*) from batches where closed_at is null) as open,
       (select count(*) from batches where closed_at is null and lease_until < now()) as lapsed,
       (select coalesce(sum(n), 0) from batches where closed_at is null and doubt) as doubts,
       (select coalesce(sum(n), 0) from holds where released_at is null) as holds,
       (select coalesce(sum(h.n), 0) from holds h left join digests d on d.id = h.digest_id
         where h.released_at is null and coalesce(d.due_at, h.due_at) < now() - interval '1 minute') as overdue,
       (select count(*) from expansions where done_at is null) as expansions,
       (select count(*) from quarantines where ended_at is null and guard = 'recipients') as recipients,
       (select count(*) from quarantines where ended_at is null and guard = 'volume') as volume,
       (select count(*) from quarantines where ended_at is null and guard = 'members') as members,
       (select count(*) from outbox where refused is null) as outbox,
       (select count(*) from outbox where refused is not null) as packs_refused`,
  )
  return {
    ready: ready.map(row => ({
      ...{ lane: lanes[row.lane]!, channel: channels[row.channel]! },
      ...{ batches: Number(row.batches), oldestAgeMs: Number(row.age), working: row.working },
    })),
    openBatches: Number(rest!.open),
    leasesLapsed: Number(rest!.lapsed),
    doubtsOpen: Number(rest!.doubts),
    holdsOpen: Number(rest!.holds),
    holdsOverdue: Number(rest!.overdue),
    expansionsOpen: Number(rest!.expansions),
    quarantined: guards.map(guard => ({ guard, intents: Number(rest![guard]) })),
    outbox: Number(rest!.outbox),
    outboxRefused: Number(rest!.packs_refused),
  }
}

/** True when nothing is on its way: every delivery closed, no hold, no expansion, no event to be published. */
export const isSettled = (state: LedgerState): boolean =>
  state.openBatches + state.holdsOpen + state.expansionsOpen + state.outbox === 0
