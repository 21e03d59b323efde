import type { TakenBack } from './retraction.ts'

/**
 * What we did with a delivery. A closed list, each written once; the position is the stored code (append only).
 * Code 0 is no outcome: the slot moved on into a later batch (a retry, or a doubt that waits for its receipt).
 */
export const outcomes = [
  'moved',
  'sent',
  'delivered',
  'rejected',
  'address_dead',
  'expired',
  'suppressed_preference',
  'suppressed_mute',
  'suppressed_address',
  'suppressed_read',
  'suppressed_active',
  'superseded',
  'deduplicated',
  'throttled',
  'over_budget',
  'digested',
  'escalation_stopped',
  'holdout',
  'no_endpoint',
  'killed',
  'retracted',
  'discarded',
  'dry_run',
  'not_allowed_here',
  'template_error',
  'provider_exhausted',
  'in_doubt',
] as const
export type OutcomeOrMoved = (typeof outcomes)[number]
export type Outcome = Exclude<OutcomeOrMoved, 'moved'>

const codes = new Map<string, number>(outcomes.map((name, code) => [name, code]))
export const outcomeCode = (outcome: OutcomeOrMoved): number => codes.get(outcome)!
export const outcomeName = (code: number): OutcomeOrMoved => {
  const name = outcomes[code]
  if (name === undefined)
    throw new Error(`outcome code ${code} is unknown: this process is older than the ledger it reads`)
  return name
}

/** What a provider said to one attempt. A throw is a bug or an outage; an answer is a value. */
export type Answer =
  | { kind: 'accepted'; providerId: string }
  /**
   * `maybeSent`: the provider asks to try again, but has been seen to have sent; the type's doubt policy decides. `ofSome`, here
   * and below: said of this address or of some of them, and the others are served. `uncalled`, below: known without
   * a request that held it; a connection that could not be made counts as one.
   */
  | { kind: 'retry'; afterMs: number; reason: string; maybeSent?: true; ofSome?: true }
  | { kind: 'pause'; afterMs: number; reason: string; ofSome?: true; uncalled?: true }
  | { kind: 'addressDead'; reason: string; asOf?: number; uncalled?: true }
  | { kind: 'messageDead'; reason: string; uncalled?: true }
  | { kind: 'suppress'; reason: string }
  /** `ofSome`: a fault of what some endpoints need, a platform's key; the account itself is served. */
  | { kind: 'config'; reason: string; ofSome?: true; uncalled?: true }
  | { kind: 'doubt'; reason: string }
  /** Our own inbox only: it was retracted or superseded after its claim, or its person erased, and is not there. */
  | { kind: 'takenBack'; end: TakenBack }
  /** Nobody's word: no request that holds it has left this machine, so it surely was not sent. */
  | { kind: 'notBegun' }
export type AnswerKind = Answer['kind']

/** What doubt (sent or not, nobody knows) means for a type: see law 5. */
export const doubtPolicies = ['resend', 'await_receipt', 'never'] as const
export type DoubtPolicy = (typeof doubtPolicies)[number]
