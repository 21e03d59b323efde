import type { EpochMs } from '#contracts/ids.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'

/**
 * How many days batches, sets and all that hangs on them are kept, and how many days keys: for longer than Pub/Sub can
 * redeliver, and than the ledger, so that a key that is used again meets nothing of its former use.
 */
export const keptDays = { ledger: 34, keys: 35 } as const

/**
 * Forgets keys that are older than Pub/Sub can redeliver, in small steps, but not while the ledger knows of work on their
 * intents that came later: its audience, a page of it, what was held. True when there is more to do.
 */
export function purgeAdmitted(db: Queryable, { before }: { before: EpochMs }): Promise<boolean> {
  return purgeStep(
    db,
    `delete from admitted where id in (
       select a.id from admitted a where a.set_id < $1
         and not exists (select from expansions x where x.intent_id = a.id)
         and not exists (select from intent_sets i where i.intent_id = a.id)
         and a.id not in (select unnest(intents) from holds where released_at is null)
       limit $2)`,
    [firstIdOf(before)],
  )
}

/** Forgets tombstones that have outlived the keys of what they are for, in small steps. True when there is more to do. */
export function purgeRetractions(db: Queryable, { before }: { before: EpochMs }): Promise<boolean> {
  return purgeStep(
    db,
    `delete from retractions where id in (select id from retractions where at < to_timestamp($1 / 1000.0) limit $2)`,
    [before],
  )
}

/**
 * Forgets what was done with before the partitions that are kept begin, in small steps: holds that were released, digests that
 * were told, audiences that were read, links to sets that are gone; and messages that were refused, before `refusedBefore`. What still waits
 * stays. True when there is more to do.
 */
export async function purgeDone(
  db: Queryable,
  { before, refusedBefore }: { before: EpochMs; refusedBefore: EpochMs },
): Promise<boolean> {
  const first = firstIdOf(before)
  const more = [
    await purgeStep(
      db,
      `delete from holds where id in (select id from holds where id < $1 and released_by < $1 order by id limit $2)`,
      [first],
    ),
    await purgeStep(
      db,
      `delete from digests where id in (
      select id from digests where id < $1 and closed_by < $1 limit $2)`,
      [first],
    ),
    await purgeStep(
      db,
      `delete from expansions where intent_id in (
      select intent_id from expansions where set_id < $1 and done_at < to_timestamp($3 / 1000.0) limit $2)`,
      [first, before],
    ),
    await purgeStep(
      db,
      `delete from quarantines where intent_id in (
      select intent_id from quarantines where ended_at < to_timestamp($1 / 1000.0) limit $2)`,
      [before],
    ),
    await purgeStep(
      db,
      `delete from intent_sets where (intent_id, set_id) in (select intent_id, set_id from intent_sets where set_id < $1 limit $2)`,
      [first],
    ),
    await purgeStep(
      db,
      `delete from refused where (lane, message_id) in (
      select lane, message_id from refused where at < to_timestamp($1 / 1000.0) and (reason <> 'parked' or readmitted_at is not null) limit $2)`,
      [refusedBefore],
    ),
  ]
  return more.includes(true)
}

/** Forgets how much there was in periods that nobody compares with any more. True when there is more to do. */
export function purgeVolumes(db: Queryable, { before }: { before: EpochMs }): Promise<boolean> {
  return purgeStep(
    db,
    `delete from volumes where ctid in (select ctid from volumes where period < to_timestamp($1 / 1000.0) limit $2)`,
    [before],
  )
}

/** Forgets what was reported of attempts, in small steps. True when there is more to do. */
export function purgeStandings(db: Queryable, { before }: { before: EpochMs }): Promise<boolean> {
  return purgeStep(
    db,
    `delete from standings where ctid in (select ctid from standings where at < to_timestamp($1 / 1000.0) limit $2)`,
    [before],
  )
}

/** The least UUIDv7 of a time: its first 48 bits are the milliseconds. */
const firstIdOf = (at: EpochMs): string =>
  `${at
    .toString(16)
    .padStart(12, '0')
    .replace(/^(.{8})/, '$1-')}-7000-8000-000000000000`
