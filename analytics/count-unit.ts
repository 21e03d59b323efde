import { byAll, byEarliest, type Chain } from './chain.ts'
import type { Counting } from './count.ts'
import { countryOf, flag, ofDelivery, ofPerson, type Prepared, stepMask } from './count-prepared.ts'
import { ends, mark, marksEach, type Place, timesEach, toldShift } from './count-summary.ts'
import { deliveriesMax, type Dictionaries, dictionary, namesMax, wordsMax } from './count-words.ts'
import type { Dimension, Filter } from './question.ts'
import { stages } from './stages.ts'

/** A story by its place in a fold. */
export type Span = { of: Prepared; story: number }

/** Judges one unit after another by its summary. Read before the next one. */
export type UnitJudge = {
  /** `spans`: its stories, asked for where the summary is not enough. False: nobody decided about it, or it is not asked for. */
  judge(summary: Place, spans: () => readonly Span[]): boolean
  readonly chain: Chain
  /** Places of words; no reason is -1. */
  readonly fate: number
  readonly reason: number
  readonly machine: boolean
  /** The place of what it is grouped by that is known of it alone. */
  readonly own: number
  /** Those values, in the order of `by`; others are null. */
  ownValues: (own: number) => readonly (string | null)[]
}

const acceptedAt = stages.indexOf('accepted')

export function openUnit(counting: Counting, known: Dictionaries): UnitJudge {
  const { words } = known
  const [queued, tooLate] = ['queued', 'too_late'].map(words.placeOf) as [number, number]
  const earliest = new Float64Array(stages.length)
  const chain: Chain = { told: 0, reached: 0, moments: new Float64Array(stages.length) }
  const { isAsked, ownOf, ownValues } = openOwn(counting, known)
  const unit = {
    ...{ chain, ownValues },
    ...{ fate: 0, reason: -1, machine: false, own: 0 },
    judge(summary: Place, spans: () => readonly Span[]) {
      const { of, at } = summary
      const seen = of.marks[at * marksEach + mark.seen]!
      if (!(seen & 1) || !isAsked(summary)) return false
      for (let step = 0; step < stages.length; step++)
        earliest[step] = seen & (1 << step) ? of.times[at * timesEach + step]! : Infinity
      chain.told = seen >>> toldShift
      if (!byEarliest(chain, earliest, counting)) byAll(chain, timesOf(spans()), counting)
      unit.machine = (seen & flag.machine) !== 0 && (seen & flag.opened) === 0
      const end = at * marksEach + mark.end
      unit.fate = fateOf(seen, { marks: of.marks, end })
      unit.reason = seen & flag.held && words.at(unit.fate) === 'held' ? of.marks[end + ends.held]! : -1
      unit.own = ownOf(summary, unit.fate)
      return true
    },
  }
  const fateOf = (seen: number, { marks, end }: { marks: Int32Array; end: number }): number => {
    const { reached } = chain
    if (reached === 0 && earliest[1] === Infinity) return marks[end + ends.undelivered]!
    if (seen & flag.accepted) return reached < acceptedAt ? tooLate : marks[end + ends.accepted]!
    return seen & (flag.closed | flag.moved) ? marks[end + ends.closed]! : queued
  }
  return unit
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

/** What is known of a unit alone: whether that is asked for, and its place among what others have. */
function openOwn({ unit, only = {}, by = [] }: Counting, { words, deliveries, names }: Dictionaries) {
  const person: readonly Dimension[] = unit === 'recipient' ? ofPerson : []
  const late = new Set<Dimension>([...ofDelivery, ...person])
  const filters = (Object.keys(only) as Filter[]).filter(one => only[one] !== undefined && late.has(one))
  const isOf = (dimensions: readonly Dimension[]) => by.some(one => dimensions.includes(one))
  const [byDelivery, byPerson, byOutcome] = [isOf(ofDelivery), isOf(person), by.includes('outcome')]
  const nameOf = (place: number) => (place < 0 ? null : names.at(place))
  const valuesOf = ({ of, at }: Place): Partial<Record<Dimension, string | null>> => {
    const delivery = of.marks[at * marksEach + mark.delivery]!
    const [provider = null, platform = null, app_version = null] =
      delivery < 0 ? [] : (JSON.parse(deliveries.at(delivery >> 1)) as (string | null)[])
    const [arm, locale] = [
      nameOf(of.marks[at * marksEach + mark.arm]!),
      nameOf(of.marks[at * marksEach + mark.locale]!),
    ]
    return { provider, platform, app_version, ...(person.length > 0 && { arm, locale, country: countryOf(locale) }) }
  }
  const people = dictionary(namesMax)
  const found = new Map<number, number>()
  const [owns, places]: [(string | null)[][], Map<string, number>] = [[], new Map()]
  return {
    isAsked: (summary: Place): boolean => {
      if (filters.length === 0) return true
      const values = valuesOf(summary)
      return filters.every(one => values[one] === only[one])
    },
    ownOf: (summary: Place, fate: number): number => {
      const { of, at } = summary
      let key = byOutcome ? fate + 1 : 0
      if (byDelivery) key += wordsMax * ((of.marks[at * marksEach + mark.delivery]! >> 1) + 1)
      if (byPerson)
        key +=
          wordsMax *
          deliveriesMax *
          people.placeOf(`${of.marks[at * marksEach + mark.arm]} ${of.marks[at * marksEach + mark.locale]}`)
      let own = found.get(key)
      if (own === undefined) {
        const values: Partial<Record<Dimension, string | null>> = { ...valuesOf(summary), outcome: words.at(fate) }
        const tuple = by.map(one => (late.has(one) || one === 'outcome' ? (values[one] ?? null) : null))
        const text = JSON.stringify(tuple)
        own = places.get(text) ?? owns.push(tuple) - 1
        places.set(text, own)
        found.set(key, own)
      }
      return own
    },
    ownValues: (own: number) => owns[own]!,
  }
}
