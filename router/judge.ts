import { armLabel } from '#contracts/arms.ts'
import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { EpochMs, RecipientId } from '#contracts/ids.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import type { Decided } from '#ledger/set.ts'
import type { Person } from '#preferences/preferences.ts'
import { type Database, type Queryable } from '#runtime/postgres.ts'
import { decide, type Released } from './decide.ts'
import { formatWindows, parseWindows, type Windows } from './policies/windows.ts'
import { ensureWindows, lockWindows, writeWindows } from './windows-store.ts'

/** One intent for one person, waiting for its decisions. */
export type Case = {
  intent: CarriedIntent
  entry: AnyNotificationType
  recipient: RecipientId
  reason?: string
  person: Person
  at: EpochMs
  released?: Released
}

/** Critical decisions never wait for a row that another lane holds: they have their own (law 7). No name holds U+001F. */
export const windowKey = (one: Pick<Case, 'entry' | 'recipient'>): string =>
  one.entry.lane === 'critical' ? `critical\u001f${one.recipient}` : one.recipient

const hasWindow = (one: Case): boolean => one.entry.dedupe !== undefined || one.entry.throttle !== undefined

/**
 * Decides a set's cases inside its transaction: locks the windows it needs, folds the cases in order of what happened
 * (and id, so that a replay decides the same), writes the windows back.
 */
export async function judge(
  tx: Queryable,
  cases: readonly Case[],
  locked: ReadonlyMap<string, string>,
): Promise<Decided[]> {
  const windows = new Map<string, Windows>()
  for (const [key, state] of locked) windows.set(key, parseWindows(state))
  const inOrder = [...cases].sort(
    (a, b) =>
      a.intent.occurredAt - b.intent.occurredAt || (a.intent.id < b.intent.id ? -1 : a.intent.id > b.intent.id ? 1 : 0),
  )
  const latest = new Map<string, { at: EpochMs; occurredAt: EpochMs }>()
  const decided = inOrder.flatMap(one => {
    const key = windowKey(one)
    const needed = hasWindow(one) ? windows.get(key) : undefined
    // In order of what happened, so this one is the latest.
    const { occurredAt } = one.intent
    if (needed) latest.set(key, { at: Math.max(latest.get(key)?.at ?? one.at, one.at), occurredAt })
    const { intent, recipient, reason } = one
    const arm = armLabel(one.entry, recipient)
    const about = {
      ...{ intent, recipient, sensitive: one.entry.sensitive ?? false },
      ...(reason !== undefined && { reason }),
      ...(arm !== undefined && { arm }),
    }
    return decide({ ...one, windows: needed }).map((decision): Decided => ({ ...about, ...decision }))
  })
  const changed = new Map<string, string>()
  for (const [key, last] of latest) {
    const state = formatWindows(windows.get(key)!, last)
    if (state !== locked.get(key)) changed.set(key, state)
  }
  await writeWindows(tx, changed)
  return decided
}

/** The window rows that these cases look at. */
export const windowKeys = (cases: readonly Case[]): string[] => [...new Set(cases.filter(hasWindow).map(windowKey))]

/** Thrown inside a transaction when a person has no window row yet; the caller makes the rows and starts again. */
class MissingWindows extends Error {
  readonly keys: string[]
  constructor(keys: string[]) {
    super(`${keys.length} recipients have no window row yet`)
    this.keys = keys
  }
}

/**
 * One transaction with the windows of `keys` locked first. People who have no row yet get one in a statement of its
 * own and the transaction starts again: rows made inside it could deadlock with another router's.
 */
export async function withWindows<T>(
  db: Database,
  keys: readonly string[],
  work: (tx: Queryable, locked: ReadonlyMap<string, string>) => Promise<T>,
): Promise<T> {
  const attempt = () =>
    db.transaction(async tx => {
      const locked: ReadonlyMap<string, string> = keys.length > 0 ? await lockWindows(tx, keys) : new Map()
      if (locked.size < keys.length) throw new MissingWindows(keys.filter(key => !locked.has(key)))
      return work(tx, locked)
    })
  try {
    return await attempt()
  } catch (error) {
    if (!(error instanceof MissingWindows)) throw error
    await ensureWindows(db, error.keys)
    return attempt()
  }
}
