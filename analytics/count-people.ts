import { setImmediate } from 'node:timers/promises'
import type { Counting } from './count.ts'
import type { Groups } from './count-groups.ts'
import { periodOf } from './count-periods.ts'
import { eachAsked, isByPerson, type Prepared } from './count-prepared.ts'
import {
  type Briefs,
  brief,
  copy,
  isOfSame,
  newBriefs,
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
// All are written to in turns: of more the processor does not keep the pages at hand.
const partsMax = 64

/**
 * Gathers the notifications of each person and group. A person is known by a hash, by the first bits of which they are divided
 * into parts that are put together one after another.
 */
export function openPeople(
  counting: Counting,
  { summarize, groups }: { summarize: Summarizing; groups: Groups },
): People {
  const folds: Told[] = []
  let stories = openStories(1 << 12)
  return {
    add(of) {
      const base = folds.length === 0 ? 0 : endOf(folds.at(-1)!)
      folds.push({ of, base })
      stories = grown(stories, endOf(folds.at(-1)!))
      const to = { of: stories.summaries, at: 0 }
      for (let story = 0; story < of.fold.fact.length; story++) {
        to.at = base + story
        summarize.story(to, of, story)
        brief(stories.briefs, to)
      }
    },
    async each(hear) {
      // Whom types are counted apart for, their notifications are put together apart: fewer stories are in the cache at a time.
      const apart = Map.groupBy(folds, ({ of }) => (counting.by?.includes('type') ? of.fold.type : ''))
      for (const some of apart.values()) {
        const entries = inParts(some, counting, groups)
        const { begins, ends } = entries
        const people = openTable(begins.reduce((most, begin, part) => Math.max(most, ends[part]! - begin), 0))
        for (let part = 0; part < begins.length; part++) {
          await setImmediate()
          eachOfPart(part, { folds, stories, entries, people, summarize, asWhole: isByPerson(counting) }, hear)
        }
      }
    },
  }
}

/** A fold, and where its stories begin among those of all. */
type Told = { of: Prepared; base: number }
const endOf = ({ of, base }: Told): number => base + of.fold.fact.length

/** What each story tells, of all folds. */
type Stories = { summaries: Summaries; briefs: Briefs }
const openStories = (n: number): Stories => ({ summaries: newSummaries(n), briefs: newBriefs(n) })

/** Makes place for so many: twice as many as there was, so that few are moved. */
function grown(stories: Stories, n: number): Stories {
  const { length } = stories.briefs.seen
  if (n <= length) return stories
  const { summaries, briefs } = openStories(Math.max(n, length * 2))
  summaries.times.set(stories.summaries.times)
  summaries.marks.set(stories.summaries.marks)
  briefs.seen.set(stories.briefs.seen)
  briefs.first.set(stories.briefs.first)
  return { summaries, briefs }
}

/**
 * Notifications by part, four numbers each, side by side, so that one is in one line of the cache: who (two words of a hash), in which
 * group, whose story.
 */
type Entries = { begins: Uint32Array; ends: Uint32Array; rows: Uint32Array }
const entry = { high: 0, low: 1, group: 2, story: 3 } as const
const entryEach = 4

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
  const rows = new Uint32Array(all * entryEach)
  const { edges = [] } = counting
  for (const { of, base } of folds) {
    const { person, story, fact, cohort, occurred } = of.fold
    let period = periodOf(edges, cohort)
    let own = groups.placesOf(of, period)
    eachAsked(of, counting, n => {
      const next = edges.length === 0 ? period : periodOf(edges, cohort + occurred[n]!)
      if (next !== period) own = groups.placesOf(of, (period = next))
      const row = ends[partOf(person[2 * n]!)]!++ * entryEach
      rows[row] = person[2 * n]!
      rows[row + entry.low] = person[2 * n + 1]!
      rows[row + entry.group] = own[fact[story[n]!]!]!
      rows[row + entry.story] = base + story[n]!
    })
  }
  return { begins, ends, rows }
}

type Parts = {
  folds: readonly Told[]
  stories: Stories
  entries: Entries
  people: Table
  summarize: Summarizing
  asWhole: boolean
}

function eachOfPart(part: number, { folds, stories, entries, people, summarize, asWhole }: Parts, hear: Hear): void {
  const { begins, ends, rows } = entries
  const [begin, end] = [begins[part]!, ends[part]!]
  const { heads, next } = people
  const [to, from]: [Place, Place] = [
    { of: people.summaries, at: 0 },
    { of: stories.summaries, at: 0 },
  ]
  people.clear()
  for (let n = begin; n < end; n++) {
    const at = (to.at = people.placeOf(rows, n * entryEach))
    from.at = rows[n * entryEach + entry.story]!
    if (heads[at] === 0) copy(to, from)
    else if (!tellsNothing(to, stories.briefs, from.at) || (asWhole && !isOfSame(to, from))) summarize.merge(to, from)
    next[n - begin] = heads[at]!
    heads[at] = n - begin + 1
  }
  const spans = () => {
    const own: Span[] = []
    for (let n = heads[to.at]!; n !== 0; n = next[n - 1]!)
      own.push(spanOf(folds, rows[(begin + n - 1) * entryEach + entry.story]!))
    return own
  }
  for (to.at = 0; to.at < people.used; to.at++)
    hear(to, { group: rows[(begin + heads[to.at]! - 1) * entryEach + entry.group]!, spans })
}

/** A story by its place among those of all folds. */
function spanOf(folds: readonly Told[], place: number): Span {
  let [low, high] = [0, folds.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (endOf(folds[middle]!) > place) high = middle
    else low = middle + 1
  }
  const { of, base } = folds[low]!
  return { of, story: place - base }
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
  placeOf: (rows: Uint32Array, row: number) => number
}

function openTable(most: number): Table {
  const mask = 2 ** Math.ceil(Math.log2(Math.max(2, most * 2))) - 1
  const slots = new Int32Array(mask + 1)
  // Of each person the row of their first notification.
  const firsts = new Uint32Array(most)
  const table = {
    ...{ summaries: newSummaries(most), heads: new Int32Array(most), next: new Int32Array(most), used: 0 },
    clear() {
      slots.fill(0)
      table.heads.fill(0, 0, table.used)
      table.used = 0
    },
    placeOf(rows: Uint32Array, row: number) {
      const [high, low, group] = [rows[row]!, rows[row + entry.low]!, rows[row + entry.group]!]
      // What is known of a person is random already.
      let slot = (low ^ Math.imul(group, 0x9e3779b1)) & mask
      for (;;) {
        const known = slots[slot]!
        if (known === 0) break
        const first = firsts[known - 1]!
        if (rows[first + entry.low] === low && rows[first] === high && rows[first + entry.group] === group)
          return known - 1
        slot = (slot + 1) & mask
      }
      firsts[table.used] = row
      slots[slot] = ++table.used
      return table.used - 1
    },
  }
  return table
}
