import { armLabel } from '#contracts/arms.ts'
import { isCode } from '#contracts/event.ts'
import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { Engaged } from '#contracts/engagement.ts'
import type { EpochMs, RecipientId } from '#contracts/ids.ts'
import type { Quarantine } from '#contracts/quarantine.ts'
import type { TakenBack } from '#contracts/retraction.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import type { Stop } from '#contracts/stop.ts'
import type { Decided } from '#ledger/set.ts'
import { joinableDigests, type OpenDigest } from '#ledger/digests.ts'
import type { Person } from '#preferences/preferences.ts'
import { type Database, type Queryable } from '#runtime/postgres.ts'
import { decideTogether } from './decide-together.ts'
import { type ChannelDecision, decide, type Question, quietEnd, type Released } from './decide.ts'
import type { OwnDigests } from './policies/digest.ts'
import { formatWindows, keptUntil, parseWindows, type Windows } from './policies/windows.ts'
import { ensureWindows, type Kept, lockWindows, writeWindows } from './windows-store.ts'

/** One intent for one person, waiting for its decisions. */
export type Case = {
  intent: CarriedIntent
  entry: AnyNotificationType
  recipient: RecipientId
  reason?: string
  person: Person
  at: EpochMs
  engaged?: Engaged
  activeUntil?: EpochMs
  released?: Released
  stops?: readonly Stop[]
  takenBack?: TakenBack
  quarantine?: Quarantine
}

/** Critical decisions never wait for a row that another lane holds: they have their own (law 7). No name holds U+001F. */
const windowKey = (one: Pick<Case, 'entry' | 'recipient'>): string =>
  one.entry.lane === 'critical' ? `critical\u001f${one.recipient}` : one.recipient

const hasWindow = ({ entry }: Case): boolean =>
  entry.dedupe !== undefined || entry.throttle !== undefined || entry.budgets !== undefined

/** Whether it may wait with others: for its type's digest, with what a stop held, a place in a budget, or with its thread for the end of quiet hours. */
const mayJoin = (one: Case): boolean =>
  one.entry.digest !== undefined ||
  one.released?.together !== undefined ||
  one.entry.budgets !== undefined ||
  (one.intent.thread !== undefined && quietEnd(one) !== undefined)

/** Decides a set's cases inside its transaction, with the windows that were locked in it, and writes them back. */
export async function judge(
  tx: Queryable,
  cases: readonly Case[],
  locked: ReadonlyMap<string, string>,
): Promise<Decided[]> {
  const { decided, changed } = fold(cases, { windows: locked, digests: await readDigests(tx, cases) })
  await writeWindows(tx, changed)
  return decided
}

/** The digests of the people in cases that may join one. */
export const readDigests = (db: Queryable, cases: readonly Case[]): Promise<Digests> =>
  joinableDigests(db, [...new Set(cases.filter(mayJoin).map(one => one.recipient))])

/** Open digests by person and key. */
export type Digests = Map<string, Map<string, OpenDigest>>

/**
 * The decisions of cases and the windows that they leave behind, as text by key: in order of what happened (and id, so that
 * a replay decides the same). Takes the windows of all that look at one. Pure, but for `digests`, which it changes.
 */
export function fold(
  cases: readonly Case[],
  state: { windows: ReadonlyMap<string, string>; digests: Digests },
): { decided: Decided[]; changed: Map<string, Kept> } {
  const windows = foldWindows(state.windows)
  const decided: Decided[] = []
  for (const one of [...cases].sort(byHappening)) {
    const digests = mayJoin(one) ? ownOf(state.digests, one.recipient) : undefined
    const question = { ...one, windows: hasWindow(one) ? windows.of(one) : undefined, digests }
    for (const decision of decide(question)) decided.push(decidedOf(one, decision))
  }
  return { decided, changed: windows.changed() }
}

export function ownOf(digests: Digests, recipient: string): OwnDigests {
  const own = digests.get(recipient) ?? new Map<string, OpenDigest>()
  digests.set(recipient, own)
  return own
}

/**
 * Decides what waited in a digest, all of it for one person: see `decideTogether`. Nothing is written yet: the windows
 * are, with those of other digests, by whoever folds them.
 */
export function judgeTogether(
  digest: OpenDigest,
  cases: readonly Case[],
  { windows, digests }: { windows: WindowsFold; digests: OwnDigests },
): { decided: Decided[] } | { waits: EpochMs } {
  const inOrder = [...cases].sort(byHappening)
  const questions = inOrder.map(({ released, ...one }) => ({
    ...{ ...one, windows: hasWindow(one) ? windows.of(one) : undefined, digests },
    ...(released && { released: { ...released, ...(released.reason === 'budget' && { since: digest.openedAt }) } }),
  }))
  const result = decideTogether(digest, questions)
  if ('waits' in result) return result
  const caseOf = new Map<Question, Case>(questions.map((question, at) => [question, inOrder[at]!]))
  // What is told as one is one message: what any of it must not keep, none of it does.
  const sensitive = cases.some(one => one.entry.sensitive)
  return {
    decided: result.decided.flatMap(({ question, intent, decisions }) =>
      decisions.map(decision => ({
        ...decidedOf({ ...caseOf.get(question)!, intent }, decision),
        ...(intent.digest && { sensitive }),
      })),
    ),
  }
}

const byHappening = (a: Case, b: Case): number =>
  a.intent.occurredAt - b.intent.occurredAt || (a.intent.id < b.intent.id ? -1 : a.intent.id > b.intent.id ? 1 : 0)

function decidedOf({ intent, recipient, reason, entry, person }: Case, decision: ChannelDecision): Decided {
  const arm = armLabel(entry, recipient)
  return {
    ...{ intent, recipient, sensitive: entry.sensitive ?? false, success: entry.acted !== undefined },
    ...(reason !== undefined && { reason }),
    ...(arm !== undefined && { arm }),
    ...(isCode(person.locale) && { locale: person.locale }),
    ...decision,
  }
}

/** The windows of a set while its cases, in order of what happened, are folded into them. */
export type WindowsFold = {
  of(one: Case): Windows | undefined
  /** What is to be written. */
  changed(): Map<string, Kept>
}

export function foldWindows(locked: ReadonlyMap<string, string>): WindowsFold {
  const windows = new Map<string, Windows>()
  for (const [key, state] of locked) windows.set(key, parseWindows(state))
  const latest = new Map<string, { at: EpochMs; occurredAt: EpochMs }>()
  return {
    of(one) {
      const key = windowKey(one)
      const own = windows.get(key)
      if (own && !one.intent.dryRun) {
        const { at, occurredAt } = latest.get(key) ?? { at: one.at, occurredAt: one.intent.occurredAt }
        latest.set(key, { at: Math.max(at, one.at), occurredAt: Math.max(occurredAt, one.intent.occurredAt) })
      }
      return own
    },
    changed() {
      const changed = new Map<string, Kept>()
      for (const [key, last] of latest) {
        const own = windows.get(key)!
        const state = formatWindows(own, last)
        if (state !== locked.get(key)) changed.set(key, { state, until: keptUntil(own) })
      }
      return changed
    },
  }
}

/** The window rows that these cases look at; who joins digests looks at theirs, which keeps others out meanwhile. */
export const windowKeys = (cases: readonly Case[]): string[] => [
  ...new Set(cases.filter(one => hasWindow(one) || mayJoin(one)).map(windowKey)),
]

/** Cases to be decided with what operators have stopped. */
export const underStops = (cases: readonly Case[], stops: readonly Stop[]): readonly Case[] =>
  stops.length === 0 ? cases : cases.map(one => ({ ...one, stops }))

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
