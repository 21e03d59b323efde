import type { EpochMs, IntentId } from '#contracts/ids.ts'
import { logAct } from '#ledger/operator-log.ts'
import {
  approveQuarantine,
  discardQuarantine,
  lockQuarantine,
  type QuarantineRecord,
  releaseQuarantine,
  sampleQuarantine,
} from '#ledger/quarantine.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'

/** What an operator decides about an intent in quarantine. `sample`: so many of its people pass, the rest waits on. */
export type QuarantineAct = { kind: 'release' } | { kind: 'discard' } | { kind: 'sample'; n: number }
/** Why nothing was done. */
export type NotDone = 'not in quarantine' | 'needs approval'
type By = { who: string; why: string }

/**
 * Does it, unless the intent is for more people than `approvalAbove` and nobody of another name has approved it. Ending
 * it (discard) needs nobody else. Undefined: it is done.
 */
export function act(
  db: Database,
  { who, why }: By,
  { intent, act, now, approvalAbove }: { intent: IntentId; act: QuarantineAct; now: EpochMs; approvalAbove: number },
): Promise<NotDone | undefined> {
  return db.transaction(async tx => {
    const found = await lockQuarantine(tx, intent)
    if (!found) return 'not in quarantine'
    if (act.kind !== 'discard' && !isApproved(found, { who, approvalAbove })) return 'needs approval'
    await perform(tx, { intent, who, now }, act)
    const about = { intent, type: found.type, producer: found.producer, ...('n' in act && { n: act.n }) }
    const approved = found.approvedBy !== undefined && { approvedBy: found.approvedBy }
    await logAct(tx, { who, what: `quarantine ${act.kind}`, why, about: { ...about, ...approved } })
    return undefined
  })
}

/** Approves what somebody else does next with an intent in quarantine: once. False when it is in none. */
export function approve(db: Database, { who, why }: By, intent: IntentId): Promise<boolean> {
  return db.transaction(async tx => {
    const found = await lockQuarantine(tx, intent)
    if (!found) return false
    await approveQuarantine(tx, { intent, by: who })
    await logAct(tx, { who, what: 'quarantine approve', why, about: { intent, type: found.type } })
    return true
  })
}

/** Of an intent whose people were not all counted there may be any number. */
const isApproved = (
  { recipients, more, approvedBy }: QuarantineRecord,
  { who, approvalAbove }: { who: string; approvalAbove: number },
): boolean => (recipients <= approvalAbove && !more) || (approvedBy !== undefined && approvedBy !== who)

async function perform(
  tx: Queryable,
  on: { intent: IntentId; who: string; now: EpochMs },
  act: QuarantineAct,
): Promise<void> {
  switch (act.kind) {
    case 'release':
      return releaseQuarantine(tx, { ...on, intents: [on.intent] })
    case 'discard':
      return discardQuarantine(tx, { ...on, intents: [on.intent] })
    case 'sample':
      await sampleQuarantine(tx, { ...on, n: act.n })
      return
    default:
      return act satisfies never
  }
}
