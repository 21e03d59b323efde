import type { Queryable } from '#runtime/postgres.ts'
import type { Pacing } from './pacing.ts'

/** Who says it, of which provider, when by the database's clock. */
export type WorkerPacing = Pacing & { worker: string; provider: string; at: Date }

/** How often a worker says it, and for how long it is believed: of a process that was killed nothing is shown after that. */
export const pacingEveryMs = 3_000
const believedMs = 15_000

/** Says what paces the providers of a worker, instead of what it said before. One statement. */
export async function writePacings(
  db: Queryable,
  worker: string,
  pacings: readonly { provider: string; pacing: Pacing }[],
): Promise<void> {
  await db.query(
    `with gone as (delete from pacings where at < now() - interval '1 minute' and worker <> $1)
     insert into pacings (worker, provider, pacing)
     select $1, said->>'provider', said->>'pacing' from jsonb_array_elements($2::jsonb) as said
     on conflict (worker, provider) do update set pacing = excluded.pacing, at = now()`,
    [worker, JSON.stringify(pacings)],
  )
}

/** A worker that ends says nothing any more. */
export async function dropPacings(db: Queryable, worker: string): Promise<void> {
  await db.query('delete from pacings where worker = $1', [worker])
}

/** What the workers that run say, by provider. */
export async function readPacings(db: Queryable): Promise<WorkerPacing[]> {
  const rows = await db.query<{ worker: string; provider: string; at: Date; pacing: string }>(
    `select worker, provider, at, pacing from pacings
     where at > now() - $1 * interval '1 ms' order by provider, worker`,
    [believedMs],
  )
  return rows.map(({ pacing, ...row }) => ({ ...row, ...(JSON.parse(pacing) as Pacing) }))
}
