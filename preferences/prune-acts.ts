import type { EpochMs } from '#contracts/ids.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { addressHash } from './address.ts'
import { endpointAfter } from './endpoint-state.ts'
import { rewriteEndpoints } from './endpoint-rows.ts'
import { applyMarks } from './mark-store.ts'
import type { Endpoint } from './preferences.ts'
import type { PruneGroup } from './prune-store.ts'
import type { Suppressions } from './suppression-store.ts'

/** What became of the endpoints of a provider and app lately, and what waits for an operator since when. */
export type PruneRecord = PruneGroup & {
  held: number
  heldSince: Date | null
  /** The commonest. */
  reason: string
  prunedLastDay: number
  /** As they were counted last; null before anything had to be. */
  active: number | null
  /** So many in ten minutes are pruned without a question. */
  most: number | null
}

/** So many endpoints are changed by one statement. */
const stepRows = 500

export const listPrunes = (db: Queryable): Promise<PruneRecord[]> =>
  db.query<PruneRecord>(
    `select p.provider, p.app, (count(*) filter (where p.state = 'held'))::int as held,
       min(p.at) filter (where p.state = 'held') as "heldSince", mode() within group (order by p.reason) as reason,
       (count(*) filter (where p.state = 'pruned' and p.at > now() - interval '1 day'))::int as "prunedLastDay",
       max(l.active)::float8 as active, max(l.most)::float8 as most
     from prunes p left join prune_limits l on l.provider = p.provider and l.app = p.app
     where p.state = 'held' or p.at > now() - interval '1 day' group by 1, 2 order by 1, 2`,
  )

/** Endpoints that the guard holds, by provider. */
export const heldPrunes = (db: Queryable): Promise<{ provider: string; held: number }[]> =>
  db.query(`select provider, count(*)::int as held from prunes where state = 'held' group by 1`)

/** Says of a step what it did, in its transaction. */
type Told = (tx: Queryable, endpoints: number) => Promise<void>
type PruneStore = { db: Database; addressKey: string }

/**
 * Ends what the guard holds of a provider and app, in steps: `release` prunes it after all, `discard` leaves it alive.
 * From then on it is counted anew. Gives how many; one that is interrupted has done, and told, some steps, and is repeated.
 */
export async function settlePrunes(
  { db, addressKey }: PruneStore,
  { act, ...group }: PruneGroup & { act: 'release' | 'discard' },
  told: Told,
): Promise<number> {
  const settled = await inSteps({ db, group, told }, async tx => {
    const rows = await prunesOf(tx, group, { where: `state = 'held'`, values: [] })
    if (act === 'release')
      await applyMarks(
        { db: tx, addressKey },
        rows.map(row => ({ ...row, channel: 'push', state: 'dead', at: row.at.getTime() })),
      )
    await setState(tx, rows, act === 'release' ? 'pruned' : 'discarded')
    return rows.length
  })
  await db.query(`update prune_limits set settled_at = now() where provider = $1 and app = $2`, [
    ...[group.provider, group.app],
  ])
  return settled
}

/** Revives what was pruned of a provider and app since an instant, at most 30 days ago, in steps. Gives how many. */
export function undoPrunes(
  { db, addressKey }: PruneStore,
  { since, now, ...group }: PruneGroup & { since: EpochMs; now: EpochMs },
  told: Told,
): Promise<number> {
  const where = `state = 'pruned' and at >= to_timestamp($4 / 1000.0)`
  return inSteps({ db, group, told }, async tx => {
    const rows = await prunesOf(tx, group, { where, values: [since] })
    const store = { db: tx, addressKey }
    await rewrite(store, { rows, now, change: one => endpointAfter(one, { kind: 'alive', at: Infinity }) })
    await setState(tx, rows, 'undone')
    return rows.length
  })
}

type Act = { db: Database; group: PruneGroup; told: Told }

/** Each step in a transaction of its own, until one has less to do than it could. Gives the sum. */
async function inSteps(
  { db, group: { provider, app }, told }: Act,
  step: (tx: Queryable) => Promise<number>,
): Promise<number> {
  let sum = 0
  for (;;) {
    const done = await db.transaction(async tx => {
      // Whoever decides otherwise of the same waits, and sees what was done. People and prunes are locked after this.
      await tx.query(`select from prune_limits where provider = $1 and app = $2 for update`, [provider, app])
      const n = await step(tx)
      if (n > 0) await told(tx, n)
      return n
    })
    sum += done
    if (done < stepRows) return sum
  }
}

/** Forgets addresses of endpoints that were pruned before, in small steps. True when there is more. */
export async function purgePrunes(
  store: Suppressions,
  { before, now }: { before: EpochMs; now: EpochMs },
): Promise<boolean> {
  const rows = await store.db.query<PruneRow>(
    `select recipient, endpoint, hash, reason, at from prunes
     where state <> 'held' and at < to_timestamp($1 / 1000.0) order by at limit ${stepRows}`,
    [before],
  )
  await rewrite(store, { rows, now, change: one => (one.state === 'dead' ? undefined : one) })
  await store.db.query(
    `delete from prunes p using unnest($1::text[], $2::text[], $3::text[]) as g(recipient, endpoint, hash)
     where p.recipient = g.recipient and p.endpoint = g.endpoint and p.hash = g.hash and p.at < to_timestamp($4 / 1000.0)`,
    [...keysOf(rows), before],
  )
  return rows.length === stepRows
}

type PruneRow = { recipient: string; endpoint: string; hash: string; reason: string; at: Date }

const prunesOf = (
  db: Queryable,
  { provider, app }: PruneGroup,
  { where, values }: { where: string; values: readonly unknown[] },
): Promise<PruneRow[]> =>
  db.query<PruneRow>(
    `select recipient, endpoint, hash, reason, at from prunes where provider = $1 and app = $2 and ${where} order by at limit $3`,
    [provider, app, stepRows, ...values],
  )

const setState = (db: Queryable, rows: readonly PruneRow[], state: 'pruned' | 'discarded' | 'undone') =>
  db.query(
    `update prunes p set state = $4, at = now() from unnest($1::text[], $2::text[], $3::text[]) as g(recipient, endpoint, hash)
     where p.recipient = g.recipient and p.endpoint = g.endpoint and p.hash = g.hash`,
    [...keysOf(rows), state],
  )

const keysOf = (rows: readonly PruneRow[]) => [
  rows.map(row => row.recipient),
  rows.map(row => row.endpoint),
  rows.map(row => row.hash),
]

type Rewrite = { rows: readonly PruneRow[]; now: EpochMs; change: (endpoint: Endpoint) => Endpoint | undefined }

/** Changes the endpoints that still have the addresses that were pruned. */
async function rewrite({ db, addressKey }: Suppressions, { rows, now, change }: Rewrite): Promise<void> {
  const byPerson = Map.groupBy(rows, row => row.recipient)
  await rewriteEndpoints(db, {
    ...{ ids: [...byPerson.keys()], now },
    change: (id, before) => ({
      endpoints: before.flatMap(one => {
        const isOf = byPerson.get(id)!.some(row => row.endpoint === one.id && row.hash === addressHash(addressKey, one))
        return isOf ? (change(one) ?? []) : one
      }),
    }),
  })
}
