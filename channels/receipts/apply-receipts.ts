import type { Catalogue } from '#contracts/catalogue.ts'
import type { Deed, EventPack } from '#contracts/event.ts'
import { type Attempt, type EpochMs, madeAt } from '#contracts/ids.ts'
import { type KnownAttempt, readAttempts } from '#ledger/attempts.ts'
import { writeOutbox } from '#ledger/outbox.ts'
import { lookIn, writeEngagement } from '#preferences/preferences.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Metrics } from '#runtime/metrics.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { markInboxItems } from '../in-app/inbox-store.ts'
import { daysMax, deliveryPack, eachOnce } from './delivery-packs.ts'
import { type Look, noteLooks } from './look-store.ts'

export type ReceiptDeps = {
  db: Database
  catalogue: Catalogue
  clock: Clock
  metrics: Metrics
  /** Hears whose inbox may have changed, after the commit. */
  tell?: (recipients: readonly string[]) => void
}
export type Receipt = { attempt: Attempt; deed: Deed; at: EpochMs }

const dayMs = 86_400_000

/**
 * Believes receipts, whose signature somebody has checked: the person has seen, read or done it on every surface, and the
 * events tell. Gives how many were of attempts that the ledger knows; of the others nothing changes. Late, out of
 * order or again they change nothing: what was read stays read, and a pack is named by delivery and deed. One transaction.
 */
export async function applyReceipts(deps: ReceiptDeps, receipts: readonly Receipt[]): Promise<number> {
  const { db, clock, metrics } = deps
  const now = clock.now()
  const recent = receipts.filter(({ attempt, deed }) => {
    const late = now - madeAt(attempt.batch) > daysMax * dayMs
    if (late) metrics.count('receipts_total', { event: deed, result: 'late' })
    return !late
  })
  const found = await readAttempts(
    db,
    recent.map(one => one.attempt),
  )
  const known = recent.flatMap(({ attempt: { slot }, deed, at }, place): Known[] => {
    const attempt = found[place]
    metrics.count('receipts_total', { event: deed, result: attempt ? 'known' : 'unknown' })
    return attempt ? [{ attempt, slot, deed, at: clamped(at, { from: madeAt(attempt.batch), now }) }] : []
  })
  if (known.length === 0) return 0
  await db.transaction(async tx => {
    for (const one of known.toSorted(byPerson)) await engage(tx, one, deps)
    const followed = await noteLooks(tx, looksOf(known, deps.catalogue))
    const successes = followed.map(({ of, at }) => deliveryPack(of, { kind: 'engaged', what: 'acted', at }))
    await writeOutbox(tx, eachOnce([...successes, ...packsOf(known)]))
  })
  deps.tell?.(known.map(one => one.attempt.recipient))
  return known.length
}

/** A device's clock may say anything. */
const clamped = (at: EpochMs, { from, now }: { from: EpochMs; now: EpochMs }): EpochMs =>
  Number.isNaN(at) ? now : Math.min(now, Math.max(from, at))

type Known = { attempt: KnownAttempt; slot: number; deed: Deed; at: EpochMs }

/** Two requests that name the same people must not lock them in different orders, nor what was acted on after the inbox. */
const keyOf = ({ attempt, deed }: Known): string =>
  `${attempt.recipient} ${deed === 'acted' ? 0 : 1} ${attempt.intent.id}`
const byPerson = (a: Known, b: Known): number => (keyOf(a) < keyOf(b) ? -1 : 1)

/** As the same deed in the inbox, or one that the product tells of. What a message told of several was looked at with it. */
async function engage(tx: Queryable, { attempt, deed, at }: Known, { catalogue }: ReceiptDeps): Promise<void> {
  const { recipient, intent, told, channel, endpoint } = attempt
  const store = { now: at, markInbox: markInboxItems }
  const others = told.filter(one => one !== intent.id)
  const about = { recipient, intent: intent.id, others }
  switch (deed) {
    case 'seen':
      return lookIn(tx, store, { ...about, what: 'seen' })
    case 'opened':
    case 'read': {
      // What is tapped leaves its own screen.
      const where = channel === 'push' ? { device: endpoint } : {}
      return lookIn(tx, store, { ...about, what: 'read', ...where })
    }
    case 'acted': {
      const event = catalogue.types.get(intent.type)?.acted
      if (event !== undefined) await writeEngagement(tx, { recipient, what: 'acted', event, intent: intent.id, at })
      return
    }
    case 'dismissed':
    case 'machine_opened':
      return
    default:
      deed satisfies never
  }
}

/** Of types that name a success; items of the inbox keep it themselves. */
const looksOf = (known: readonly Known[], { types }: Catalogue): Look[] =>
  known.flatMap(({ attempt, slot, deed, at }) => {
    const event = types.get(attempt.intent.type)?.acted
    const isLook = attempt.channel !== 'in_app' && deed !== 'dismissed' && deed !== 'machine_opened'
    return event !== undefined && isLook ? [{ of: attempt, slot, event, at }] : []
  })

/** Whatever a device says of a delivery, it has it. */
const packsOf = (known: readonly Known[]): EventPack[] =>
  known.flatMap(({ attempt, deed, at }) => [
    deliveryPack(attempt, { kind: 'standing', what: 'delivered', at }),
    deliveryPack(attempt, { kind: 'engaged', what: deed, at }),
  ])
