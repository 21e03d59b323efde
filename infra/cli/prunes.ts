import { logAct } from '#ledger/operator-log.ts'
import { settlePrunes, undoPrunes } from '#preferences/prune-acts.ts'
import type { PruneGroup } from '#preferences/prune-store.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'

/** `release` prunes what is held, `discard` leaves it alive, `undo` revives what was pruned since an instant. */
export type PruneAct = PruneGroup & ({ act: 'release' | 'discard' } | { act: 'undo'; since: number })

/**
 * Does what an operator decides about endpoints that were found dead, in steps of up to 500, each with its line in the log.
 * Gives how many.
 */
export function actOnPrunes(
  { clock, ...store }: { db: Database; addressKey: string; clock: Clock },
  { who, why }: { who: string; why: string },
  { provider, app, ...doing }: PruneAct,
): Promise<number> {
  const since = doing.act === 'undo' && { since: new Date(doing.since).toISOString() }
  const logged = (tx: Queryable, endpoints: number) =>
    logAct(tx, { who, what: `prunes ${doing.act}`, why, about: { provider, app, endpoints, ...since } })
  return doing.act === 'undo'
    ? undoPrunes(store, { provider, app, since: doing.since, now: clock.now() }, logged)
    : settlePrunes(store, { provider, app, act: doing.act }, logged)
}
