import type { EpochMs } from '#contracts/ids.ts'
import { plainArray, type Queryable, textArray } from '#runtime/postgres.ts'

/** Volumes are counted in periods of this length. */
export const volumePeriodMs = 600_000
/** What is usual is told by as many days. */
export const volumeDays = 14

/** Recipients that were stated in a period, by what became of their intents. `period` is when it began. */
export type VolumeCount = { period: EpochMs; type: string; producer: string; passed: number; held: number }

/** Adds what a process has counted. Its rows are its own, so that no process waits for another. */
export async function addVolumes(db: Queryable, process: string, counts: readonly VolumeCount[]): Promise<void> {
  if (counts.length === 0) return
  await db.query(
    `insert into volumes as v (period, type, producer, process, passed, held)
     select to_timestamp(u.period / 1000.0), u.type, u.producer, $6, u.passed, u.held
     from unnest($1::float8[], $2::text[], $3::text[], $4::float8[], $5::float8[]) as u(period, type, producer, passed, held)
     on conflict (period, type, producer, process) do update set passed = v.passed + excluded.passed, held = v.held + excluded.held`,
    [
      plainArray(counts.map(one => one.period)),
      textArray(counts.map(one => one.type)),
      textArray(counts.map(one => one.producer)),
      plainArray(counts.map(one => one.passed)),
      plainArray(counts.map(one => one.held)),
      process,
    ],
  )
}

/** What all processes have counted since `from`, summed by period. */
export async function readVolumes(db: Queryable, { from }: { from: EpochMs }): Promise<VolumeCount[]> {
  const rows = await db.query<Omit<VolumeCount, 'period'> & { period: Date }>(
    `select period, type, producer, sum(passed)::float8 as passed, sum(held)::float8 as held from volumes
     where period >= to_timestamp($1 / 1000.0) group by 1, 2, 3`,
    [from],
  )
  return rows.map(row => ({ ...row, period: row.period.getTime() }))
}

/** The 99th percentile of a type's and producer's periods before `before` in which something passed. */
export type UsualVolume = { type: string; producer: string; usual: number }

export const readUsual = (db: Queryable, { before }: { before: EpochMs }): Promise<UsualVolume[]> =>
  db.query<UsualVolume>(
    `select type, producer, percentile_disc(0.99) within group (order by n)::float8 as usual from (
       select type, producer, period, sum(passed) as n from volumes
       where period >= to_timestamp($1 / 1000.0) - $2 * interval '1 day' and period < to_timestamp($1 / 1000.0)
       group by 1, 2, 3 having sum(passed) > 0) periods
     group by 1, 2`,
    [before, volumeDays],
  )

/** Of which types and producers an operator lets everything pass, and until when. */
export type VolumePass = { type: string; producer: string; until: EpochMs }

export async function readPasses(db: Queryable, { now }: { now: EpochMs }): Promise<VolumePass[]> {
  const rows = await db.query<Omit<VolumePass, 'until'> & { until: Date }>(
    `select type, producer, until from volume_passes where until > to_timestamp($1 / 1000.0)`,
    [now],
  )
  return rows.map(row => ({ ...row, until: row.until.getTime() }))
}

/** Lets everything of a type and producer pass until a time. */
export async function passVolume(tx: Queryable, { type, producer, until }: VolumePass): Promise<void> {
  await tx.query(
    `insert into volume_passes (type, producer, until) values ($1, $2, to_timestamp($3 / 1000.0))
     on conflict (type, producer) do update set until = excluded.until`,
    [type, producer, until],
  )
}
