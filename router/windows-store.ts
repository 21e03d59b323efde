import { type Queryable, textArray } from '#runtime/postgres.ts'

/**
 * Locks the window rows of these people until the transaction ends and reads them, in key order so that two routers
 * cannot deadlock. Missing rows are created first, in a statement of their own: `ensureWindows`.
 */
export async function lockWindows(tx: Queryable, recipients: readonly string[]): Promise<Map<string, string>> {
  const rows = await tx.query<{ recipient: string; state: string }>(
    `select recipient, state from windows where recipient = any($1::text[]) order by recipient for no key update`,
    [textArray(recipients)],
  )
  return new Map(rows.map(row => [row.recipient, row.state]))
}

/** Windows as they stand, locked by nobody; empty ones where there is no row. */
export async function readWindows(db: Queryable, keys: readonly string[]): Promise<Map<string, string>> {
  const rows = await db.query<{ recipient: string; state: string }>(
    `select recipient, state from windows where recipient = any($1::text[])`,
    [textArray(keys)],
  )
  return new Map([...keys.map(key => [key, ''] as const), ...rows.map(row => [row.recipient, row.state] as const)])
}

/** Makes rows for people who have none, committed at once: what is created inside a set's transaction could deadlock. */
export async function ensureWindows(db: Queryable, recipients: readonly string[]): Promise<void> {
  await db.query(
    `insert into windows (recipient, state) select r, '' from unnest($1::text[]) as r order by r collate "C" on conflict do nothing`,
    [textArray(recipients)],
  )
}

export async function writeWindows(tx: Queryable, states: ReadonlyMap<string, string>): Promise<void> {
  if (states.size === 0) return
  await tx.query(
    `update windows w set state = u.state from unnest($1::text[], $2::text[]) as u(recipient, state) where w.recipient = u.recipient`,
    [[...states.keys()], [...states.values()]],
  )
}
