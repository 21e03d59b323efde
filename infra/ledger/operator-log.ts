import type { Queryable } from '#runtime/postgres.ts'

/** What an operator did: never an address, never message data. */
export type Act = {
  who: string
  what: string
  why?: string
  about: Readonly<Record<string, string | number | boolean>>
}

/** Writes an act, in the transaction that does it. */
export async function logAct(tx: Queryable, { who, what, why, about }: Act): Promise<void> {
  await tx.query(`insert into operator_log (who, what, why, about) values ($1, $2, $3, $4)`, [
    ...[who, what, why ?? null, JSON.stringify(about)],
  ])
}

/** The latest acts first. `limit` at most 1,000. */
export async function readActs(db: Queryable, { limit }: { limit: number }): Promise<(Act & { at: Date })[]> {
  const rows = await db.query<{ at: Date; who: string; what: string; why: string | null; about: string }>(
    `select at, who, what, why, about from operator_log order by id desc limit least($1, 1000)`,
    [limit],
  )
  return rows.map(({ why, about, ...act }) => ({
    ...{ ...act, about: JSON.parse(about) as Act['about'] },
    ...(why !== null && { why }),
  }))
}
