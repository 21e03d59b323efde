import type { Counting } from './count.ts'
import type { Dictionaries } from './count-words.ts'
import { isAccepted, isMachine, isOpened, stepBits } from './event-steps.ts'
import { type EventCode, type Folded, hourMs, type NotificationFacts } from './fold.ts'
import type { Dimension, Filter } from './question.ts'
import { channelsTelling } from './stages.ts'

/** A fold in which everything that its words decide is decided once. Places are those of the counting's dictionaries; −1 is none. */
export type Prepared = {
  fold: Folded
  /** Whether all of the hour is in the time that is asked for. */
  whole: boolean
  /** Of each of the facts: whether it is asked for, by what is known of it alone. */
  asked: readonly boolean[]
  /** Of each of the facts: what it is grouped by as far as it tells; which steps are told of; whose it is. */
  groups: readonly (readonly (string | null)[])[]
  told: Uint8Array
  arm: Int32Array
  locale: Int32Array
  /** Of each code: what it means, its words, and by what it was delivered. */
  flags: Int32Array
  what: Int32Array
  rule: Int32Array
  delivery: Int32Array
  /** Where the events of each story begin. */
  starts: Uint32Array
}

/** What an event means, in the bits above those of its steps. */
export const flag = {
  ...{ skip: 1 << 8, accepted: 1 << 9, moved: 1 << 10, closed: 1 << 11, undelivered: 1 << 12, held: 1 << 13 },
  ...{ machine: 1 << 14, opened: 1 << 15, delivered: 1 << 16 },
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
    [settled && what === 'delivered', flag.delivered],
  ]
  return means.reduce((flags, [holds, bit]) => (holds ? flags | bit : flags), stepBits(code))
}

/** Known of a delivery by its events; of a person by all that is theirs. */
export const ofDelivery = ['provider', 'platform', 'app_version'] as const satisfies readonly Filter[]
export const ofPerson = ['arm', 'country', 'locale'] as const satisfies readonly Filter[]

/** Whether people are counted or filtered by what they are. */
export const isByPerson = ({ only = {}, by = [] }: Counting): boolean =>
  ofPerson.some(one => by.includes(one) || only[one] !== undefined)

/** The region of a language tag. */
export const countryOf = (locale: string | null): string | null =>
  /^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2}|[0-9]{3})(?:-|$)/.exec(locale ?? '')?.[1]?.toUpperCase() ?? null

/** Undefined: nothing of it is asked for. */
export function prepare(fold: Folded, counting: Counting, known: Dictionaries): Prepared | undefined {
  const { only = {}, by = [], since = -Infinity, until = Infinity, includeSimulated = false } = counting
  if (only.type !== undefined && only.type !== fold.type) return undefined
  const later: readonly Dimension[] = [...ofDelivery, 'outcome', ...(counting.unit === 'recipient' ? ofPerson : [])]
  const told = fold.facts.map(facts => ({ ...facts, type: fold.type, country: countryOf(facts.locale) }))
  const valueOf = (facts: (typeof told)[number], one: Dimension) =>
    later.includes(one) ? null : facts[one as Exclude<keyof typeof facts, 'success'>]
  const filters = (Object.keys(only) as Filter[]).filter(one => only[one] !== undefined && !later.includes(one))
  const { words, deliveries, names } = known
  const placeIn = ({ placeOf }: { placeOf: (word: string) => number }, word: string | null) =>
    word === null ? -1 : placeOf(word)
  return {
    fold,
    whole: fold.cohort >= since && fold.cohort + hourMs <= until,
    asked: told.map(facts => filters.every(one => valueOf(facts, one) === only[one])),
    groups: told.map(facts => by.map(one => valueOf(facts, one))),
    told: Uint8Array.from(fold.facts, toldOf),
    arm: Int32Array.from(fold.facts, ({ arm }) => placeIn(names, arm)),
    locale: Int32Array.from(fold.facts, ({ locale }) => placeIn(names, locale)),
    flags: Int32Array.from(fold.codes, code => flagsOf(code, includeSimulated)),
    what: Int32Array.from(fold.codes, ({ what }) => words.placeOf(what)),
    rule: Int32Array.from(fold.codes, ({ rule }) => placeIn(words, rule)),
    delivery: Int32Array.from(fold.codes, ({ provider, platform, app_version }) =>
      deliveries.placeOf(JSON.stringify([provider, platform, app_version])),
    ),
    starts: startsOf(fold.events),
  }
}

const toldOf = ({ channel, success }: NotificationFacts): number =>
  Number(channelsTelling('delivered').includes(channel)) +
  2 * Number(channelsTelling('seen').includes(channel)) +
  4 * Number(success !== false)

function startsOf(events: Uint32Array): Uint32Array {
  const starts = new Uint32Array(events.length + 1)
  for (let n = 0; n < events.length; n++) starts[n + 1] = starts[n]! + events[n]!
  return starts
}

/** The notifications of a fold that are asked for, by their places. */
export function eachAsked(
  { fold: { fact, story, cohort, occurred }, asked, whole }: Prepared,
  { since = -Infinity, until = Infinity }: Counting,
  tell: (n: number) => void,
): void {
  for (let n = 0; n < story.length; n++) {
    if (!asked[fact[story[n]!]!]) continue
    if (whole || (cohort + occurred[n]! >= since && cohort + occurred[n]! < until)) tell(n)
  }
}
