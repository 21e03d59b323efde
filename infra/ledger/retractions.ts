import { type DeliveryId, deliveryId, type EpochMs, type IntentId, type RecipientId } from '#contracts/ids.ts'
import { outcomeCode } from '#contracts/outcome.ts'
import type { Retracted, Tombstone, Tombstones } from '#contracts/retraction.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'
import { channelCode } from './batch.ts'

/**
 * Says for good (35 days) that an intent is taken back, whether it has come by now or not. To be committed before
 * anything is counted: whoever claims after that commit sees it (law 4). Said again it stands for 35 days more.
 */
export async function placeTombstone(db: Queryable, id: IntentId): Promise<void> {
  await db.query(
    `insert into retractions as r (id, kind, follow_up_at) values ($1, 'retracted', now() + $2 * interval '1 ms')
     on conflict (id) do update set kind = excluded.kind, successor = null, occurred_until = null, at = excluded.at,
       follow_up_at = excluded.follow_up_at, xid = case r.kind when excluded.kind then r.xid else excluded.xid end`,
    [id, followUp.firstMs],
  )
}

export type Superseding = { id: IntentId; by: IntentId; until: EpochMs }

/**
 * Says that later intents took the place of earlier ones, in the transaction that admits the later. What was retracted
 * stays so; of several successors the one that happened last counts. Sorted, because unsorted inserts deadlock.
 */
export async function supersede(tx: Queryable, superseding: readonly Superseding[]): Promise<void> {
  const last = new Map<IntentId, Superseding>()
  for (const one of superseding) {
    const before = last.get(one.id)
    if (before === undefined || before.until < one.until) last.set(one.id, one)
  }
  const those = [...last.values()]
  await tx.query(
    `insert into retractions as r (id, kind, successor, occurred_until, follow_up_at)
     select id, 'superseded', successor, to_timestamp(until / 1000.0), now()
     from unnest($1::uuid[], $2::uuid[], $3::float8[]) as u(id, successor, until) order by id
     on conflict (id) do update set successor = excluded.successor, occurred_until = excluded.occurred_until,
       at = excluded.at, xid = excluded.xid, follow_up_at = excluded.follow_up_at
     where r.kind = 'superseded' and r.occurred_until < excluded.occurred_until`,
    [
      plainArray(those.map(one => one.id)),
      plainArray(those.map(one => one.by)),
      plainArray(those.map(one => one.until)),
    ],
  )
}

/** For the select list of a statement that works on intents: their tombstones in its own snapshot. `ids` is SQL. */
export const tombstonesAmong = (ids: string): string =>
  `(select json_agg(json_build_object('id', r.id, 'kind', r.kind, 'by', r.successor,
     'until', round(extract(epoch from r.occurred_until) * 1000))) from retractions r where r.id = any(${ids})) as tombstones`

export type TombstonesColumn = { id: IntentId; kind: Tombstone['kind']; by: IntentId; until: EpochMs }[] | null
export const tombstonesIn = (column: TombstonesColumn): Tombstones =>
  column
    ? new Map(column.map(({ id, kind, by, until }) => [id, kind === 'retracted' ? { kind } : { kind, by, until }]))
    : none
const none: Tombstones = new Map()

/**
 * Releases the holds of these intents now: what is retracted must not keep its data until it would have been due. What
 * waits beside it in the same rows is held again, until when it was. One that somebody is working on is left alone, and
 * what waits in a digest drops out of it when that is told.
 */
export async function hastenHolds(
  tx: Queryable,
  { ids, now }: { ids: readonly IntentId[]; now: EpochMs },
): Promise<void> {
  await tx.query(
    `update holds h set until = coalesce(until, due_at), due_at = to_timestamp($2 / 1000.0)
     from (
       select id from holds
       where released_at is null and digest_id is null and due_at > to_timestamp($2 / 1000.0) and intents && $1::uuid[] and set_id in (
         select set_id from admitted where id = any($1::uuid[]) union select set_id from intent_sets where intent_id = any($1::uuid[]))
       for update skip locked) waiting
     where h.id = waiting.id`,
    [plainArray(ids), now],
  )
}

/**
 * What becomes of an intent with a tombstone that is committed. Waits for claims and records of its batches that are
 * under way, so that nothing that counts as cancelled is sent.
 */
export async function countRetracted(tx: Queryable, id: IntentId): Promise<Retracted> {
  await tx.query(
    `select from batches where closed_at is null and $1::uuid = any(intents) and set_id in (${setsOfIntent}) for share`,
    [id],
  )
  const [found] = await tx.query<Retracted>(
    `with slots as (
       select s.outcome, b.doubt or b.maybe_sent or b.lease_until is not null as taken
       from batches b cross join lateral unnest(b.recipients, b.picks, b.outcomes) as s(recipient, pick, outcome)
       where b.set_id in (${setsOfIntent}) and b.intents[coalesce(s.pick, 0) + 1] = $1),
     waiting as (
       select count(*)::int as n from held where set_id in (${setsOfIntent}) and intent_id = $1 and released_at is null),
     tombstone as (select seen from retractions where id = $1)
     select seen, greatest(0, delivered - seen) as removed, ended + n as cancelled, gone as "tooLate",
       exists (select from expansions where intent_id = $1 and done_at is null) as expanding
     from waiting, tombstone, (
       select (count(*) filter (where outcome = ${outcomeCode('delivered')}))::int as delivered,
         (count(*) filter (where outcome in (${outcomeCode('sent')}, ${outcomeCode('in_doubt')}, ${outcomeCode('digested')}) or outcome is null and taken))::int as gone,
         (count(*) filter (where outcome in (${outcomeCode('retracted')}, ${outcomeCode('superseded')}) or outcome is null and not taken))::int as ended
       from slots) as counts`,
    [id],
  )
  return found!
}

const setsOfIntent = `select set_id from admitted where id = $1 union select set_id from intent_sets where intent_id = $1`

/** Of the inbox deliveries of an intent that may be in an inbox, pages of those that its sets decided together. */
export async function* inboxDeliveries(db: Queryable, intent: IntentId): AsyncGenerator<DeliveryId[]> {
  const sets = await db.query<{ set_id: string }>(setsOfIntent, [intent])
  for (let at = 0; at < sets.length; at += setsAtOnce) {
    const slots = await db.query<{ recipient: RecipientId; endpoint: string }>(
      `select recipient, endpoint from deliveries
       where set_id = any($2::uuid[]) and intent_id = $1 and channel = ${channelCode('in_app')} and endpoint <> ''`,
      [intent, plainArray(sets.slice(at, at + setsAtOnce).map(set => set.set_id))],
    )
    yield slots.map(slot => deliveryId({ intent, ...slot }))
  }
}
const setsAtOnce = 20

/** Makes others who work on this tombstone wait for the end of the transaction. */
export async function lockTombstone(tx: Queryable, id: IntentId): Promise<void> {
  await tx.query(`select from retractions where id = $1 for update`, [id])
}

/** Remembers how many removed items had been seen: asked again, the answer is the same. */
export async function addSeen(tx: Queryable, { id, seen }: { id: IntentId; seen: number }): Promise<void> {
  await tx.query(`update retractions set seen = seen + $2 where id = $1`, [id, seen])
}

/** A tombstone, of when it was placed, whose intent is looked at again. */
export type FollowUp = { id: IntentId; until?: EpochMs; isLast: boolean; placedAt: string }

/**
 * Tombstones whose intents are to be looked at again: what was being written while they were placed did not see them.
 * Twice each, the second time when no transaction of then can be open any more. Other processes take others; those of one
 * that is lost come again.
 */
export async function takeFollowUps(db: Queryable, { limit }: { limit: number }): Promise<FollowUp[]> {
  const rows = await db.query<Omit<FollowUp, 'until'> & { occurred_until: Date | null }>(
    `update retractions r set follow_up_at = now() + $2 * interval '1 ms'
     from (select id, follow_up_at from retractions where follow_up_at <= now() order by follow_up_at limit $1 for update skip locked) due
     where r.id = due.id returning r.id, r.occurred_until, due.follow_up_at >= r.at + $3 * interval '1 ms' as "isLast",
       r.at::text as "placedAt"`,
    [limit, followUp.leaseMs, followUp.lastMs],
  )
  return rows.map(({ occurred_until: until, ...row }) => ({ ...row, ...(until && { until: until.getTime() }) }))
}

/**
 * Says that one was looked at, by whoever is done first where it took longer than one process may have it; when it was placed
 * anew meanwhile, it is looked at again as that says.
 */
export async function endFollowUp(db: Queryable, { id, isLast, placedAt }: FollowUp): Promise<void> {
  await db.query(
    `update retractions set follow_up_at = case when not $3::bool then at + $4 * interval '1 ms' end
     where id = $1 and at = $2::timestamptz`,
    [id, placedAt, isLast, followUp.lastMs],
  )
}

/** After the tombstone. The last is later than any statement or idle transaction may take, twice over. */
const followUp = { firstMs: 1_000, lastMs: 60_000, leaseMs: 60_000 }
