import type { Counting } from './count.ts'
import { periodOf } from './count-periods.ts'
import type { Prepared } from './count-prepared.ts'

/** A story by its place in a fold. */
export type Span = { of: Prepared; story: number }
export type People = {
  add(of: Prepared): void
  /** Everybody, once for each group that they are in: `take` hears of all stories that are theirs, then `end` of one of them. */
  each(hear: {
    begin: () => void
    take: (of: Prepared, story: number) => void
    end: (last: Span & { period: number }) => void
  }): void
}

/** Gathers the notifications of each person and group. A person is known by 53 bits of a hash. */
export function openPeople({ edges = [], since = -Infinity, until = Infinity }: Counting): People {
  const folds: Prepared[] = []
  const periods = edges.length + 1
  return {
    add: of => void folds.push(of),
    each({ begin, take, end }) {
      const places = newPlaces(folds.reduce((sum, { fold }) => sum + fold.story.length, 0))
      const groups = new Map<string, Group>()
      folds.forEach((of, place) => {
        const { fact, cohort, occurred, person, story } = of.fold
        const known: Group[] = []
        for (let n = 0; n < story.length; n++) {
          const own = fact[story[n]!]!
          const at = cohort + occurred[n]!
          if (!of.asked[own] || at < since || at >= until) continue
          const period = periodOf(edges, at)
          const pair = own * periods + period + 1
          const group = (known[pair] ??= groupOf(groups, { key: `${period} ${of.groupKeys[own]!}`, period }))
          addPlace(group, places, {
            who: person[2 * n]! * 2 ** 21 + (person[2 * n + 1]! >>> 11),
            fold: place,
            story: story[n]!,
          })
        }
      })
      const { fold, story, next } = places
      for (const { heads, period } of groups.values())
        for (const head of heads) {
          if (head === 0) continue
          begin()
          for (let at = head; at !== 0; at = next[at - 1]!) take(folds[fold[at - 1]!]!, story[at - 1]!)
          end({ of: folds[fold[head - 1]!]!, story: story[head - 1]!, period })
        }
    },
  }
}

/**
 * The people of a group: where the list of each begins (one more than the place of its last; 0 is nobody), in arrays of
 * numbers: a map of so many would take ten times the memory.
 */
type Group = { period: number; who: Float64Array; heads: Int32Array; used: number }
/** Lists of places: `next` is one more than that of the next in the same list. */
type Places = { fold: Uint32Array; story: Uint32Array; next: Int32Array; used: number }

const newPlaces = (most: number): Places => ({
  ...{ fold: new Uint32Array(most), story: new Uint32Array(most), next: new Int32Array(most), used: 0 },
})

const groupSizeMin = 1 << 8

function groupOf(groups: Map<string, Group>, { key, period }: { key: string; period: number }): Group {
  const made = { period, who: new Float64Array(groupSizeMin), heads: new Int32Array(groupSizeMin), used: 0 }
  const group = groups.get(key) ?? made
  groups.set(key, group)
  return group
}

function addPlace(
  group: Group,
  places: Places,
  { who, fold, story }: { who: number; fold: number; story: number },
): void {
  if (group.used * 2 > group.heads.length) grow(group)
  const slot = slotOf(group, who)
  if (group.heads[slot] === 0) {
    group.used++
    group.who[slot] = who
  }
  const at = places.used++
  places.fold[at] = fold
  places.story[at] = story
  places.next[at] = group.heads[slot]!
  group.heads[slot] = at + 1
}

function grow(group: Group): void {
  const { who, heads } = group
  group.who = new Float64Array(who.length * 4)
  group.heads = new Int32Array(heads.length * 4)
  for (let slot = 0; slot < heads.length; slot++) {
    if (heads[slot] === 0) continue
    const to = slotOf(group, who[slot]!)
    group.who[to] = who[slot]!
    group.heads[to] = heads[slot]!
  }
}

function slotOf({ who, heads }: Group, wanted: number): number {
  const mask = heads.length - 1
  // What is known of a person is random already.
  let slot = (wanted % 0x7fffffff) & mask
  while (heads[slot] !== 0 && who[slot] !== wanted) slot = (slot + 1) & mask
  return slot
}
