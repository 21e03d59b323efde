import { tells } from './chain.ts'
import type { Counted, Counting, Took } from './count.ts'
import type { Span } from './count-people.ts'
import type { Prepared } from './count-prepared.ts'
import type { UnitJudge } from './count-unit.ts'
import { type Words, wordsMax } from './count-words.ts'
import { fieldsApart } from './fold.ts'
import { durationGrowth } from './stages.ts'

export type Tally = {
  /** Counts so many units alike, with the groups of one of their stories. */
  add(unit: UnitJudge, alike: Span & { period: number; n: number }): void
  result(): { counted: Counted[]; took: Took[] }
}

/** Units by group, and in it by how far they came and how they ended, as one number. */
type Cell = { groups: (string | null)[]; alike: Map<number, number>; took: Map<number, number> }

const bucketsMax = 1 << 12
const growth = Math.log(durationGrowth)

export function openTally({ edges = [], times = false }: Counting, words: Words): Tally {
  const cells = new Map<string, Cell>()
  // A cell for each of the facts of the latest fold, in each period.
  let lately: { of: Prepared; cells: Map<number | string, Cell> } | undefined

  const cellOf = (groups: (string | null)[], key: string): Cell => {
    let cell = cells.get(key)
    if (cell === undefined) cells.set(key, (cell = { groups, alike: new Map(), took: new Map() }))
    return cell
  }
  const find = ({ own }: UnitJudge, { of, story, period }: Span & { period: number }): Cell => {
    const fact = of.fold.fact[story]!
    if (lately?.of !== of) lately = { of, cells: new Map() }
    const place = (period + 1) * of.fold.facts.length + fact
    const key = own === undefined ? place : `${place} ${own.join(fieldsApart)}`
    let cell = lately.cells.get(key)
    if (cell === undefined) {
      const values = of.groups[fact]!.map((value, at) => value ?? own?.[at] ?? null)
      const groups = [...(edges.length > 0 ? [String(period)] : []), ...values]
      lately.cells.set(key, (cell = cellOf(groups, JSON.stringify(groups))))
    }
    return cell
  }
  return {
    add(unit, one) {
      const { alike, took } = find(unit, one)
      const { n } = one
      const { told, reached, moments } = unit.chain
      const shape = (reached * 4 + told) * 2 + Number(unit.machine)
      const key = (shape * wordsMax + unit.fate) * wordsMax + unit.reason + 1
      alike.set(key, (alike.get(key) ?? 0) + n)
      if (!times) return
      for (let step = 1; step <= reached; step++) {
        if (!tells(told, step)) continue
        const ms = Math.max(1, moments[step]! - moments[step - 1]!)
        const bucket = step * bucketsMax + Math.ceil(Math.log(ms) / growth)
        took.set(bucket, (took.get(bucket) ?? 0) + n)
      }
    },
    result() {
      const all = [...cells.values()]
      const counted = all.flatMap(({ groups, alike }) =>
        [...alike].map(([key, n]): Counted => ({ groups, ...shapeOf(key, words), n })),
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
    ...{ told: (shape >> 1) & 3, reached: shape >> 3, machine: (shape & 1) === 1 },
    ...{ fate: words.at(fate), reason: reason < 0 ? null : words.at(reason) },
  }
}
