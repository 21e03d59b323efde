/**
 * What a blast guard looks at: the people of one intent, or the recipients of a type and producer in ten minutes, when it
 * is admitted; or `members`, the people of one intent with those in a team's own lists, when its audience is about to be
 * read: whom it names is not held any more.
 */
export const guards = ['recipients', 'volume', 'members'] as const
export type Guard = (typeof guards)[number]

/** How an intent is kept back that a blast guard holds. */
export type Quarantine =
  /** Nobody is told until an operator says so, but those whom the operator chose as a sample. `most`: how many are allowed. */
  | { state: 'open'; guard: Guard; most: number; sample: readonly string[] }
  /** Nobody is told any more. */
  | { state: 'discarded' }

/** Of a type that does not say how many people one intent of it may have. */
export const recipientsMaxPreset = 1_000

/** So many recipients of a type and producer in ten minutes are never held, unless `CARILLON_VOLUME_FLOOR` says otherwise. */
export const volumeFloorPreset = 10_000
