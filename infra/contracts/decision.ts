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
    default:
      return reason
  }
}

/** The sentence for a person. Every rule has one. */
export function sentence(why: Why): string {
  const value = why.value ?? ''
  switch (why.rule) {
    case 'default':
      return 'Sent: nothing speaks against it.'
    case 'mandatory':
      return 'Sent: the type is mandatory, opt-outs do not apply.'
    case 'opted_in':
      return `Sent: the person switched ${value} on.`
    case 'opted_out':
      return `Not sent: the person switched ${value} off.`
    case 'muted_thread':
      return `Not sent: the person muted ${value}.`
    case 'erased':
      return 'Not sent: the person was erased.'
    case 'no_endpoint':
      return `Not sent: the person has no usable address for ${value}.`
    case 'endpoint_suppressed':
      return `Not sent: the address must not be used (${value}).`
    case 'deduplicated':
      return `Not sent: the same was told within ${value}.`
    case 'throttled':
      return `Not sent: more than ${value} for this person.`
    case 'quiet_hours':
      return `Held: quiet hours until ${value}.`
    case 'scheduled':
      return `Held: to be sent at ${value}.`
    case 'expired':
      return `Not sent: it was worth something until ${value}.`
    case 'maybe_sent':
      return `In doubt: an earlier call may have sent it, and it was not sent again (${value}).`
    case 'not_called':
      return 'Not done yet: no provider could be called.'
    case 'paused':
      return `Not sent: the person paused everything until ${value}.`
    case 'holdout':
      return `Not sent: the person is in a holdout group (${value}).`
    case 'digest':
      return `Held: told together with others, ${value}.`
    case 'budget':
      return `Held: the person has been told enough for now, ${value}.`
    case 'over_budget':
      return `Not sent: the person had been told enough until it was worth nothing any more, ${value}.`
    case 'digested':
      return `Not sent by itself: told together with others, in intent ${value}.`
    case 'level':
      return `Not sent: the person set the level to ${value}.`
    case 'mention_off':
      return `Not sent: the person switched mentions of ${value} off.`
    case 'read':
      return `Not sent: the person has read ${value} already.`
    case 'escalation':
      return `Held: until ${value}, in case what went out before is not enough.`
    case 'escalation_stopped':
      return `Not sent: what went out before was enough (${value}).`
    case 'active':
      return `Held: the person is active elsewhere until ${value}.`
    case 'stayed_active':
      return `Not sent: the person stayed active elsewhere for ${value}.`
    case 'killed':
      return `Not sent: an operator stopped ${value}.`
    case 'stopped':
      return `Held: an operator stopped ${value}.`
    case 'tenant_locked':
    case 'tenant_default':
      return `${why.rule === 'tenant_locked' ? 'The tenant has locked it' : 'The default of the tenant is'} ${value}.`
    default:
      return why.rule satisfies never
  }
}
