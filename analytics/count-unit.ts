import { byAll, byEarliest, type Chain } from './chain.ts'
import type { Counting } from './count.ts'
import { countryOf, flag, ofDelivery, ofPerson, type Prepared, stepMask } from './count-prepared.ts'
import type { Span } from './count-people.ts'
import type { Words } from './count-words.ts'
import type { Dimension, Filter } from './question.ts'
import { stages } from './stages.ts'

/** One unit after another: `begin`, then the stories of its notifications, then how far it came. Read before the next begins. */
export type UnitJudge = {
  begin: () => void
  take: (of: Prepared, story: number) => void
  /** False: it is none (nobody decided about it), or is not asked for. */
  judge(): boolean
  readonly chain: Chain
  /** Places of words; no reason is -1. */
  readonly fate: number
  readonly reason: number
  readonly machine: boolean
  /** By what it is grouped that is known of it alone, in the order of `by`; others are null. */
  readonly own: readonly (string | null)[] | undefined
}

const acceptedAt = stages.indexOf('accepted')

export function openUnit(counting: Counting, words: Words): UnitJudge {
  const { only = {}, by = [] } = counting
  const late = new Set<Dimension>([...ofDelivery, ...(counting.unit === 'recipient' ? ofPerson : [])])
  const filters = (Object.keys(only) as Filter[]).filter(one => only[one] !== undefined && late.has(one))
  const hasOwn = filters.length > 0 || by.some(one => late.has(one))
  const outcomeAt = by.indexOf('outcome')
  const [retrying, queued, tooLate] = ['retrying', 'queued', 'too_late'].map(words.placeOf) as [number, number, number]
  const earliest = new Float64Array(stages.length)
  const chain: Chain = { told: 0, reached: 0, moments: new Float64Array(stages.length) }
  const spans = openSpans()
  const ends = openEnds(words)
  // Bits of what was seen of it, and of what is told of its channels.
  let seen = 0
  let told = 0
  const unit = {
    chain,
    ...{ fate: 0, reason: -1, machine: false, own: undefined as (string | null)[] | undefined },
    begin() {
      earliest.fill(Infinity)
      ends.clear()
      spans.clear()
      told = seen = 0
    },
    take(of: Prepared, story: number) {
      spans.add(of, story)
      const { flags, starts } = of
      const { fact, code: codes, at: times } = of.fold
      told |= of.told[fact[story]!]!
      for (let at = starts[story]!, last = starts[story + 1]!; at < last; at++) {
        const means = flags[codes[at]!]!
        if (means & flag.skip) continue
        const time = times[at]!
        for (let steps = means & stepMask; steps !== 0; steps &= steps - 1) {
          const step = 31 - Math.clz32(steps & -steps)
          if (time < earliest[step]!) earliest[step] = time
        }
        if (means & endings) ends.take(means, of, { code: codes[at]!, at: time })
        seen |= means
      }
    },
    judge() {
      if (earliest[0] === Infinity) return false
      unit.own = hasOwn ? ownOf(spans.all(), { only, filters, by }) : undefined
      if (hasOwn && unit.own === undefined) return false
      chain.told = told
      if (!byEarliest(chain, earliest, counting)) byAll(chain, timesOf(spans.all()), counting)
      unit.machine = (seen & flag.machine) !== 0 && (seen & flag.opened) === 0
      unit.fate = fate()
      if (outcomeAt >= 0) unit.own = (unit.own ?? by.map(() => null)).with(outcomeAt, words.at(unit.fate))
      unit.reason = seen & flag.held && words.at(unit.fate) === 'held' ? ends.wordOf(held) : -1
      return true
    },
  }
  const fate = (): number => {
    const { reached } = chain
    if (reached === 0 && earliest[1] === Infinity) return ends.wordOf(undelivered)
    if (seen & flag.accepted) return reached < acceptedAt ? tooLate : ends.wordOf(accepted)
    return seen & flag.closed ? ends.wordOf(closed) : seen & flag.moved ? retrying : queued
  }
  return unit
}

const [accepted, closed, undelivered, held] = [0, 1, 2, 3] as const
const endings = flag.accepted | flag.closed | flag.undelivered | flag.held

/** The last of each kind of end, or of what was at the same time the greatest word. */
function openEnds(words: Words) {
  const [times, places] = [new Float64Array(4), new Int32Array(4)]
  const end = (kind: number, at: number, word: number) => {
    if (at < times[kind]! || (at === times[kind]! && words.at(word) <= words.at(places[kind]!))) return
    times[kind] = at
    places[kind] = word
  }
  return {
    clear: () => void times.fill(-Infinity),
    wordOf: (kind: number): number => places[kind]!,
    take(means: number, { what, rule }: Prepared, { code, at }: { code: number; at: number }) {
      const word = what[code]!
      if (means & flag.accepted && (times[accepted] === -Infinity || words.at(word) < words.at(places[accepted]!))) {
        // Of several that accepted it the word that comes first: delivered before sent.
        times[accepted] = at
        places[accepted] = word
      }
      if (means & flag.closed) end(closed, at, word)
      if (means & flag.undelivered) end(undelivered, at, word)
      if (means & flag.held) end(held, at, rule[code]!)
    },
  }
}

/** The stories of one unit after another, in arrays that are used again. */
function openSpans() {
  const [folds, stories]: [Prepared[], number[]] = [[], []]
  let length = 0
  return {
    clear: () => void (length = 0),
    add(of: Prepared, story: number) {
      folds[length] = of
      stories[length++] = story
    },
    all: (): Span[] => Array.from({ length }, (_, at) => ({ of: folds[at]!, story: stories[at]! })),
  }
}

/** All times of each step. */
function timesOf(spans: readonly Span[]): number[][] {
  const times: number[][] = stages.map(() => [])
  for (const { of, story } of spans)
    for (let at = of.starts[story]!; at < of.starts[story + 1]!; at++) {
      const means = of.flags[of.fold.code[at]!]!
      if (means & flag.skip) continue
      for (let steps = means & stepMask; steps !== 0; steps &= steps - 1)
        times[31 - Math.clz32(steps & -steps)]!.push(of.fold.at[at]!)
    }
  return times
}

type Wanted = { only: NonNullable<Counting['only']>; filters: readonly Filter[]; by: readonly Dimension[] }

/** What is known of the unit alone; undefined when that is not asked for. */
function ownOf(spans: readonly Span[], { only, filters, by }: Wanted): (string | null)[] | undefined {
  const values: Partial<Record<Dimension, string | null>> = { ...deliveryOf(spans), ...personOf(spans) }
  if (filters.some(one => values[one] !== only[one])) return undefined
  return by.map(one => values[one] ?? null)
}

/** Of the first delivery that was accepted, else of the first that was tried. */
function deliveryOf(spans: readonly Span[]): Partial<Record<Dimension, string | null>> {
  let found: { at: number; rank: number; of: Prepared; code: number } | undefined
  for (const { of, story } of spans)
    for (let place = of.starts[story]!; place < of.starts[story + 1]!; place++) {
      const code = of.fold.code[place]!
      const means = of.flags[code]!
      if (means & flag.skip || !(means & flag.settled)) continue
      const [at, rank] = [of.fold.at[place]!, means & flag.accepted ? 1 : 0]
      const isLater =
        found !== undefined &&
        (at > found.at || (at === found.at && wordsOf(of, code) >= wordsOf(found.of, found.code)))
      if (found && (rank < found.rank || (rank === found.rank && isLater))) continue
      found = { at, rank, of, code }
    }
  if (!found) return {}
  const { provider, platform, app_version } = found.of.fold.codes[found.code]!
  return { provider, platform, app_version }
}

/** What is at the same time has an order of its own, so that who asks twice is told the same. */
const wordsOf = ({ fold }: Prepared, code: number): string => {
  const { provider, platform, app_version } = fold.codes[code]!
  return `${provider} ${platform} ${app_version}`
}

function personOf(spans: readonly Span[]): Partial<Record<Dimension, string | null>> {
  const greatest = (field: 'arm' | 'locale') =>
    spans.reduce<string | null>((most, { of, story }) => {
      const own = of.fold.facts[of.fold.fact[story]!]![field]
      return own !== null && (most === null || own > most) ? own : most
    }, null)
  const locale = greatest('locale')
  return { arm: greatest('arm'), locale, country: countryOf(locale) }
}
