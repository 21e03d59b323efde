import type { Channel } from '#contracts/channel.ts'
import { type HoldReason, type Rule, ruleOfHold, sentence } from '#contracts/decision.ts'
import type { EventKind } from '#contracts/event.ts'
import { type WaitReason, waitReasons } from '#contracts/wait.ts'
import { type EpochMs, type IntentId, isUuid } from '#contracts/ids.ts'
import type { Refusal } from '#contracts/intent.ts'
import { withRemovals } from './dashboard/trace-order.ts'
import { arrivals, eventSentence } from './trace-words.ts'

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

/** What was read elsewhere, taken back or replaced after a push had shown it: devices are told to take it off. `rule`: why. */
export type RemovalLine = {
  at: EpochMs
  intent: IntentId
  recipient: string
  channel: 'push'
  what: 'taken_off'
  rule: RemovalRule
  sentence: string
}
export type RemovalRule = Extract<Rule, 'read' | 'retracted' | 'superseded'>

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

const kindsInOrder: readonly EventKind[] = ['decided', 'settled', 'standing', 'engaged']

const deliveryOf = ({ intent, recipient, channel, endpoint }: TraceLine, batch?: string): string =>
  JSON.stringify([intent, recipient, channel, endpoint, batch])

/**
 * Lines in the order in which it happened: what is told of an attempt comes after it, though its own time may be earlier, for
 * providers tell whole seconds and clocks differ. What names no attempt comes after the first that was accepted.
 */
export function inOrder(lines: readonly TraceLine[]): TraceLine[] {
  const attempted = new Map<string, EpochMs>()
  for (const line of lines.filter(({ kind }) => kind === 'settled').toSorted((a, b) => b.at - a.at)) {
    attempted.set(deliveryOf(line, line.batch), line.at)
    if (line.what === 'sent' || line.what === 'delivered') attempted.set(deliveryOf(line), line.at)
  }
  const happened = (line: TraceLine): EpochMs => {
    if (line.kind !== 'standing' && line.kind !== 'engaged') return line.at
    return Math.max(line.at, attempted.get(deliveryOf(line, line.batch)) ?? line.at)
  }
  const place = ({ kind }: TraceLine) => kindsInOrder.indexOf(kind)
  return lines.toSorted((a, b) => happened(a) - happened(b) || place(a) - place(b) || a.at - b.at)
}

/**
 * Of a mail or text that was opened its provider need not have told anything: its arrival is told at the instant of the deed. An
 * opening of the same second as what the provider tells says it as well.
 */
export function withOpened(lines: readonly TraceLine[]): TraceLine[] {
  const momentOf = (line: TraceLine) => `${line.at} ${deliveryOf(line, line.batch)}`
  const opened = new Set(
    lines.filter(({ kind, what }) => kind === 'engaged' && what.endsWith('opened')).map(line => momentOf(line)),
  )
  return lines.map(line => {
    const { kind, what, channel } = line
    if (kind !== 'standing' || what !== 'delivered' || channel === 'push' || !opened.has(momentOf(line))) return line
    return { ...line, sentence: `${arrivals[channel]}: it was opened.` }
  })
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
  rule: RemovalRule
  told: readonly string[]
  sent: boolean
  done: boolean
}): string | undefined {
  const { rule, told, sent, done } = removal
  if (done && !sent) return undefined
  const unless = rule === 'read' ? ', unless it was read there' : ''
  const devices = `devices were told to take it off the screen${unless} (${told.toSorted().join(', ')})`
  if (done) return `${removalReasons[rule]}: ${devices}.`
  const left = sent ? `${devices}, others are to be` : 'devices that show it are to take it off the screen'
  return `${removalReasons[rule]}: ${left}, within what silent messages they may be sent.`
}

/** Why something is taken off the screens that show it. */
const removalReasons: Record<RemovalRule, string> = {
  read: 'The person has read it elsewhere',
  retracted: 'Its producer took it back',
  superseded: 'Something newer took its place',
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
  const entries = [...trace.refused, ...withRemovals(trace), ...trace.open]
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
  const { retraction, quarantine, expanding } = trace
  const ofAll = [...(retraction ? [retraction] : []), ...(quarantine ? [quarantine] : [])]
  for (const { at, sentence } of ofAll.toSorted((a, b) => a.at - b.at))
    out.push(`${new Date(at).toISOString().replace('T', ' ')}  ${sentence}`)
  if (expanding !== undefined)
    out.push(
      `Its audience ${quarantine?.open ? 'waits with it' : 'is still being expanded'}: ${expanding.toLocaleString('en-US')} people so far.`,
    )
  if (trace.more) out.push('There is more than is listed here.')
  return `${out.length > 0 ? out.join('\n') : 'nothing is known of it'}\n`
}

type Entry = RefusedLine | TraceLine | RemovalLine | OpenLine

const whatOf = (entry: Entry): string => ('state' in entry ? entry.state : entry.what)

function printEntry(entry: Entry, { width, what }: { width: number; what: number }): string[] {
  const when = 'state' in entry ? 'now' : new Date(entry.at).toISOString().replace('T', ' ')
  // The inbox is its own provider.
  const by =
    'kind' in entry || 'state' in entry ? [...new Set([entry.provider, entry.endpoint])].filter(Boolean).join(' ') : ''
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
