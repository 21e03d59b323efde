import { openGroups } from './count-groups.ts'
import { openPeople } from './count-people.ts'
import { periodOf } from './count-periods.ts'
import { prepare, type Prepared } from './count-prepared.ts'
import { newSummaries, summarizing } from './count-summary.ts'
import { openTally } from './count-tally.ts'
import { openUnit } from './count-unit.ts'
import { dictionaries } from './count-words.ts'
import { type Folded, hourMs } from './fold.ts'
import type { Dimension, Filter } from './question.ts'
import type { Ordering, Unit } from './stages.ts'

/** What is counted, and by what. */
export type Counting = Ordering & {
  unit: Unit
  only?: Partial<Record<Filter, string | undefined>>
  since?: number | undefined
  until?: number | undefined
  by?: readonly Dimension[]
  /** Ascending instants: the first group is then the place of the period, from 0. */
  edges?: readonly number[]
  includeSimulated?: boolean | undefined
  /** Counts how long each step took, too. */
  times?: boolean | undefined
  /** Of notifications: tells of each group whether it is of so many people; needs folds with their people. */
  peopleMost?: number | undefined
}

/** Units that came equally far and ended alike. `told`: bit 0 tells of `delivered`, bit 1 of `seen`, bit 2 of `acted`. */
export type Counted = {
  groups: (string | null)[]
  told: number
  reached: number
  fate: string
  reason: string | null
  /** A machine opened it, and no person did. */
  machine: boolean
  n: number
  /** Of how many people their group is, where there are fewer than were asked for. */
  people?: number | undefined
}
/** How many took so long for a step: `bucket` is a power of the growth, 0 is no time. */
export type Took = { groups: (string | null)[]; step: number; bucket: number; n: number }

export type Counter = {
  add: (fold: Folded) => void
  /** Of a fold that was added without them. */
  addPeople: (fold: Folded) => void
  /** Whether a group has fewer people than were asked for, of those who were added. */
  isShort: () => boolean
  /** To be called once; it lets others work between the parts of many people. */
  done: () => Promise<{ counted: Counted[]; took: Took[] }>
}

/**
 * Counts folds as they are added: notifications at once, people when all are there, for they may be in any of them. Takes no order.
 * Pure.
 */
export function startCounting(counting: Counting): Counter {
  const known = dictionaries()
  const unit = openUnit(counting, known)
  const groups = openGroups({ withPeriod: (counting.edges?.length ?? 0) > 0 })
  const tally = openTally(counting, { unit, groups, words: known.words })
  const summarize = summarizing(known)
  const people = openPeople(counting, { summarize, groups })
  const summary = { of: newSummaries(1), at: 0 }
  /** `counts`: how often each is counted. */
  const addNotifications = (of: Prepared, counts: 0 | 1) => {
    const { fold } = of
    for (const { period, shared, has } of weigh(of, counting)) {
      const group = groups.placesOf(of, period)
      const people: (Set<number> | undefined)[] = []
      for (let story = 0; story < shared.length; story++) {
        const facts = fold.fact[story]!
        if (shared[story] === 0 || !of.asked[facts]) continue
        summarize.story(summary, of, story)
        if (unit.judge(summary, () => [{ of, story }]))
          people[story] = tally.add(group[facts]!, counts * shared[story]!)
      }
      addPeople({ fold, has, people }, counting)
    }
  }
  return {
    add(fold) {
      const of = prepare(fold, counting, known)
      if (of === undefined) return
      if (counting.unit === 'recipient') people.add(of)
      else addNotifications(of, 1)
    },
    addPeople(fold) {
      const of = prepare(fold, counting, known)
      if (of !== undefined) addNotifications(of, 0)
    },
    isShort: tally.isShort,
    async done() {
      await people.each((person, { group, spans }) => void (unit.judge(person, spans) && tally.add(group, 1)))
      return tally.result()
    },
  }
}

/** How many notifications have each story, of those in the time that is asked for, by period. */
function weigh({ fold, whole }: Prepared, { since, until, edges = [] }: Counting): Weighed[] {
  const first = periodOf(edges, fold.cohort)
  if (whole && first === periodOf(edges, fold.cohort + hourMs - 1))
    return [{ period: first, shared: fold.shared, has: () => true }]
  const byPeriod = new Map<number, Uint32Array>()
  const periodAt = (n: number) => {
    const at = fold.cohort + fold.occurred[n]!
    const isOut = (since !== undefined && at < since) || (until !== undefined && at >= until)
    return isOut ? undefined : periodOf(edges, at)
  }
  for (let n = 0; n < fold.story.length; n++) {
    const period = periodAt(n)
    if (period === undefined) continue
    let shared = byPeriod.get(period)
    if (shared === undefined) byPeriod.set(period, (shared = new Uint32Array(fold.shared.length)))
    shared[fold.story[n]!]!++
  }
  return Array.from(byPeriod, ([period, shared]) => ({ period, shared, has: n => periodAt(n) === period }))
}
/** `has`: whether a notification of the fold is one of them. */
type Weighed = { period: number; shared: Uint32Array; has: (n: number) => boolean }

/** Adds to the people of the group of each story, until they are so many. */
function addPeople(
  { fold, has, people }: { fold: Folded; has: Weighed['has']; people: readonly (Set<number> | undefined)[] },
  { peopleMost = 0 }: Counting,
): void {
  const { story, person } = fold
  if (person.length === 0 || !people.some(own => own !== undefined && own.size < peopleMost)) return
  for (let n = 0; n < story.length; n++) {
    const own = people[story[n]!]
    // As many bits of the hash as a number holds.
    if (own !== undefined && own.size < peopleMost && has(n))
      own.add((person[2 * n]! & 0x1f_ffff) * 2 ** 32 + person[2 * n + 1]!)
  }
}

/** Whether a question can be answered from stories alone: all hours are whole, and within a period each. */
export const byStories = ({ since = 0, until = 0, edges = [] }: Counting): boolean =>
  [since, until, ...edges].every(time => time % hourMs === 0)
