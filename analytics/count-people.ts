import type { Counting } from './count.ts'
import { periodOf } from './count-periods.ts'
import type { Prepared } from './count-prepared.ts'

/** A notification by its place in a fold. */
export type Span = { of: Prepared; n: number }
export type People = {
  add(of: Prepared): void
  /** Everybody, once for each group that they are in, with all that is theirs. */
  each(tell: (own: readonly Span[]) => void): void
}

/** Gathers the notifications of each person and group. A person is known by 64 bits of a hash. */
export function openPeople({ edges = [] }: Counting): People {
  const folds: Prepared[] = []
  const periods = Math.max(1, edges.length - 1)
  return {
    add: of => void folds.push(of),
    each(tell) {
      const table = openTable(folds.reduce((sum, { fold }) => sum + fold.fact.length, 0))
      const groups = new Map<string, number>()
      folds.forEach((of, place) => {
        const { fact, cohort, occurred, person } = of.fold
        const known: number[] = []
        for (let n = 0; n < fact.length; n++) {
          if (!of.isAsked(n)) continue
          const period = edges.length > 0 ? periodOf(edges, cohort + occurred[n]!) : 0
          const at = fact[n]! * periods + period
          known[at] ??= numberOf(groups, `${period} ${of.groupKeys[fact[n]!]!}`)
          table.add([person[2 * n]!, person[2 * n + 1]!, known[at]], [place, n])
        }
      })
      table.each(own => tell(own.map(([place, n]) => ({ of: folds[place]!, n }))))
    },
  }
}

function numberOf(groups: Map<string, number>, name: string): number {
  const known = groups.get(name) ?? groups.size
  groups.set(name, known)
  return known
}

type Key = readonly [high: number, low: number, group: number]
type Place = readonly [fold: number, n: number]

/** Lists by key, in arrays of numbers: a map with as many entries as there are people would take ten times the memory. */
function openTable(placesMax: number) {
  let slots = newSlots(1 << 12)
  let used = 0
  const [folds, places, next] = [new Uint32Array(placesMax), new Uint32Array(placesMax), new Int32Array(placesMax)]
  let length = 0
  const grow = () => {
    const larger = newSlots(slots.heads.length * 2)
    for (let slot = 0; slot < slots.heads.length; slot++) {
      if (slots.heads[slot] === 0) continue
      const key = [slots.keys[3 * slot]!, slots.keys[3 * slot + 1]!, slots.keys[3 * slot + 2]!] as const
      const to = slotOf(larger, key)
      larger.keys.set(key, 3 * to)
      larger.heads[to] = slots.heads[slot]!
    }
    slots = larger
  }
  return {
    add(key: Key, [fold, n]: Place) {
      if (used * 2 > slots.heads.length) grow()
      const slot = slotOf(slots, key)
      if (slots.heads[slot] === 0) {
        used++
        slots.keys.set(key, 3 * slot)
      }
      folds[length] = fold
      places[length] = n
      next[length] = slots.heads[slot]!
      slots.heads[slot] = ++length
    },
    each(tell: (own: Place[]) => void) {
      for (const head of slots.heads) {
        const own: Place[] = []
        for (let at = head; at !== 0; at = next[at - 1]!) own.push([folds[at - 1]!, places[at - 1]!])
        if (own.length > 0) tell(own)
      }
    },
  }
}

/** `heads`: one more than the place of the last in a list; 0 is an empty slot. */
type Slots = { heads: Int32Array; keys: Uint32Array }
const newSlots = (size: number): Slots => ({ heads: new Int32Array(size), keys: new Uint32Array(3 * size) })

function slotOf({ heads, keys }: Slots, [high, low, group]: Key): number {
  const mask = heads.length - 1
  let slot = (low ^ Math.imul(group, 0x9e3779b1)) & mask
  while (heads[slot] !== 0 && !(keys[3 * slot] === high && keys[3 * slot + 1] === low && keys[3 * slot + 2] === group))
    slot = (slot + 1) & mask
  return slot
}
