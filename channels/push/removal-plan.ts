import { deliveryId, type EpochMs, type IntentId, type RecipientId } from '#contracts/ids.ts'
import type { Push } from '#ledger/pushes.ts'
import { type Endpoint, type Person, whereTo } from '#preferences/preferences.ts'
import type { Removal } from '../provider.ts'
import type { Note, Sent, Turn, Turned } from './removal-store.ts'

/**
 * The silent budget of a device: "don't try to send more than two or three per hour"
 * (https://developer.apple.com/documentation/usernotifications/pushing-background-updates-to-your-app). The window is a
 * little longer than an hour, because a message arrives some time after it was counted.
 */
export const budget = { removals: 3, windowMs: 62 * 60_000 }
/** Of 22 bytes each: 4,096 bytes of payload hold them with all the rest. */
export const idsMax = 150
/** When a push that is under way is looked at again. */
export const underWayMs = 5_000

export type PlannedRemoval = Removal & { recipient: string; notes: ReadonlySet<Note> }
/** What a person's turn is about to do: messages, what has no message left to wait for, when there is more to do. */
export type Plan = { turn: Turn; sent: Sent; removals: PlannedRemoval[]; open: ReadonlySet<Note>; dueInMs?: number }
export type PlanFacts = {
  /** Of this person's notes. */
  pushes: readonly Push[]
  person: Person
  /** What of all that was told with these was read or taken back, too. */
  noted: ReadonlySet<IntentId>
  /** Unread items of the person. */
  badge: number
  /** How long a push may not be taken back because its provider cannot be called, or is stopped; undefined: now. */
  waitMs: (push: Push) => number | undefined
}

/**
 * Who is told what now: of each device that showed something of the notes, all of it in one message, the newest where there
 * is too much; nothing to a device that is dead, gone or somebody else's by now, of what has expired, or beyond the budget. Pure.
 */
export function planTurn(turn: Turn, { pushes, noted, person, badge, waitMs }: PlanFacts): Plan {
  const { at } = turn
  const byIntent = Map.groupBy(pushes, push => push.intent)
  const open = new Set<Note>()
  const wanted = new Map<Endpoint, { push: Push; note: Note }[]>()
  const waits: number[] = []
  const endpoints = person.erased ? [] : whereTo(person, 'push', at).endpoints
  for (const note of turn.notes)
    for (const push of byIntent.get(note.intent) ?? []) {
      if (!goes(push, note, { noted, at })) continue
      const endpoint = endpoints.find(one => one.id === push.endpoint && one.provider === push.provider)
      if (!endpoint || note.told.includes(endpoint.id)) continue
      const wait = push.underWay ? underWayMs : waitMs(push)
      if (wait !== undefined) {
        open.add(note)
        waits.push(wait)
      } else wanted.set(endpoint, [...(wanted.get(endpoint) ?? []), { push, note }])
    }
  const sent = recent(turn.sent, at)
  const removals: PlannedRemoval[] = []
  for (const [endpoint, items] of wanted) {
    const spent = sent[endpoint.id] ?? []
    if (spent.length >= budget.removals) {
      for (const { note } of items) open.add(note)
      waits.push(spent[spent.length - budget.removals]! + budget.windowMs - at)
      continue
    }
    sent[endpoint.id] = [...spent, at]
    removals.push({ ...removalOf(turn.recipient, endpoint, items), badge })
  }
  return { turn, sent, removals, open, ...(waits.length > 0 && { dueInMs: Math.min(...waits) }) }
}

/** What becomes of a plan: which messages are done with, which are tried again after so long, and which surely reached nobody. */
export type Said = { removal: PlannedRemoval; done: boolean; againInMs?: number; unsent?: boolean }

/** A turn as its answers leave it. What surely reached nobody gives its place in the budget back. Pure. */
export function turned({ turn, sent, open, dueInMs }: Plan, said: readonly Said[]): Turned {
  const after: Sent = { ...sent }
  for (const { removal, unsent } of said)
    if (unsent) after[removal.endpoint.id] = after[removal.endpoint.id]!.filter(at => at !== turn.at)
  const waits = [...(dueInMs === undefined ? [] : [dueInMs]), ...said.flatMap(({ againInMs }) => againInMs ?? [])]
  return {
    ...{ recipient: turn.recipient, turn: turn.turn, sent: after },
    ...(waits.length > 0 && { dueInMs: Math.min(...waits) }),
    notes: turn.notes.map(note => {
      const about = said.filter(({ removal }) => removal.notes.has(note))
      const now = about.filter(one => one.done).map(one => one.removal.endpoint.id)
      const done = !open.has(note) && about.every(one => one.done)
      return { ...note, told: [...note.told, ...now], toldNow: now.length > 0, done }
    }),
  }
}

/**
 * Reading takes nothing away that must be told to who has read it, nor what tells of others that are not read; what has
 * expired is not worth a message.
 */
function goes(
  { intent, ignoresReads, expiresAt, told }: Push,
  { why }: Note,
  { noted, at }: { noted: ReadonlySet<IntentId>; at: EpochMs },
): boolean {
  const stays = why === 'read' && (ignoresReads || told.some(one => one !== intent && !noted.has(one)))
  return !stays && (expiresAt === undefined || expiresAt > at)
}

const recent = (sent: Sent, at: EpochMs): Sent =>
  Object.fromEntries(
    Object.entries(sent)
      .map(([endpoint, times]) => [endpoint, times.filter(time => time > at - budget.windowMs)] as const)
      .filter(([, times]) => times.length > 0),
  )

function removalOf(
  recipient: string,
  endpoint: Endpoint,
  items: readonly { push: Push; note: Note }[],
): Omit<PlannedRemoval, 'badge'> {
  // What was told as one is one notification.
  const shown = new Map(items.map(item => [item.push.told.at(-1)!, item]))
  const newest = [...shown].toSorted(([, a], [, b]) => b.push.occurredAt - a.push.occurredAt).slice(0, idsMax)
  const ends = newest.map(([, { push }]) => push.expiresAt)
  const last = ends.every(end => end !== undefined) ? Math.max(...ends) : undefined
  return {
    ...{ recipient, endpoint, notes: new Set(items.map(item => item.note)) },
    deliveries: newest.map(([intent]) =>
      deliveryId({ intent, recipient: recipient as RecipientId, endpoint: endpoint.id }),
    ),
    ...(last !== undefined && { expiresAt: last }),
  }
}
