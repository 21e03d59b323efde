import { logAct } from '#ledger/operator-log.ts'
import { settlePrunes, undoPrunes } from '#preferences/prune-acts.ts'
import type { PruneGroup } from '#preferences/prune-store.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Database } from '#runtime/postgres.ts'

/** `release` prunes what is held, `discard` leaves it alive, `undo` revives what was pruned since an instant. */
export type PruneAct = PruneGroup & ({ act: 'release' | 'discard' } | { act: 'undo'; since: number })

/** Does what an operator decides about endpoints that were found dead, with a line in the log. Gives how many. */
export async function actOnPrunes(
  store: { db: Database; addressKey: string; clock: Clock },
  { who, why }: { who: string; why: string },
  doing: PruneAct,
): Promise<number> {
  const { provider, app } = doing
  const endpoints =
    doing.act === 'undo'
      ? await undoPrunes(store, { provider, app, since: doing.since, now: store.clock.now() })
      : await settlePrunes(store, { provider, app, act: doing.act })
  const since = doing.act === 'undo' && { since: new Date(doing.since).toISOString() }
  if (endpoints > 0)
    await logAct(store.db, { who, what: `prunes ${doing.act}`, why, about: { provider, app, endpoints, ...since } })
  return endpoints
}
