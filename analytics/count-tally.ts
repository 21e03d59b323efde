import { tells } from './chain.ts'
import type { Counted, Counting, Took } from './count.ts'
import type { Groups } from './count-groups.ts'
import type { UnitJudge } from './count-unit.ts'
import { type Words, wordsMax } from './count-words.ts'
import { durationGrowth, stages } from './stages.ts'

export type Tally = {
  /** Counts so many units like the one that was judged last in a group. Gives whose its units are, for those to be added. */
  add(group: number, n: number): Set<number>
  /** Whether a group has fewer people than were asked for. */
  isShort: () => boolean
  result(): { counted: Counted[]; took: Took[] }
}

/** Units by group, and in it by how far they came and how they ended, as one number. */
type Cell = { alike: Map<number, number>; took: Map<number, number>; people: Set<number> }

const bucketsMax = 1 << 12
/** What is known of units alone makes groups of a group. */
const ownMax = 1 << 26
const growth = Math.log(durationGrowth)
const acceptedAt = stages.indexOf('accepted')

type Of = { unit: UnitJudge; groups: Groups; words: Words }

export function openTally({ edges = [], times = false, peopleMost = 0 }: Counting, { unit, groups, words }: Of): Tally {
  const cells = new Map<number, Cell>()
  const fixed = edges.length > 0 ? 1 : 0
  const valuesOf = (place: number): (string | null)[] => {
    const own = unit.ownValues(place % ownMax)
    return groups.at(Math.floor(place / ownMax)).map((value, at) => value ?? own[at - fixed] ?? null)
  }
  return {
    add(group, n) {
      const place = group * ownMax + unit.own
      let cell = cells.get(place)
      if (cell === undefined) cells.set(place, (cell = { alike: new Map(), took: new Map(), people: new Set() }))
      const { alike, took } = cell
      const { told, reached, moments } = unit.chain
      const shape = (reached * 8 + told) * 2 + Number(unit.machine)
      const key = (shape * wordsMax + unit.fate) * wordsMax + unit.reason + 1
      alike.set(key, (alike.get(key) ?? 0) + n)
      if (!times) return cell.people
      for (let step = 1; step <= reached; step++) {
        if (!tells(told, step)) continue
        const tookMs = moments[step]! - moments[step - 1]!
        // An attempt is known by its answer: one that was accepted at once is told together with that, and nobody measured the call.
        if (step === acceptedAt && tookMs === 0) continue
        const ms = Math.max(1, tookMs)
        const bucket = step * bucketsMax + Math.ceil(Math.log(ms) / growth)
        took.set(bucket, (took.get(bucket) ?? 0) + n)
      }
      return cell.people
    },
    isShort: () => cells.values().some(({ people }) => people.size < peopleMost),
    result() {
      const all = Array.from(cells, ([place, cell]) => ({ ...cell, groups: valuesOf(place) }))
      const counted = all.flatMap(({ groups, alike, people: { size: people } }) =>
        [...alike].map(([key, n]): Counted => ({
          ...{ groups, ...shapeOf(key, words), n },
          ...(people < peopleMost && { people }),
        })),
      )
      const took = all.flatMap(({ groups, took: buckets }) =>
        [...buckets].map(([key, n]): Took => ({
          ...{ groups, step: Math.floor(key / bucketsMax), bucket: key % bucketsMax, n },
        })),
      )
      return { counted, took }
    },
  }
}

function shapeOf(key: number, words: Words): Omit<Counted, 'groups' | 'n'> {
  const reason = (key % wordsMax) - 1
  const fate = Math.floor(key / wordsMax) % wordsMax
  const shape = Math.floor(key / wordsMax / wordsMax)
  return {
    ...{ told: (shape >> 1) & 7, reached: shape >> 4, machine: (shape & 1) === 1 },
    ...{ fate: words.at(fate), reason: reason < 0 ? null : words.at(reason) },
  }
}
