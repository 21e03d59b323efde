import { openPeople } from './count-people.ts'
import { prepare } from './count-prepared.ts'
import { openTally } from './count-tally.ts'
import { dictionary } from './count-words.ts'
import { openUnit } from './count-unit.ts'
import type { Folded } from './fold.ts'
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
}

/** Units that came equally far and ended alike. `told`: bit 0 tells of `delivered`, bit 1 of `seen`. */
export type Counted = {
  groups: (string | null)[]
  told: number
  reached: number
  fate: string
  reason: string | null
  /** A machine opened it, and no person did. */
  machine: boolean
  n: number
}
/** How many took so long for a step: `bucket` is a power of the growth, 0 is no time. */
export type Took = { groups: (string | null)[]; step: number; bucket: number; n: number }

/** `done` is to be called once. */
export type Counter = { add(fold: Folded): void; done(): { counted: Counted[]; took: Took[] } }

/**
 * Counts folds as they are added: notifications at once, people when all are there, for they may be in any of them. Takes no order.
 * Pure.
 */
export function startCounting(counting: Counting): Counter {
  const words = dictionary()
  const tally = openTally(counting, words)
  const unit = openUnit(counting, words)
  const people = openPeople(counting)
  return {
    add(fold) {
      const one = prepare(fold, counting, words)
      if (one === undefined) return
      if (counting.unit === 'recipient') return people.add(one)
      for (let n = 0; n < fold.fact.length; n++) {
        if (!one.isAsked(n)) continue
        unit.begin()
        unit.take(one, n)
        if (unit.judge()) tally.add(unit, one, n)
      }
    },
    done() {
      people.each(own => {
        unit.begin()
        for (const { of, n } of own) unit.take(of, n)
        if (unit.judge()) tally.add(unit, own[0]!.of, own[0]!.n)
      })
      return tally.result()
    },
  }
}
