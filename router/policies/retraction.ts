import type { Verdict } from '#contracts/decision.ts'
import { type IntentId, intentId } from '#contracts/ids.ts'
import type { Intent } from '#contracts/intent.ts'
import { takenBack, type TakenBack, type Tombstone, type Tombstones } from '#contracts/retraction.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import type { Superseding } from '#ledger/retractions.ts'
import type { Question } from '../decide.ts'

/** For what was retracted or superseded by now; undefined for anything else. */
export const retracted = ({ takenBack: end }: Question): Verdict | undefined => end && { kind: 'refused', ...end }

/** For what was released before its time, because something in its hold was retracted: it ends, or it waits on. */
export const releasedEarly = (question: Question): Verdict | undefined => {
  const { released, at } = question
  if (!released?.waits || at >= released.waits.until) return undefined
  return retracted(question) ?? { kind: 'held', ...released.waits }
}

/** The same cases, those marked whose intents have ended by a tombstone. */
export function markTakenBack<C extends { intent: CarriedIntent }>(
  cases: readonly C[],
  tombstones: Tombstones,
): readonly (C & { takenBack?: TakenBack })[] {
  if (tombstones.size === 0) return cases
  return cases.map(one => {
    const end = takenBack(one.intent, tombstones)
    return end ? { ...one, takenBack: end } : one
  })
}

/** Whose place these intents take: earlier ones of the same producer, which they name by their key. A dry run takes none. */
export const supersededBy = (intents: readonly Intent[]): Superseding[] =>
  intents.flatMap(({ id: by, producer, supersedes: key, occurredAt: until, dryRun }) =>
    key === undefined || dryRun ? [] : [{ id: intentId({ producer, key }), by, until }],
  )

/** What is known, and what is superseded besides: what was retracted stays so, and the latest successor counts. */
export function withSuperseded(known: Tombstones, superseding: readonly Superseding[]): Tombstones {
  const all = new Map<IntentId, Tombstone>(known)
  for (const { id, by, until } of superseding) {
    const before = all.get(id)
    if (before === undefined || (before.kind === 'superseded' && before.until < until))
      all.set(id, { kind: 'superseded', by, until })
  }
  return all
}
