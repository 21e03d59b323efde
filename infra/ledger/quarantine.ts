import type { EpochMs, IntentId } from '#contracts/ids.ts'
import type { Guard, Quarantine } from '#contracts/quarantine.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'

/** `recipients`: people that it names and members of its audiences, as far as they were counted (`more`: there are more). */
export type NewQuarantine = {
  intent: IntentId
  type: string
  producer: string
  recipients: number
  more: boolean
  guard: Guard
  /** How many its type allows, or how many of its kind there may be in ten minutes. */
  most: number
  /** How many there would have been with it in those ten minutes. 0 for `recipients`. */
  volume: number
}

export type QuarantineRecord = NewQuarantine & {
  since: Date
  approvedBy?: string
  /** Named people whom a sample let pass. */
  sampled: number
}

/** Puts intents in quarantine, in the transaction that admits or holds them. What it holds leaves by the functions below alone. */
export async function openQuarantines(tx: Queryable, quarantines: readonly NewQuarantine[]): Promise<void> {
  if (quarantines.length === 0) return
  await tx.query(
    `insert into quarantines (intent_id, type, producer, recipients, more, guard, most, volume)
     select * from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::boolean[], $6::text[], $7::int[], $8::bigint[])`,
    [
      plainArray(quarantines.map(one => one.intent)),
      textArray(quarantines.map(one => one.type)),
      textArray(quarantines.map(one => one.producer)),
      plainArray(quarantines.map(one => one.recipients)),
      plainArray(quarantines.map(one => String(one.more))),
      plainArray(quarantines.map(one => one.guard)),
      plainArray(quarantines.map(one => one.most)),
      plainArray(quarantines.map(one => one.volume)),
    ],
  )
}

/**
 * What is known of the quarantines of intents whose holds are decided again, in that transaction. An operator who acts
 * on one waits for its end, and finds what it held anew. One that was released is not in it.
 */
export async function quarantinesOf(
  tx: Queryable,
  intents: readonly IntentId[],
): Promise<ReadonlyMap<IntentId, Quarantine>> {
  const rows = await tx.query<{
    intent_id: IntentId
    guard: Guard
    most: number
    sample: string[]
    ended_how: string | null
  }>(
    `select intent_id, guard, most, sample, ended_how from quarantines where intent_id = any($1::uuid[]) order by intent_id for share`,
    [plainArray(intents)],
  )
  return new Map(
    rows.flatMap(({ intent_id: id, guard, most, sample, ended_how: how }): [IntentId, Quarantine][] => {
      if (how === 'released') return []
      return [[id, how === null ? { state: 'open', guard, most, sample } : { state: 'discarded' }]]
    }),
  )
}

/** Open quarantines, the oldest first, 1,000 at most. */
export async function listQuarantines(db: Queryable): Promise<QuarantineRecord[]> {
  const rows = await db.query<QuarantineRow>(
    `select ${columns} from quarantines where ended_at is null order by since, intent_id limit 1000`,
  )
  return rows.map(recordOf)
}

/** The open quarantine of an intent, for an operator who is about to act on it: others wait. Undefined: it is in none. */
export async function lockQuarantine(tx: Queryable, intent: IntentId): Promise<QuarantineRecord | undefined> {
  const [row] = await tx.query<QuarantineRow>(
    `select ${columns} from quarantines where intent_id = $1 and ended_at is null for update`,
    [intent],
  )
  return row && recordOf(row)
}

/** Intents of a type and producer that the guard by volume holds. */
export type Blasted = Pick<NewQuarantine, 'type' | 'producer'>

const blasted = `ended_at is null and guard = 'volume' and type = $1 and producer = $2`

/** How many are held of one type and producer, and how many of them somebody else than `who` has approved. */
export async function countBlasted(
  db: Queryable,
  { type, producer }: Blasted,
  who: string,
): Promise<{ intents: number; approved: number; recipients: number; more: boolean }> {
  const [found] = await db.query<{ intents: number; approved: number; recipients: number; more: boolean }>(
    `select count(*)::int as intents, (count(*) filter (where approved_by <> $3))::int as approved,
       coalesce(sum(recipients), 0)::float8 as recipients, coalesce(bool_or(more), false) as more from quarantines where ${blasted}`,
    [type, producer, who],
  )
  return found!
}

/** Some of one type and producer, for an operator who is about to act on them: others wait. `approvedFor`: only what somebody else than they has approved. */
export async function lockBlasted(
  tx: Queryable,
  { type, producer }: Blasted,
  { limit, approvedFor }: { limit: number; approvedFor?: string },
): Promise<QuarantineRecord[]> {
  const rows = await tx.query<QuarantineRow>(
    `select ${columns} from quarantines where ${blasted} and ($3::text is null or approved_by <> $3)
     order by intent_id limit $4 for update`,
    [type, producer, approvedFor ?? null, limit],
  )
  return rows.map(recordOf)
}

/** Remembers who has approved what is done next with all of one type and producer that is held by now. Gives how many. */
export async function approveBlasted(tx: Queryable, { type, producer }: Blasted, by: string): Promise<number> {
  const [row] = await tx.query<{ n: number }>(
    `with held as materialized (select intent_id from quarantines where ${blasted} order by intent_id for update),
     approved as (update quarantines q set approved_by = $3 from held where q.intent_id = held.intent_id returning 1)
     select count(*)::int as n from approved`,
    [type, producer, by],
  )
  return row!.n
}

/** How much the guard by volume holds, by type and producer. */
export type BlastRecord = Blasted &
  Pick<NewQuarantine, 'recipients' | 'most' | 'volume'> & { intents: number; since: Date }

export const listBlasts = (db: Queryable): Promise<BlastRecord[]> =>
  db.query<BlastRecord>(
    `select type, producer, count(*)::int as intents, sum(recipients)::float8 as recipients, max(volume)::float8 as volume,
       max(most) as most, min(since) as since
     from quarantines where ended_at is null and guard = 'volume' group by 1, 2 order by since`,
  )

const columns =
  'intent_id, type, producer, recipients, more, guard, most, volume::float8 as volume, since, approved_by, cardinality(sample) as sampled'
type QuarantineRow = Omit<QuarantineRecord, 'intent' | 'approvedBy'> & {
  intent_id: IntentId
  approved_by: string | null
}
const recordOf = ({ intent_id: intent, approved_by: by, ...rest }: QuarantineRow): QuarantineRecord => ({
  ...{ intent, ...rest },
  ...(by !== null && { approvedBy: by }),
})

/** Remembers who has approved what is done next with it. */
export async function approveQuarantine(
  tx: Queryable,
  { intent, by }: { intent: IntentId; by: string },
): Promise<void> {
  await tx.query(`update quarantines set approved_by = $2 where intent_id = $1`, [intent, by])
}

type Ending = { intents: readonly IntentId[]; who: string; now: EpochMs }

/** They go on as if they had just come: what is held is decided again now, their audiences are read. */
export async function releaseQuarantine(tx: Queryable, ending: Ending): Promise<void> {
  await end(tx, ending, 'released')
  await tx.query(
    `update expansions set quarantined_at = null, sample_left = 0, due_at = to_timestamp($2 / 1000.0) where intent_id = any($1::uuid[]) and done_at is null`,
    [plainArray(ending.intents), ending.now],
  )
}

/** Nobody is told any more: what is held ends at once, their audiences are never read. */
export async function discardQuarantine(tx: Queryable, ending: Ending): Promise<void> {
  await end(tx, ending, 'discarded')
  await tx.query(
    `update expansions set done_at = to_timestamp($2 / 1000.0), payload = '{}' where intent_id = any($1::uuid[]) and done_at is null`,
    [plainArray(ending.intents), ending.now],
  )
}

async function end(tx: Queryable, { intents, who, now }: Ending, how: 'released' | 'discarded'): Promise<void> {
  await tx.query(
    `update quarantines set ended_at = to_timestamp($2 / 1000.0), ended_by = $3, ended_how = $4 where intent_id = any($1::uuid[])`,
    [plainArray(intents), now, who, how],
  )
  await bringForward(tx, { intents, now })
}

/**
 * Lets so many more people pass, first those whom the intent names, by their ids, then members of its audiences; the
 * rest waits on. Uses up the approval. Gives how many named people pass.
 */
export async function sampleQuarantine(
  tx: Queryable,
  { intent, n, now }: { intent: IntentId; n: number; now: EpochMs },
): Promise<number> {
  const named = await tx.query<{ recipient: string }>(
    `select distinct recipient from held
     where set_id in (select set_id from admitted where id = $1 union select set_id from intent_sets where intent_id = $1)
       and intent_id = $1 and released_at is null and reason = 'quarantine' and not exists (select from quarantines q where q.intent_id = $1 and held.recipient = any(q.sample))
     order by recipient limit $2`,
    [intent, n],
  )
  const sample = named.map(row => row.recipient)
  await tx.query(`update quarantines set sample = sample || $2::text[], approved_by = null where intent_id = $1`, [
    intent,
    sample,
  ])
  await bringForward(tx, { intents: [intent], now })
  await tx.query(
    `update expansions set sample_left = sample_left + $2, due_at = to_timestamp($3 / 1000.0) where intent_id = $1 and done_at is null`,
    [intent, n - sample.length, now],
  )
  return sample.length
}

async function bringForward(
  tx: Queryable,
  { intents, now }: { intents: readonly IntentId[]; now: EpochMs },
): Promise<void> {
  await tx.query(
    // One that is being decided waits for this transaction before it asks for the quarantine: it needs nothing. Of very many
    // intents `&&` would compare each hold with each.
    `with asked as materialized (select unnest($1::uuid[]) as id),
     sets as (
       select set_id from admitted join asked using (id) union select set_id from intent_sets join asked on intent_id = asked.id),
     theirs as materialized (
       select distinct h.id from holds h join sets using (set_id) cross join lateral unnest(h.intents) as i(id) join asked on asked.id = i.id
       where h.released_at is null and h.reason = 'quarantine'),
     waiting as materialized (
       select id from holds where id in (select id from theirs) and released_at is null for update skip locked)
     update holds h set due_at = to_timestamp($2 / 1000.0) from waiting where h.id = waiting.id`,
    [plainArray(intents), now],
  )
}
