import { byAll, byEarliest, type Chain } from './chain.ts'
import type { Counting } from './count.ts'
import { countryOf, flag, ofDelivery, ofPerson, type Prepared, stepMask } from './count-prepared.ts'
import type { Span } from './count-people.ts'
import type { Words } from './count-words.ts'
import type { Dimension, Filter } from './question.ts'
import { stages } from './stages.ts'

/** One unit after another: `begin`, then its notifications, then how far it came. Read before the next begins. */
export type UnitJudge = {
  begin(): void
  take(of: Prepared, n: number): void
  /** False: it is none (nobody decided about it), or is not asked for. */
  judge(): boolean
  readonly told: number
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
  const chain: Chain = { reached: 0, moments: new Float64Array(stages.length) }
  const spans: Span[] = []
  let [told, moved, machine, opened] = [0, false, false, false]
  // The last of each, or of what was at the same time the greatest word.
  const [accepted, closed, undelivered, held] = [newLast(), newLast(), newLast(), newLast()]
  const later = (last: Last, at: number, word: number) => {
    if (at < last.at || (at === last.at && words.at(word) <= words.at(last.word))) return
    last.at = at
    last.word = word
  }
  const unit = {
    told: 0,
    chain,
    ...{ fate: 0, reason: -1, machine: false, own: undefined as (string | null)[] | undefined },
    begin() {
      earliest.fill(Infinity)
      spans.length = 0
      told = 0
      moved = machine = opened = false
      for (const last of [accepted, closed, undelivered, held]) last.at = -Infinity
    },
    take(of: Prepared, n: number) {
      spans.push({ of, n })
      const { fold, flags } = of
      told |= of.told[fold.fact[n]!]!
      for (let at = of.starts[n]!; at < of.starts[n + 1]!; at++) {
        const code = fold.code[at]!
        const means = flags[code]!
        if (means & flag.skip) continue
        const time = fold.at[at]!
        for (let steps = means & stepMask; steps !== 0; steps &= steps - 1) {
          const step = 31 - Math.clz32(steps & -steps)
          if (time < earliest[step]!) earliest[step] = time
        }
        if (means <= stepMask) continue
        if (
          means & flag.accepted &&
          (accepted.at === -Infinity || words.at(of.what[code]!) < words.at(accepted.word))
        ) {
          accepted.at = time
          accepted.word = of.what[code]!
        }
        if (means & flag.moved) moved = true
        if (means & flag.closed) later(closed, time, of.what[code]!)
        if (means & flag.undelivered) later(undelivered, time, of.what[code]!)
        if (means & flag.held) later(held, time, of.rule[code]!)
        if (means & flag.machine) machine = true
        if (means & flag.opened) opened = true
      }
    },
    judge() {
      if (earliest[0] === Infinity) return false
      unit.own = hasOwn ? ownOf(spans, { only, filters, by }) : undefined
      if (hasOwn && unit.own === undefined) return false
      if (!byEarliest(chain, earliest, told, counting)) byAll(chain, timesOf(spans), told, counting)
      unit.told = told
      unit.machine = machine && !opened
      const { reached } = chain
      if (reached === 0 && earliest[1] === Infinity) unit.fate = undelivered.word
      else if (accepted.at === -Infinity) unit.fate = closed.at !== -Infinity ? closed.word : moved ? retrying : queued
      else unit.fate = reached < acceptedAt ? tooLate : accepted.word
      if (outcomeAt >= 0) unit.own = (unit.own ?? by.map(() => null)).with(outcomeAt, words.at(unit.fate))
      unit.reason = words.at(unit.fate) === 'held' && held.at !== -Infinity ? held.word : -1
      return true
    },
  }
  return unit
}

type Last = { at: number; word: number }
const newLast = (): Last => ({ at: -Infinity, word: 0 })

/** All times of each step. */
function timesOf(spans: readonly Span[]): number[][] {
  const times: number[][] = stages.map(() => [])
  for (const { of, n } of spans)
    for (let at = of.starts[n]!; at < of.starts[n + 1]!; at++) {
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
  for (const { of, n } of spans)
    for (let place = of.starts[n]!; place < of.starts[n + 1]!; place++) {
      const code = of.fold.code[place]!
      const means = of.flags[code]!
      if (means & flag.skip || !(means & flag.settled)) continue
      const [at, rank] = [of.fold.at[place]!, means & flag.accepted ? 1 : 0]
      if (found && (rank < found.rank || (rank === found.rank && at >= found.at))) continue
      found = { at, rank, of, code }
    }
  if (!found) return {}
  const { provider, platform, app_version } = found.of.fold.codes[found.code]!
  return { provider, platform, app_version }
}

function personOf(spans: readonly Span[]): Partial<Record<Dimension, string | null>> {
  const greatest = (field: 'arm' | 'locale') =>
    spans.reduce<string | null>((most, { of, n }) => {
      const own = of.fold.facts[of.fold.fact[n]!]![field]
      return own !== null && (most === null || own > most) ? own : most
    }, null)
  const locale = greatest('locale')
  return { arm: greatest('arm'), locale, country: countryOf(locale) }
}
