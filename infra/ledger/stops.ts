import { type ResumePolicy, type Stop, stopLabel, type StopScope } from '#contracts/stop.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { type Queryable, textArray } from '#runtime/postgres.ts'

/** A stop as operators see it. */
export type StopRecord = Stop & { who: string; why: string; since: Date; endedAt?: Date; endedBy?: string }

/**
 * The open stops as one value of a statement that is made anyway (`parseStops` reads it): read in the claim's own
 * statement, a stop is in force for every claim that begins after it is stored. Null, which costs least, when none is open.
 */
export const openStopsSql = `(select json_agg(json_build_object('id', id::text, 'scope', scope, 'name', name, 'resume', resume) order by id)::text
  from stops where ended_at is null)`
export const parseStops = (text: string | null | undefined): readonly Stop[] =>
  text ? (JSON.parse(text) as Stop[]) : none
const none: readonly Stop[] = []

/** The open stops in a statement of their own. */
export async function readStops(db: Queryable): Promise<readonly Stop[]> {
  const [row] = await db.query<{ stops: string | null }>(`select ${openStopsSql} as stops`)
  return parseStops(row!.stops)
}

/** Stores a stop; in force from its commit. Where one is open for the same it has this policy from now on. Gives its id. */
export async function openStop(
  tx: Queryable,
  stop: { scope: StopScope; name: string; resume: ResumePolicy; who: string; why: string },
): Promise<string> {
  const [row] = await tx.query<{ id: string }>(
    `insert into stops (scope, name, resume, who, why) values ($1, $2, $3, $4, $5)
     on conflict (scope, name) where ended_at is null
     do update set resume = excluded.resume, who = excluded.who, why = excluded.why, freed = false,
       since = case stops.resume when excluded.resume then stops.since else now() end
     returning id::text`,
    [stop.scope, stop.name, stop.resume, stop.who, stop.why],
  )
  return row!.id
}

/** Ends a stop. Undefined when there is no open stop of this id. What it held is brought forward by `freeStopped`. */
export async function endStop(tx: Queryable, { id, who }: { id: string; who: string }): Promise<Stop | undefined> {
  const [row] = await tx.query<Stop>(
    `update stops set ended_at = now(), ended_by = $2, freed = false where id = $1 and ended_at is null
     returning id::text, scope, name, resume`,
    [id, who],
  )
  return row
}

/** Open stops, the latest first; with `all` also those that were ended, 100 at most. */
export async function listStops(db: Queryable, { all = false }: { all?: boolean } = {}): Promise<StopRecord[]> {
  const rows = await db.query<StopRecord & { ended_at: Date | null; ended_by: string | null }>(
    `select id::text, scope, name, resume, who, why, since, ended_at, ended_by from stops
     where $1 or ended_at is null order by stops.id desc limit 100`,
    [all],
  )
  return rows.map(({ ended_at, ended_by, ...stop }) => ({
    ...stop,
    ...(ended_at && { endedAt: ended_at }),
    ...(ended_by !== null && { endedBy: ended_by }),
  }))
}

/** Decisions a second that come forward when a stop ends: those it held must not wake as one herd. */
const freedPerSecond = 5_000
/** A transaction that still saw the stop has ended by then: what it held is found by a later turn. */
const settledAfterS = 300
const farAheadMs = 3_600_000

/**
 * Brings forward what stops have held that were ended, or drop by now, spread over time, in the order in which it was held. Every scheduler may call
 * it at any time: what came forward before stays where it is. Gives the number of holds.
 */
export async function freeStopped(db: Queryable, { now }: { now: EpochMs }): Promise<number> {
  const over = await db.query<Pick<Stop, 'scope' | 'name'> & { id: string; settled: boolean }>(
    // What is stopped again would be held again at once, and come forward at the next turn: its end will free it.
    `select id::text, scope, name, coalesce(ended_at, since) < now() - $1 * interval '1 s' as settled from stops s
     where (ended_at is not null or resume = 'drop') and not freed
       and not exists (select from stops o where o.scope = s.scope and o.name = s.name and o.ended_at is null and o.resume <> 'drop')`,
    [settledAfterS],
  )
  if (over.length === 0) return 0
  await setTold(db, { now })
  const freed = await db.query(
    `with mine as (
       select id, sum(n) over (partition by lane order by id) - n as ahead from holds
       where released_at is null and due_at > to_timestamp(($1::float8 + $3::float8) / 1000) and reason in ('stopped', 'stopped_late')
         and ${stoppedBy('any($2::text[])')})
     update holds h set due_at = to_timestamp($1::float8 / 1000 + mine.ahead / $4::float8) from mine
     where h.id = mine.id and h.released_at is null and h.due_at > to_timestamp(($1::float8 + $3::float8) / 1000) returning 1`,
    [now, over.map(stopLabel), farAheadMs, freedPerSecond],
  )
  const settled = over.filter(stop => stop.settled).map(stop => stop.id)
  if (settled.length > 0) await db.query(`update stops set freed = true where id = any($1::bigint[])`, [settled])
  return freed.length
}

const stoppedBy = (labels: string): string =>
  `exists (select from json_array_elements(whys::json -> 'values') w where w ->> 'rule' = 'stopped' and w ->> 'value' = ${labels})`

/** Longer than holds need that are due to be decided again. */
const joinMs = 60_000

/** When everything has come forward that an ended stop held: then it is told, where that is told together. */
async function setTold(db: Queryable, { now }: { now: EpochMs }): Promise<void> {
  await db.query(
    `update stops s set told_at = to_timestamp(($1::float8 + $2::float8) / 1000 + (
       select coalesce(sum(n), 0) from holds where released_at is null and reason in ('stopped', 'stopped_late')
         and ${stoppedBy(`s.scope || ' ' || s.name`)})::float8 / $3::float8)
     where ended_at is not null and resume = 'digest' and told_at is null`,
    [now, joinMs, freedPerSecond],
  )
}

/** A stop that has ended, whose holds are told together: not before `toldAt`. */
export type ToldTogether = { id: string; toldAt: EpochMs }

/** Of stops by label, those whose latest end told what they held together. */
export async function toldTogether(
  db: Queryable,
  labels: readonly string[],
): Promise<ReadonlyMap<string, ToldTogether>> {
  const rows = await db.query<{ label: string; id: string; resume: ResumePolicy; told_at: Date | null }>(
    `select distinct on (scope, name) scope || ' ' || name as label, id::text, resume, told_at from stops
     where ended_at is not null and scope || ' ' || name = any($1::text[]) order by scope, name, stops.id desc`,
    [textArray(labels)],
  )
  return new Map(
    rows
      .filter(row => row.resume === 'digest')
      .map(({ label, id, told_at: at }) => [label, { id, toldAt: at?.getTime() ?? 0 }]),
  )
}
