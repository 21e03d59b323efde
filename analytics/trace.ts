import type { Channel } from '#contracts/channel.ts'
import { type HoldReason, type Rule, ruleOfHold, rules, sentence } from '#contracts/decision.ts'
import type { EventKind } from '#contracts/event.ts'
import { type WaitReason, waitReasons } from '#contracts/wait.ts'
import { type EpochMs, type IntentId, isUuid } from '#contracts/ids.ts'
import type { Refusal } from '#contracts/intent.ts'
import { type OutcomeOrMoved, outcomes } from '#contracts/outcome.ts'
import type { ToldStanding } from '#contracts/standing.ts'

/** One thing that happened: machine code and sentence both. `what` is a verdict, an outcome, or what the person did. */
export type TraceLine = {
  at: EpochMs
  intent: IntentId
  type: string
  recipient: string
  channel: Channel
  kind: EventKind
  what: string
  rule?: string
  value?: string
  sentence: string
  /** The intent that it is a duplicate of, where that is known. */
  duplicateOf?: IntentId
  endpoint?: string
  provider?: string
  batch?: string
  set?: string
  simulated?: boolean
}

/** What the ledger still has to do for a person; `until` is when it goes on. */
export type OpenLine = {
  intent: IntentId
  recipient: string
  channel: Channel
  state: 'queued' | 'leased' | 'waiting' | 'doubt' | 'held'
  until: EpochMs
  /** Of a hold: the rule by which it waits. */
  rule?: Rule
  sentence: string
  /** Of what is queued: the deliveries of its lane and channel that fell due before it and wait, too. */
  ahead?: number
  endpoint?: string
  provider?: string
}

/** What was read or taken back after a push had shown it: devices are told to take it off. */
export type RemovalLine = { at: EpochMs; intent: IntentId; recipient: string; sentence: string }

/** A message of the intent that no router could use; `what` is the reason. */
export type RefusedLine = { at: EpochMs; intent: IntentId; type?: string; what: Refusal; sentence: string }

/** `more`: there is more than is listed. `expanding`: audience members reached so far, where not all are yet. */
export type Trace = {
  /** The product took it back, whether anything had come by then or not. */
  retraction?: { at: EpochMs; sentence: string }
  /** A blast guard held it; `open`: it holds it still. */
  quarantine?: { at: EpochMs; sentence: string; open: boolean }
  refused: RefusedLine[]
  lines: TraceLine[]
  open: OpenLine[]
  removals: RemovalLine[]
  more: boolean
  expanding?: number
}

/** True when no message of it was refused or held by a guard, and nothing was or is to be decided. */
export const isUnknown = ({ refused, lines, open, expanding, retraction, quarantine }: Trace): boolean =>
  refused.length + lines.length + open.length === 0 && (expanding ?? retraction ?? quarantine) === undefined

/** The person that all of it is about, where it is one. */
export function onlyRecipientOf({ lines, open }: Trace): string | undefined {
  const [only, ...others] = new Set([...lines, ...open].map(({ recipient }) => recipient))
  return others.length === 0 ? only : undefined
}

type Said = Pick<TraceLine, 'what' | 'rule' | 'value' | 'provider'> & { kind?: EventKind; at?: EpochMs }

/** The sentence of an event: its rule's, else what its outcome or deed means. */
export function eventSentence({ kind, what, rule, value, provider, at }: Said): string {
  // A younger ledger may know more rules and outcomes than this build.
  if (rule !== undefined)
    return isRule(rule) ? sentence(value === undefined ? { rule } : { rule, value }) : `${rule} ${value ?? ''}`.trim()
  if (kind === 'standing' && isStanding(what)) return standings[what]
  if (what === 'sent' && at !== undefined)
    return `Sent, and accepted by ${provider ?? 'its provider'} at ${new Date(at).toISOString()}.`
  if (isOutcome(what)) return outcomeSentences[what]
  return Object.hasOwn(deeds, what) ? deeds[what]! : what
}

/** What was not reported by then is unknown. */
export const reportHours = 72

/**
 * Texts that their provider took `isOld` ago, and that neither it nor anybody else has said anything about since, say so. Computed at
 * reading: a report that comes later still counts.
 */
export function withUnreported(lines: readonly TraceLine[], isOld: (line: TraceLine) => boolean): TraceLine[] {
  const keyOf = ({ intent, recipient, channel, endpoint }: TraceLine) =>
    JSON.stringify([intent, recipient, channel, endpoint])
  const reported = new Set(lines.filter(({ kind }) => kind === 'standing').map(keyOf))
  return lines.map(line => {
    const { kind, what, channel, sentence } = line
    if (kind !== 'settled' || what !== 'sent' || channel !== 'sms' || !isOld(line) || reported.has(keyOf(line)))
      return line
    return { ...line, sentence: `${sentence} No report came within ${reportHours} h: unknown.` }
  })
}

/** Where `originalOf` knows the intent that something is a duplicate of, it is named. */
export function withOriginals(
  lines: readonly TraceLine[],
  originalOf: (line: TraceLine) => IntentId | undefined,
): TraceLine[] {
  return lines.map(line => {
    const duplicateOf = originalOf(line)
    if (duplicateOf === undefined) return line
    return { ...line, duplicateOf, sentence: `${line.sentence} It is a duplicate of intent ${duplicateOf}.` }
  })
}

/** Of what was dropped as a duplicate, when what it repeats happened. */
export function repeatedAt({ rule, value }: TraceLine): EpochMs | undefined {
  const [, since] = rule === 'deduplicated' ? (value?.split(' since ') ?? []) : []
  const at = Date.parse(since ?? '')
  return Number.isNaN(at) ? undefined : at
}

/** The intent that something was told in, or replaced by. */
export const namedIn = ({ rule, value }: TraceLine): IntentId | undefined =>
  (rule === 'digested' || rule === 'superseded') && isUuid(value) ? (value as IntentId) : undefined

/** What of a line who is of a tenant may know: of others neither which intent it was, nor when it happened. */
export function withoutOthers(line: TraceLine, isOwn: (named: IntentId | 'repeated') => boolean): TraceLine {
  const named = namedIn(line) ?? (repeatedAt(line) === undefined ? undefined : 'repeated')
  if (named === undefined || isOwn(named)) return line
  const { value, ...told } = line
  const left = { ...told, ...(named === 'repeated' && { value: value!.split(' since ')[0]! }) }
  return { ...left, sentence: eventSentence(left) }
}

/** The sentence of a message that was refused, from the problems that were found. */
export function refusedSentence(refused: { what: Refusal; problems: string; readmittedAt?: EpochMs }): string {
  const { what, readmittedAt: at } = refused
  if (what !== 'parked')
    return at === undefined
      ? `Refused: ${refused.problems}.`
      : `Was refused, and admitted again at ${new Date(at).toISOString()}: ${refused.problems}.`
  if (at === undefined) return `Parked, to be routed by a build that can: ${refused.problems}.`
  return `Was parked until ${new Date(at).toISOString()}: ${refused.problems}.`
}

/** The sentence of a tombstone: for what was not sent by then. `successor`: what took its place, in words. */
export const retractionSentence = ({ successor }: { successor: string | null }): string =>
  successor === null
    ? `Retracted by its producer: what was not sent by then never will be.`
    : `Superseded by ${successor}: what was not sent by then never will be, unless it happened later.`

/**
 * The sentence of a removal. `told`: the devices that need no word any more, because they were sent one, or because it was read
 * there; `sent`: at least one was. Undefined: there was nothing to take off.
 */
export function removalSentence(removal: {
  why: string
  told: readonly string[]
  sent: boolean
  done: boolean
}): string | undefined {
  const { why, told, sent, done } = removal
  if (done && !sent) return undefined
  const because = why === 'read' ? 'It was read' : 'Its producer took it back or replaced it'
  const unless = why === 'read' ? ', unless it was read there' : ''
  const devices = `devices were told to take it off the screen${unless} (${told.toSorted().join(', ')})`
  if (done) return `${because}: ${devices}.`
  const left = sent ? `${devices}, others are to be` : 'devices that show it are to take it off'
  return `${because}: ${left}, within what silent messages they may be sent.`
}

export function quarantineSentence(found: {
  recipients: number
  more: boolean
  guard: string
  most: number
  volume: number
  ended_how: string | null
  ended_by: string | null
}): string {
  const people = `${found.more ? 'more than ' : ''}${found.recipients.toLocaleString('en-US')}`
  const most = found.most.toLocaleString('en-US')
  const why =
    found.guard === 'volume'
      ? `In quarantine: with it there were ${found.volume.toLocaleString('en-US')} of its kind in ten minutes, and ${most} may be.`
      : `In quarantine${found.guard === 'members' ? ', but for those whom it names' : ''}: for ${people} people, and its type allows ${most}.`
  return found.ended_how === null
    ? `${why} It waits for an operator.`
    : `${why} It was ${found.ended_how} by ${found.ended_by}.`
}

/** The sentence of what is open, from what the ledger knows of it. */
export function openSentence(
  open: Pick<OpenLine, 'state' | 'until' | 'ahead'> & { tries?: number; reason?: HoldReason; waitsFor?: string | null },
): string {
  const until = new Date(open.until).toISOString()
  const tries = open.tries ? `, after ${open.tries} ${open.tries === 1 ? 'try' : 'tries'}` : ''
  switch (open.state) {
    case 'queued':
      return `Still queued${tries}: ${aheadWords(open.ahead)}.`
    case 'leased':
      return `A worker has it, until ${until} at the latest.`
    case 'waiting':
      return `Waits until ${until}${tries}${waitReason(open.waitsFor)}.`
    case 'doubt':
      return `It may have been sent: a receipt is awaited until ${until}.`
    case 'held':
      if (open.reason === 'stopped' || open.reason === 'stopped_late')
        return 'Held: an operator stopped it, until the stop is ended.'
      if (open.reason === 'quarantine') return 'Held: it waits for an operator to release or discard it.'
      return sentence({ rule: ruleOfHold(open.reason!), value: isTogether(open.reason!) ? `at ${until}` : until })
    default:
      return open.state satisfies never
  }
}

/** What is told with others is told at a time, not until one. */
const isTogether = (reason: HoldReason): boolean => reason === 'digest' || reason === 'budget'

const aheadWords = (ahead: number | undefined): string => {
  if (ahead === undefined) return 'it waits for a worker'
  return `${ahead === 0 ? 'nothing is' : ahead === 1 ? '1 is' : `${ahead.toLocaleString('en-US')} are`} ahead of it`
}

/** A younger ledger may know more reasons than this build. */
const waitReason = (reason: string | null | undefined): string =>
  reason && Object.hasOwn(waitReasons, reason) ? `: ${waitReasons[reason as WaitReason]}` : ''

/**
 * A trace for a terminal of `width` columns, ending in a line break: by intent, person and channel, each in order, what
 * is open last. `colour`: with ANSI colours.
 */
export function printTrace(trace: Trace, { width, colour }: { width: number; colour: boolean }): string {
  const paint = (code: string, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)
  const out: string[] = []
  const entries = [...trace.refused, ...trace.lines, ...trace.open]
  const columns = { width, what: Math.max(12, ...entries.map(entry => whatOf(entry).length)) }
  for (const [intent, ofIntent] of Map.groupBy(entries, entry => entry.intent)) {
    const type = ofIntent.flatMap(entry => ('type' in entry && entry.type) || [])[0]
    out.push(paint('1', `intent ${intent}${type === undefined ? '' : `  ${type}`}`))
    const refused = ofIntent.filter(entry => !('recipient' in entry))
    for (const entry of refused) out.push(...printEntry(entry, columns).map(line => paint('31', line)))
    const ofPeople = ofIntent.filter(entry => 'recipient' in entry)
    for (const [to, ofPerson] of Map.groupBy(ofPeople, ({ recipient, channel }) => `${recipient} · ${channel}`)) {
      out.push(`  ${to}`)
      for (const entry of ofPerson)
        out.push(...printEntry(entry, columns).map(line => ('state' in entry ? paint('33', line) : line)))
    }
  }
  const { removals, retraction, quarantine, expanding } = trace
  const ofAll = [
    ...removals.map(({ at, recipient, sentence }) => ({ at, sentence: `${recipient}: ${sentence}` })),
    ...(retraction ? [retraction] : []),
    ...(quarantine ? [quarantine] : []),
  ]
  for (const { at, sentence } of ofAll.toSorted((a, b) => a.at - b.at))
    out.push(`${new Date(at).toISOString().replace('T', ' ')}  ${sentence}`)
  if (expanding !== undefined)
    out.push(
      `Its audience ${quarantine?.open ? 'waits with it' : 'is still being expanded'}: ${expanding.toLocaleString('en-US')} people so far.`,
    )
  if (trace.more) out.push('There is more than is listed here.')
  return `${out.length > 0 ? out.join('\n') : 'nothing is known of it'}\n`
}

type Entry = RefusedLine | TraceLine | OpenLine

const whatOf = (entry: Entry): string => ('state' in entry ? entry.state : entry.what)

function printEntry(entry: Entry, { width, what }: { width: number; what: number }): string[] {
  const when = 'state' in entry ? 'now' : new Date(entry.at).toISOString().replace('T', ' ')
  // The inbox is its own provider.
  const by = 'recipient' in entry ? [...new Set([entry.provider, entry.endpoint])].filter(Boolean).join(' ') : ''
  const marks = `${by === '' ? '' : ` (${by})`}${'simulated' in entry ? ' (simulated)' : ''}`
  const head = `    ${when.padEnd(24)}  ${whatOf(entry).padEnd(what)}  `
  const text = `${entry.sentence}${marks}`
  // In a narrow terminal the sentence gets lines of its own.
  if (width - head.length < sentenceWidthMin)
    return [head.trimEnd(), ...wrapped(text, width - 6).map(line => `      ${line}`)]
  return wrapped(text, width - head.length).map((line, at) => `${at === 0 ? head : ' '.repeat(head.length)}${line}`)
}

const sentenceWidthMin = 24

function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

const isRule = (rule: string): rule is Rule => (rules as readonly string[]).includes(rule)
const isStanding = (what: string): what is ToldStanding => Object.hasOwn(standings, what)
const isOutcome = (what: string): what is OutcomeOrMoved => (outcomes as readonly string[]).includes(what)

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
  machine_opened: 'Its link was followed by a machine, as scanners of mail do.',
}

/** What a provider or a device said afterwards. */
export const standings: Record<ToldStanding, string> = {
  delivered: 'It arrived: the device, its provider, or who opened it, said so.',
  undelivered: 'Its provider says that it did not arrive.',
  bounced: 'It came back: the mailbox does not take mail. The address is not used any more.',
  complained: 'The person called it spam. The address is not used any more.',
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
