import type { Outcome } from './outcome.ts'
import type { EpochMs } from './ids.ts'

/** Why a hold waits. `stopped_late`: by a stop, when it had passed dedupe. */
export const holdReasons = [
  'scheduled',
  'quiet_hours',
  'digest',
  'budget',
  'escalation',
  'presence',
  'stopped',
  'stopped_late',
  'spread',
  'quarantine',
] as const
export type HoldReason = (typeof holdReasons)[number]

/**
 * Why a decision is what it is: `rule` is the machine code, `value` what the rule looked at
 * (never an address, never message data), `sentence` the same for a person.
 */
export type Why = { rule: Rule; value?: string }

export const rules = [
  'default',
  'mandatory',
  'opted_in',
  'opted_out',
  'muted_thread',
  'erased',
  'no_endpoint',
  'endpoint_suppressed',
  'deduplicated',
  'throttled',
  'quiet_hours',
  'scheduled',
  'expired',
  'maybe_sent',
  'not_called',
  'paused',
  'holdout',
  'digest',
  'digested',
  'level',
  'mention_off',
  'budget',
  'over_budget',
  'read',
  'escalation',
  'escalation_stopped',
  'active',
  'stayed_active',
  'killed',
  'stopped',
  'tenant_locked',
  'tenant_default',
  'retracted',
  'superseded',
  'spread',
  'dry_run',
  'not_allowed_here',
  'quarantined',
  'discarded',
  'volume',
  'template_failed',
  'rejected',
  'rerouted',
  'unsendable',
  'tried_again',
] as const
export type Rule = (typeof rules)[number]

/** The router's verdict for one (intent, recipient, channel). */
export type Verdict =
  | { kind: 'deliver'; why: Why }
  | { kind: 'held'; reason: HoldReason; until: EpochMs; why: Why }
  | { kind: 'refused'; outcome: Outcome; why: Why }

/** The rule by which something waits. */
export const ruleOfHold = (reason: HoldReason): Rule => {
  switch (reason) {
    case 'presence':
      return 'active'
    case 'stopped_late':
      return 'stopped'
    case 'quarantine':
      return 'quarantined'
    default:
      return reason
  }
}

/** The sentence for a person. Every rule has one. */
export const sentence = ({ rule, value = '' }: Why): string => sentences[rule](value)

const sentences: { readonly [R in Rule]: (value: string) => string } = {
  default: () => 'To be sent: nothing speaks against it.',
  mandatory: () => 'To be sent: the type is mandatory, opt-outs do not apply.',
  opted_in: value => `To be sent: the person switched ${value} on.`,
  opted_out: value => `Not sent: the person switched ${value} off.`,
  muted_thread: value => `Not sent: the person muted ${value}.`,
  erased: () => 'Not sent: the person was erased.',
  no_endpoint: value => `Not sent: the person has no usable address for ${value}.`,
  endpoint_suppressed: value => `Not sent: the address must not be used (${value}).`,
  deduplicated: value => {
    const [within, since] = value.split(' since ')
    return since === undefined
      ? `Not sent: the same was told within ${within}.`
      : `Not sent: a duplicate of what happened at ${since}; the same is told once in ${within}.`
  },
  throttled: value => `Not sent: more than ${value} for this person.`,
  quiet_hours: value => `Held: quiet hours until ${value}.`,
  scheduled: value => `Held: to be sent at ${value}.`,
  expired: value => `Not sent: it was worth something until ${value}.`,
  maybe_sent: value => `In doubt: an earlier call may have sent it, and it was not sent again (${value}).`,
  not_called: () => 'Not done yet: no provider could be called.',
  paused: value => `Not sent: the person paused everything until ${value}.`,
  holdout: value => `Not sent: the person is in a holdout group (${value}).`,
  digest: value => `Held: told together with others, ${value}.`,
  budget: value => `Held: the person has been told enough for now, ${value}.`,
  over_budget: value => `Not sent: the person had been told enough until it was worth nothing any more, ${value}.`,
  digested: value => `Not sent by itself: told together with others${value && `, in intent ${value}`}.`,
  level: value => `Not sent: the person set the level to ${value}.`,
  mention_off: value => `Not sent: the person switched mentions of ${value} off.`,
  read: value => `Not sent: the person has read ${value} already.`,
  escalation: value => `Held: until ${value}, in case what went out before is not enough.`,
  escalation_stopped: value => `Not sent: what went out before was enough (${value}).`,
  active: value => `Held: the person is active elsewhere until ${value}.`,
  stayed_active: value => `Not sent: the person stayed active elsewhere for ${value}.`,
  killed: value => `Not sent: an operator stopped ${value}.`,
  stopped: value => `Held: an operator stopped ${value}.`,
  tenant_locked: value => `The tenant has locked it ${value}.`,
  tenant_default: value => `The default of the tenant is ${value}.`,
  retracted: () => 'Not sent: the product took it back.',
  spread: value => `Held: people are told one after the other, and it is this one’s turn at ${value}.`,
  superseded: value => `Not sent: ${value ? `intent ${value}` : 'another'} took its place.`,
  quarantined: value => `Held: it is for more than ${value} people, and waits for an operator.`,
  volume: value => `Held: there are more than ${value} of its kind in ten minutes, and it waits for an operator.`,
  discarded: () => 'Not sent: it was held as too many, and an operator discarded it.',
  dry_run: value => `Not sent: a dry run; else it would have been ${dryRunWords(value)}.`,
  template_failed: value => `Not sent: its template failed (${value}).`,
  rejected: value => `Not sent: the provider refused the message (${value}).`,
  rerouted: value => {
    const [route, why] = value.split(' ')
    return `Not sent yet: it goes by ${route}, since the account before ${why === 'refused' ? 'refuses our settings' : 'is not to be called now'}.`
  },
  unsendable: value => `Not sent: no provider could take it, and none was asked (${value}).`,
  tried_again: value => `Not done yet: it is tried again (${value === 'deadline' ? 'no answer in time' : value}).`,
  not_allowed_here: () => 'Not sent: the person is not on the list of those who may be told by this installation.',
}

const dryRunWords = (value: string): string => (value === 'deliver' ? 'sent' : `held (${value.replaceAll('_', ' ')})`)
