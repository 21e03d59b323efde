import { setImmediate } from 'node:timers/promises'
import type { Counting } from './count.ts'
import type { Groups } from './count-groups.ts'
import { periodOf } from './count-periods.ts'
import { isByPerson, type Prepared } from './count-prepared.ts'
import {
  type Briefs,
  briefsOf,
  clear,
  newSummaries,
  type Place,
  type Summaries,
  type Summarizing,
  tellsNothing,
} from './count-summary.ts'
import type { Span } from './count-unit.ts'

/** Hears of a person in a group: a summary of all that is theirs, and on demand the stories that it is made of. */
type Hear = (summary: Place, person: { group: number; spans: () => Span[] }) => void

export type People = {
  add(of: Prepared): void
  each(hear: Hear): Promise<void>
}

/** So many notifications are put together at once: what is known of their people stays in the processor's cache. */
const partSize = 1 << 14
const partsMax = 256

/**
 * Gathers the notifications of each person and group. A person is known by a hash, by the first bits of which they are divided
 * into parts that are put together one after another.
 */
export function openPeople(
  counting: Counting,
  { summarize, groups }: { summarize: Summarizing; groups: Groups },
): People {
  const folds: Told[] = []
  return {
    add(of) {
      const stories = of.fold.fact.length
      const summaries = newSummaries(stories)
      for (let story = 0; story < stories; story++) summarize.story({ of: summaries, at: story }, of, story)
      folds.push({ of, summaries, briefs: briefsOf(summaries) })
    },
    async each(hear) {
      if (folds.length === 0) return
      const entries = inParts(folds, counting, groups)
      const asWhole = isByPerson(counting)
      const { begins, ends } = entries
      const people = openTable(begins.reduce((most, begin, part) => Math.max(most, ends[part]! - begin), 0))
      for (let part = 0; part < begins.length; part++) {
        await setImmediate()
        eachOfPart(part, { folds, entries, people, summarize, asWhole }, hear)
      }
    },
  }
}

/** A fold, and what each of its stories tells. */
type Told = { of: Prepared; summaries: Summaries; briefs: Briefs }

/** Notifications by part, in columns: who (two words of a hash), in which group, whose story. */
type Entries = {
  begins: Uint32Array
  ends: Uint32Array
  high: Uint32Array
  low: Uint32Array
  group: Uint32Array
  fold: Uint32Array
  story: Uint32Array
}

function inParts(folds: readonly Told[], counting: Counting, groups: Groups): Entries {
  const all = folds.reduce((sum, { of }) => sum + of.fold.story.length, 0)
  const bits = Math.max(0, Math.min(Math.log2(partsMax), Math.ceil(Math.log2(Math.max(1, all) / partSize))))
  const partOf = (high: number) => (bits === 0 ? 0 : high >>> (32 - bits))
  const begins = new Uint32Array(1 << bits)
  for (const { of } of folds) {
    const { person } = of.fold
    for (let n = 0; n < person.length; n += 2) begins[partOf(person[n]!)]!++
  }
  for (let part = 0, sum = 0; part < begins.length; part++) [begins[part], sum] = [sum, sum + begins[part]!]
  const ends = begins.slice()
  const column = () => new Uint32Array(all)
  const [high, low, group, fold, story] = [column(), column(), column(), column(), column()]
  folds.forEach(({ of }, place) =>
    eachAsked(of, { counting, groups }, (n, own) => {
      const { person, story: stories } = of.fold
      const at = ends[partOf(person[2 * n]!)]!++
      high[at] = person[2 * n]!
      low[at] = person[2 * n + 1]!
      group[at] = own
      fold[at] = place
      story[at] = stories[n]!
    }),
  )
  return { begins, ends, high, low, group, fold, story }
}

type In = { counting: Counting; groups: Groups }

/** The notifications of a fold that are asked for, with their groups. */
function eachAsked(of: Prepared, { counting, groups }: In, hear: (n: number, group: number) => void): void {
  const { since = -Infinity, until = Infinity, edges = [] } = counting
  const { fact, cohort, occurred, story } = of.fold
  let period = periodOf(edges, cohort)
  let own = groups.placesOf(of, period)
  for (let n = 0; n < story.length; n++) {
    const facts = fact[story[n]!]!
    if (!of.asked[facts]) continue
    if (!of.whole || edges.length > 0) {
      const at = cohort + occurred[n]!
      if (at < since || at >= until) continue
      const next = periodOf(edges, at)
      if (next !== period) own = groups.placesOf(of, (period = next))
    }
    hear(n, own[facts]!)
  }
}

type Parts = { folds: readonly Told[]; entries: Entries; people: Table; summarize: Summarizing; asWhole: boolean }

function eachOfPart(part: number, { folds, entries, people, summarize, asWhole }: Parts, hear: Hear): void {
  const { fold, story, group } = entries
  const [begin, end] = [entries.begins[part]!, entries.ends[part]!]
  const { summaries, heads, next } = people
  const to: Place = { of: summaries, at: 0 }
  people.clear()
  for (let n = begin; n < end; n++) {
    const at = (to.at = people.placeOf(entries, n))
    if (heads[at] === 0) clear(to)
    next[n - begin] = heads[at]!
    heads[at] = n - begin + 1
    const told = folds[fold[n]!]!
    if (asWhole || !tellsNothing(to, told.briefs, story[n]!)) summarize.merge(to, { of: told.summaries, at: story[n]! })
  }
  for (let at = 0; at < people.used; at++) {
    const spans = () => {
      const own: Span[] = []
      for (let n = heads[at]!; n !== 0; n = next[n - 1]!)
        own.push({ of: folds[fold[begin + n - 1]!]!.of, story: story[begin + n - 1]! })
      return own
    }
    hear({ of: summaries, at }, { group: group[begin + heads[at]! - 1]!, spans })
  }
}

/**
 * The people of a part in their groups, numbered from 0 on, in arrays: a map would take ten times the memory. `heads` and
 * `next`: one more than the place of one of their notifications in the part, and of another one; 0 is none.
 */
type Table = {
  summaries: Summaries
  heads: Int32Array
  next: Int32Array
  readonly used: number
  clear: () => void
  placeOf: (entries: Entries, n: number) => number
}

function openTable(most: number): Table {
  const mask = 2 ** Math.ceil(Math.log2(Math.max(2, most * 2))) - 1
  const slots = new Int32Array(mask + 1)
  // Of each person the place of their first notification.
  const firsts = new Uint32Array(most)
  const table = {
    ...{ summaries: newSummaries(most), heads: new Int32Array(most), next: new Int32Array(most), used: 0 },
    clear() {
      slots.fill(0)
      table.heads.fill(0, 0, table.used)
      table.used = 0
    },
    placeOf({ high, low, group }: Entries, n: number) {
      // What is known of a person is random already.
      let slot = (low[n]! ^ Math.imul(group[n]!, 0x9e3779b1)) & mask
      for (;;) {
        const known = slots[slot]!
        if (known === 0) break
        const first = firsts[known - 1]!
        if (low[first] === low[n] && high[first] === high[n] && group[first] === group[n]) return known - 1
        slot = (slot + 1) & mask
      }
      firsts[table.used] = n
      slots[slot] = ++table.used
      return table.used - 1
    },
  }
  return table
}
