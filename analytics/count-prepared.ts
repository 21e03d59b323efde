import type { Counting } from './count.ts'
import type { Words } from './count-words.ts'
import { isAccepted, isMachine, isOpened, stepBits } from './event-steps.ts'
import { type EventCode, type Folded, hourMs, type NotificationFacts } from './fold.ts'
import type { Dimension, Filter } from './question.ts'
import { channelsTelling } from './stages.ts'

/** A fold in which everything that its words decide is decided once. */
export type Prepared = {
  fold: Folded
  /** Of each of the facts: whether it is asked for, by what is known of it alone. */
  asked: readonly boolean[]
  /** Whether all of the hour is in the time that is asked for. */
  whole: boolean
  /** Of each of the facts: what it is grouped by as far as it tells, the same as one text, and which steps are told of. */
  groups: readonly (readonly (string | null)[])[]
  groupKeys: readonly string[]
  told: Uint8Array
  /** Of each code: what it means, and its words. */
  flags: Int32Array
  what: Int32Array
  rule: Int32Array
  /** Where the events of each story begin. */
  starts: Uint32Array
}

/** What an event means, in the bits above those of its steps. */
export const flag = {
  ...{ skip: 1 << 8, accepted: 1 << 9, moved: 1 << 10, closed: 1 << 11, undelivered: 1 << 12, held: 1 << 13 },
  ...{ machine: 1 << 14, opened: 1 << 15, settled: 1 << 16 },
} as const
export const stepMask = 255

function flagsOf(code: EventCode, includeSimulated: boolean): number {
  if (code.simulated && !includeSimulated) return flag.skip
  const { kind, what } = code
  const settled = kind === 'settled'
  const means: [boolean, number][] = [
    [isAccepted(code), flag.accepted],
    [settled && what === 'moved', flag.moved],
    [settled && what !== 'moved' && !isAccepted(code), flag.closed],
    [kind === 'decided' && what !== 'deliver', flag.undelivered],
    [kind === 'decided' && what === 'held' && code.rule !== null, flag.held],
    [isMachine(code), flag.machine],
    [isOpened(code), flag.opened],
    [settled, flag.settled],
  ]
  return means.reduce((flags, [holds, bit]) => (holds ? flags | bit : flags), stepBits(code))
}

/** Known of a delivery by its events; of a person by all that is theirs. */
export const ofDelivery = ['provider', 'platform', 'app_version'] as const satisfies readonly Filter[]
export const ofPerson = ['arm', 'country', 'locale'] as const satisfies readonly Filter[]

/** The region of a language tag. */
export const countryOf = (locale: string | null): string | null =>
  /^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2}|[0-9]{3})(?:-|$)/.exec(locale ?? '')?.[1]?.toUpperCase() ?? null

/** Undefined: nothing of it is asked for. */
export function prepare(fold: Folded, counting: Counting, words: Words): Prepared | undefined {
  const { only = {}, by = [], since = -Infinity, until = Infinity, includeSimulated = false } = counting
  if (only.type !== undefined && only.type !== fold.type) return undefined
  const later: readonly Dimension[] = [...ofDelivery, 'outcome', ...(counting.unit === 'recipient' ? ofPerson : [])]
  const known = fold.facts.map(facts => ({ ...facts, type: fold.type, country: countryOf(facts.locale) }))
  const valueOf = (facts: (typeof known)[number], one: Dimension) =>
    later.includes(one) ? null : facts[one as keyof typeof facts]
  const filters = (Object.keys(only) as Filter[]).filter(one => only[one] !== undefined && !later.includes(one))
  const asked = known.map(facts => filters.every(one => valueOf(facts, one) === only[one]))
  const groups = known.map(facts => by.map(one => valueOf(facts, one)))
  return {
    fold,
    asked,
    whole: fold.cohort >= since && fold.cohort + hourMs <= until,
    groups,
    groupKeys: groups.map(values => JSON.stringify(values)),
    told: Uint8Array.from(fold.facts, toldOf),
    flags: Int32Array.from(fold.codes, code => flagsOf(code, includeSimulated)),
    what: Int32Array.from(fold.codes, ({ what }) => words.placeOf(what)),
    rule: Int32Array.from(fold.codes, ({ rule }) => (rule === null ? -1 : words.placeOf(rule))),
    starts: startsOf(fold.events),
  }
}

const toldOf = ({ channel }: NotificationFacts): number =>
  Number(channelsTelling('delivered').includes(channel)) + 2 * Number(channelsTelling('seen').includes(channel))

function startsOf(events: Uint32Array): Uint32Array {
  const starts = new Uint32Array(events.length + 1)
  for (let n = 0; n < events.length; n++) starts[n + 1] = starts[n]! + events[n]!
  return starts
}
