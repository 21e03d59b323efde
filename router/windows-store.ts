import { type Queryable, textArray } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'

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

/** A row's text, and the day until which it matters. */
export type Kept = { state: string; until: string }

export async function writeWindows(tx: Queryable, windows: ReadonlyMap<string, Kept>): Promise<void> {
  if (windows.size === 0) return
  const kept = [...windows.values()]
  await tx.query(
    `update windows w set state = u.state, keep_until = u.until
     from unnest($1::text[], $2::text[], $3::date[]) as u(recipient, state, until) where w.recipient = u.recipient`,
    [[...windows.keys()], kept.map(one => one.state), kept.map(one => one.until)],
  )
}

/** Forgets the windows of people in which nothing matters any more, in small steps. True when there is more to do. */
export const purgeWindows = (db: Queryable, { now }: { now: number }): Promise<boolean> =>
  purgeStep(
    db,
    `delete from windows where recipient in (
       select recipient from windows where keep_until < $1::date limit $2 for update skip locked)`,
    [new Date(now).toISOString().slice(0, 10)],
  )
