import type { EpochMs, IntentId } from '#contracts/ids.ts'
import type { Quarantine } from '#contracts/quarantine.ts'
import { plainArray, type Queryable } from '#runtime/postgres.ts'

/** `recipients`: people that it names and members of its audiences, as far as they were counted (`more`: there are more). */
export type NewQuarantine = {
  intent: IntentId
  type: string
  producer: string
  recipients: number
  more: boolean
  /** How many its type allows. */
  most: number
}

export type QuarantineRecord = NewQuarantine & {
  since: Date
  approvedBy?: string
  /** Named people whom a sample let pass. */
  sampled: number
}

/** Puts intents in quarantine, in the transaction that admits them. Nothing of them leaves but by the functions below. */
export async function openQuarantines(tx: Queryable, quarantines: readonly NewQuarantine[]): Promise<void> {
  for (const one of quarantines)
    await tx.query(
      `insert into quarantines (intent_id, type, producer, recipients, more, most) values ($1, $2, $3, $4, $5, $6)`,
      [one.intent, one.type, one.producer, one.recipients, one.more, one.most],
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
  const rows = await tx.query<{ intent_id: IntentId; most: number; sample: string[]; ended_how: string | null }>(
    `select intent_id, most, sample, ended_how from quarantines where intent_id = any($1::uuid[]) order by intent_id for share`,
    [plainArray(intents)],
  )
  return new Map(
    rows.flatMap(({ intent_id: id, most, sample, ended_how: how }): [IntentId, Quarantine][] => {
      if (how === 'released') return []
      return [[id, how === null ? { state: 'open', most, sample } : { state: 'discarded' }]]
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

const columns = 'intent_id, type, producer, recipients, more, most, since, approved_by, cardinality(sample) as sampled'
type QuarantineRow = Omit<QuarantineRecord, 'intent' | 'approvedBy'> & {
  intent_id: IntentId
  approved_by: string | null
}
const recordOf = ({ intent_id: intent, approved_by: by, ...rest }: QuarantineRow): QuarantineRecord => ({
  ...{ intent, ...rest },
  ...(by !== null && { approvedBy: by }),
})

/** Remembers who has approved what is done next. */
export async function approveQuarantine(
  tx: Queryable,
  { intent, by }: { intent: IntentId; by: string },
): Promise<void> {
  await tx.query(`update quarantines set approved_by = $2 where intent_id = $1`, [intent, by])
}

type Ending = { intent: IntentId; who: string; now: EpochMs }

/** It goes on as if it had just come: what is held is decided again now, its audience is read. */
export async function releaseQuarantine(tx: Queryable, ending: Ending): Promise<void> {
  await end(tx, ending, 'released')
  await tx.query(
    `update expansions set quarantined_at = null, sample_left = 0, due_at = to_timestamp($2 / 1000.0) where intent_id = $1 and done_at is null`,
    [ending.intent, ending.now],
  )
}

/** Nobody is told any more: what is held ends at once, its audience is never read. */
export async function discardQuarantine(tx: Queryable, ending: Ending): Promise<void> {
  await end(tx, ending, 'discarded')
  await tx.query(
    `update expansions set done_at = to_timestamp($2 / 1000.0), payload = '{}' where intent_id = $1 and done_at is null`,
    [ending.intent, ending.now],
  )
}

async function end(tx: Queryable, { intent, who, now }: Ending, how: 'released' | 'discarded'): Promise<void> {
  await tx.query(
    `update quarantines set ended_at = to_timestamp($2 / 1000.0), ended_by = $3, ended_how = $4 where intent_id = $1`,
    [intent, now, who, how],
  )
  await bringForward(tx, { intent, now })
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
  await bringForward(tx, { intent, now })
  await tx.query(
    `update expansions set sample_left = sample_left + $2, due_at = to_timestamp($3 / 1000.0) where intent_id = $1 and done_at is null`,
    [intent, n - sample.length, now],
  )
  return sample.length
}

async function bringForward(tx: Queryable, { intent, now }: { intent: IntentId; now: EpochMs }): Promise<void> {
  await tx.query(
    // One that is being decided waits for this transaction before it asks for the quarantine: it needs nothing.
    `update holds h set due_at = to_timestamp($2 / 1000.0) from (
       select id from holds where released_at is null and reason = 'quarantine' and $1::uuid = any(intents)
         and set_id in (select set_id from admitted where id = $1 union select set_id from intent_sets where intent_id = $1)
       for update skip locked) waiting
     where h.id = waiting.id`,
    [intent, now],
  )
}
