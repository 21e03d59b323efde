import type { Why } from './decision.ts'
import type { EpochMs, IntentId } from './ids.ts'
import type { Outcome } from './outcome.ts'

/** What a producer said of an intent after stating it, or before: take it back, or a later one takes its place. */
export type Tombstone =
  | { kind: 'retracted' }
  /** `until`: when the later intent happened. What happened after that is newer, and is not superseded by it. */
  | { kind: 'superseded'; by: IntentId; until: EpochMs }
export type Tombstones = ReadonlyMap<IntentId, Tombstone>

/** How what is left of an intent ends for its tombstone. */
export type TakenBack = { outcome: Outcome; why: Why }

/** The end of an intent that was retracted or superseded; undefined for any other. */
export function takenBack(
  { id, occurredAt }: { id: IntentId; occurredAt: EpochMs },
  tombstones: Tombstones,
): TakenBack | undefined {
  const tombstone = tombstones.get(id)
  switch (tombstone?.kind) {
    case undefined:
      return undefined
    case 'retracted':
      return { outcome: 'retracted', why: { rule: 'retracted' } }
    case 'superseded':
      if (occurredAt > tombstone.until) return undefined
      return { outcome: 'superseded', why: { rule: 'superseded', value: tombstone.by } }
    default:
      return tombstone satisfies never
  }
}

/** What a retraction finds: counts of deliveries, and of decisions where there is no delivery yet. */
export type Retracted = {
  /** Inbox items that had been seen. They are removed too. */
  seen: number
  /** Not sent yet, and will not be: each ends as `retracted`. */
  cancelled: number
  /** Inbox items removed before anybody saw them. */
  removed: number
  /** Accepted by a provider, or in the middle of being sent, or perhaps sent, or told in a digest. */
  tooLate: number
  /** An audience is still being read: its members to come are refused, each as `retracted`. */
  expanding: boolean
}
