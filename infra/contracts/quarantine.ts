/** How an intent is kept back that is for more people than its type allows. */
export type Quarantine =
  /** Nobody is told until an operator says so, but those whom the operator chose as a sample. */
  | { state: 'open'; most: number; sample: readonly string[] }
  /** Nobody is told any more. */
  | { state: 'discarded' }

/** Of a type that does not say how many people one intent of it may have. */
export const recipientsMaxPreset = 1_000
