import type { Channel } from '#contracts/channel.ts'
import { type Rule, rules, sentence } from '#contracts/decision.ts'
import type { EventKind } from '#contracts/event.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Refusal } from '#contracts/intent.ts'
import { type OutcomeOrMoved, outcomes } from '#contracts/outcome.ts'
import type { ToldStanding } from '#contracts/standing.ts'

type Said = {
  what: string
  rule?: string
  value?: string
  channel?: Channel
  /** Who is named as having said so. */
  provider?: string
  kind?: EventKind
  at?: EpochMs
}

/** The sentence of an event: its rule's, else what its outcome or deed means. */
export function eventSentence({ kind, what, rule, value, channel, provider, at }: Said): string {
  // A younger ledger may know more rules and outcomes than this build.
  if (rule !== undefined)
    return isRule(rule) ? sentence(value === undefined ? { rule } : { rule, value }) : `${rule} ${value ?? ''}`.trim()
  if (kind === 'standing' && isStanding(what)) return standingSentence(what, { channel, provider })
  if (what === 'sent' && at !== undefined)
    return `Sent, and accepted by ${provider ?? 'its provider'} at ${new Date(at).toISOString()}.`
  if (isOutcome(what)) return outcomeSentences[what]
  return Object.hasOwn(deeds, what) ? deeds[what]! : what
}

const isRule = (rule: string): rule is Rule => (rules as readonly string[]).includes(rule)
const isStanding = (what: string): what is ToldStanding => Object.hasOwn(standings, what)
const isOutcome = (what: string): what is OutcomeOrMoved => (outcomes as readonly string[]).includes(what)

/** What became of it where, and who says so: of a push that is its device alone. */
function standingSentence(what: ToldStanding, { channel, provider }: Pick<Said, 'channel' | 'provider'>): string {
  if (what !== 'delivered') return standings[what](provider ?? 'its provider')
  if (channel === undefined) return standings.delivered('its provider or device')
  const teller = channel === 'push' ? 'the device' : provider
  return `${arrivals[channel]}${teller === undefined ? '' : `: ${teller} said so`}.`
}

/** What has arrived where, by channel. */
export const arrivals: Record<Channel, string> = {
  push: 'The push arrived on the device',
  sms: 'The text arrived on the phone',
  email: 'The mail arrived in the mailbox',
  in_app: 'It arrived in the inbox',
}

/** The states of what is open. */
export const openStates: Record<string, string> = {
  ...{
    queued: 'Still queued: it waits for a worker.',
    leased: 'A worker has it.',
    waiting: 'It is tried again later.',
  },
  ...{ doubt: 'It may have been sent: a receipt is awaited.', held: 'Held: it waits for its time.' },
}

/** What people did, and verdicts, by the words of events. */
export const deeds: Record<string, string> = {
  deliver: 'To be sent.',
  held: 'Held.',
  seen: 'Shown on a screen.',
  opened: 'Opened.',
  read: 'Read.',
  acted: 'Acted on.',
  dismissed: 'Dismissed without being opened.',
  machine_opened: 'A machine opened it or followed its link, as scanners of mail do.',
}

/** What was said afterwards, by whoever said it. */
export const standings: Record<ToldStanding, (teller: string) => string> = {
  delivered: teller => `It arrived, says ${teller}.`,
  undelivered: teller => `It did not arrive, says ${teller}.`,
  bounced: teller => `It came back, says ${teller}: the mailbox does not take mail. The address is not used any more.`,
  complained: teller => `The person called it spam, says ${teller}. The address is not used any more.`,
}

/** Why no router could use a message. */
export const refusalSentences: Record<Refusal, string> = {
  malformed: 'Refused: the message is not an intent.',
  conflict: 'Refused: it says something else than the intent whose id or key it has.',
  unknown: 'Refused: it is of a version that was not known here.',
  parked: 'Waits for a build that can route it.',
}

const outcomeSentences: Record<OutcomeOrMoved, string> = {
  moved: 'Not done yet: it is tried again.',
  sent: 'Sent, and accepted by its provider.',
  delivered: 'It is in the inbox.',
  rejected: 'Not sent: the provider refused the message.',
  address_dead: 'Not sent: the provider says that the address no longer exists.',
  expired: 'Not sent: it was worth nothing any more.',
  suppressed_preference: 'Not sent: the person does not want it.',
  suppressed_mute: 'Not sent: the person muted it.',
  suppressed_address: 'Not sent: the address must not be used.',
  suppressed_read: 'Not sent: the person had read it.',
  suppressed_active: 'Not sent: the person was there and saw it.',
  superseded: 'Not sent: something newer took its place.',
  deduplicated: 'Not sent: the same was told before.',
  throttled: 'Not sent: it was one too many for this person.',
  over_budget: 'Not sent: the person had enough notifications for the day.',
  digested: 'Told in a digest.',
  escalation_stopped: 'Not sent: an earlier channel was enough.',
  holdout: 'Not sent: the person is in a holdout group.',
  no_endpoint: 'Not sent: the person has no usable address.',
  killed: 'Not sent: an operator stopped it.',
  retracted: 'Not sent: the product took it back.',
  discarded: 'Not sent: it was discarded from quarantine.',
  dry_run: 'Not sent: only a trial.',
  not_allowed_here: 'Not sent: this installation may not send to that address.',
  template_error: 'Not sent: its template failed.',
  provider_exhausted: 'Given up: the provider failed at every try.',
  in_doubt: 'Nobody knows whether it was sent; it is not sent again.',
}
