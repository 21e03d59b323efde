import { readPacings, type WorkerPacing } from '#channels/pace/pacing-store.ts'
import { type Backlog, readBacklog } from '#ledger/backlog.ts'
import type { Queryable } from '#runtime/postgres.ts'

/** What paces each provider, by worker, and what waits, by provider and why. */
export type PacedProviders = { providers: WorkerPacing[]; waiting: Backlog['waiting'] }

/** The answer to who asks what paces providers, by command or over HTTP. */
export async function pacedProviders(db: Queryable): Promise<PacedProviders> {
  const providers = await readPacings(db)
  const { waiting } = await readBacklog(db)
  return { providers, waiting }
}
