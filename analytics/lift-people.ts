import type { EpochMs } from '#contracts/ids.ts'
import type { Folded } from './fold.ts'

/** Whom a comparison is of: of whom it was decided from `since` to before `until`, each on a channel apart where it is by channel. */
export type Comparing = {
  compare: LiftComparison
  since: EpochMs
  until: EpochMs
  windowMs: number
  channel?: string | undefined
  tenant?: string | undefined
  by?: 'channel' | undefined
}
export const liftComparisons = ['holdout', 'arm'] as const
export type LiftComparison = (typeof liftComparisons)[number]

/** What it cost: people who then withdrew a wish, had a dead address or complained, and text messages that were sent. */
export type Costs = { unsubscribed: number; addressDead: number; complained: number; smsSent: number }
/** `of`: the channel; empty where all are one. */
export type Compared = { of: string; group: string; people: number; converted: number; costs: Costs }
/** Who, as two words of a hash. */
export type Person = readonly [high: number, low: number]
/** What is heard of people once all folds are there. */
export type Heard = 'converted' | 'unsubscribed'

export type Comparison = {
  add(fold: Folded): void
  readonly people: number
  /** From the first decision to the end of the last window; undefined where there is none. */
  span(): { from: EpochMs; to: EpochMs } | undefined
  hear(what: Heard, person: Person, at: EpochMs): void
  groups(): Compared[]
}

const flag = { addressDead: 1, complained: 2, converted: 4, unsubscribed: 8 }
/** In no group yet, in several, in the first by its place. */
const [none, several, firstGroup] = [0, 1, 2]

/** Puts people into groups from the folds of a type, in any order; who was in two is in none. Pure. */
export function startComparing(comparing: Comparing): Comparison {
  const { since, until, windowMs } = comparing
  const names: string[] = []
  const channels = new Map<string, Drawn>()
  return {
    add(fold) {
      const told = fold.facts.map(facts => {
        const { channel = facts.channel, tenant = facts.tenant } = comparing
        if (channel !== facts.channel || tenant !== facts.tenant) return undefined
        const of = comparing.by === undefined ? '' : facts.channel
        if (!channels.has(of)) channels.set(of, openDrawn())
        return channels.get(of)
      })
      const stories = storiesOf(fold, comparing, names)
      for (let n = 0; n < fold.story.length; n++) {
        const story = fold.story[n]!
        const at = fold.cohort + fold.occurred[n]!
        const people = told[fold.fact[story]!]
        if (people === undefined || stories.idle[story]! || at < since || at >= until) continue
        people.merge(fold.person[2 * n]!, fold.person[2 * n + 1]!, { of: stories, at: story })
      }
    },
    get people() {
      return channels.values().reduce((sum, { size }) => sum + size, 0)
    },
    span() {
      const [from, last] = spanOf(channels.values())
      return from > last ? undefined : { from, to: last + windowMs }
    },
    hear(what, person, at) {
      for (const people of channels.values()) {
        const place = people.placeOf(...person)
        if (place < 0) continue
        const since = people.times[place * rowTimes + firstTime]!
        if (at >= since && at <= since + windowMs) people.words[place * rowWords + word.flags]! |= flag[what]
      }
    },
    groups: () => Array.from(channels, ([of, people]) => comparedOf(of, people, names)).flat(),
  }
}

/** What each story tells of its person. `idle`: nothing. */
type Stories = { group: number[]; first: number[]; flags: number[]; sms: number[]; idle: boolean[] }

function storiesOf({ facts, codes, fact, events, code, at }: Folded, { compare }: Comparing, names: string[]): Stories {
  const groupOf = (name: string) => (names.includes(name) ? names.indexOf(name) : names.push(name) - 1) + firstGroup
  const stories: Stories = { group: [], first: [], flags: [], sms: [], idle: [] }
  for (let story = 0, begin = 0; story < fact.length; begin += events[story++]!) {
    const { arm, channel } = facts[fact[story]!]!
    let [group, first, flags, sms] = [none, Infinity, 0, 0]
    for (let n = begin; n < begin + events[story]!; n++) {
      const { kind, what } = codes[code[n]!]!
      if (kind === 'decided') {
        const drawn = compare === 'arm' ? (what === 'deliver' ? arm : null) : (drawnAs.get(what) ?? null)
        if (drawn === null) continue
        group = together(group, groupOf(drawn))
        first = Math.min(first, at[n]!)
      } else if (kind === 'settled' || kind === 'standing') {
        if (what === 'address_dead') flags |= flag.addressDead
        if (what === 'complained') flags |= flag.complained
        if (what === 'sent' && channel === 'sms') sms++
      }
    }
    stories.group.push(group)
    stories.first.push(first)
    stories.flags.push(flags)
    stories.sms.push(sms)
    stories.idle.push(group === none && flags === 0 && sms === 0)
  }
  return stories
}

/** The holdout is drawn last, among those to whom it would go: who is sent it is what compares with it. */
const drawnAs = new Map([
  ['deliver', 'told'],
  ['holdout', 'holdout'],
])

const together = (one: number, other: number): number =>
  one === none || one === other ? other : other === none ? one : several

/**
 * People of a comparison, numbered from 0 on, each in a row of numbers, which is half a line of the processor's cache: its words from
 * `place * rowWords` on, or the same bytes as times from `place * rowTimes` on.
 */
type Drawn = {
  readonly size: number
  words: Uint32Array
  times: Float64Array
  /** −1: not known. */
  placeOf(high: number, low: number): number
  merge(high: number, low: number, story: { of: Stories; at: number }): void
}

const [rowWords, rowTimes] = [8, 4]
const word = { high: 0, low: 1, group: 2, flags: 3, sms: 4 }
/** The time of a row: when it was first decided about its person. */
const firstTime = 3
const peopleFirst = 1 << 12
const slotsEach = 2

function openDrawn(): Drawn {
  // One more than the place of a person, from where the hash says on; 0 is empty.
  let slots = new Int32Array(peopleFirst * slotsEach)
  let size = 0
  const slotOf = (high: number, low: number): number => {
    const { words } = people
    const mask = slots.length - 1
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const row = (slots[slot]! - 1) * rowWords
      if (row < 0 || (words[row + word.low] === low && words[row + word.high] === high)) return slot
    }
  }
  const grow = () => {
    const { words } = people
    Object.assign(people, rowsOf(words.length * 2))
    people.words.set(words)
    slots = new Int32Array(slots.length * 2)
    for (let place = 0; place < size; place++)
      slots[slotOf(words[place * rowWords + word.high]!, words[place * rowWords + word.low]!)] = place + 1
  }
  const people = {
    ...rowsOf(peopleFirst * rowWords),
    get size() {
      return size
    },
    placeOf: (high: number, low: number) => slots[slotOf(high, low)]! - 1,
    merge(high: number, low: number, { of: stories, at }: { of: Stories; at: number }) {
      if (size * rowWords === people.words.length) grow()
      const slot = slotOf(high, low)
      const isNew = slots[slot] === 0
      if (isNew) slots[slot] = ++size
      const place = slots[slot]! - 1
      const [{ words, times }, row, time] = [people, place * rowWords, place * rowTimes + firstTime]
      if (isNew) {
        words[row + word.high] = high
        words[row + word.low] = low
        times[time] = Infinity
      }
      words[row + word.group] = together(words[row + word.group]!, stories.group[at]!)
      words[row + word.flags]! |= stories.flags[at]!
      words[row + word.sms]! += stories.sms[at]!
      if (stories.first[at]! < times[time]!) times[time] = stories.first[at]!
    },
  }
  return people
}

function rowsOf(length: number): Pick<Drawn, 'words' | 'times'> {
  const bytes = new ArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT)
  return { words: new Uint32Array(bytes), times: new Float64Array(bytes) }
}

/** The earliest and the latest first decision. */
function spanOf(all: Iterable<Drawn>): [number, number] {
  let [from, last] = [Infinity, -Infinity]
  for (const { words, times, size } of all)
    for (let place = 0; place < size; place++) {
      if (words[place * rowWords + word.group]! < firstGroup) continue
      from = Math.min(from, times[place * rowTimes + firstTime]!)
      last = Math.max(last, times[place * rowTimes + firstTime]!)
    }
  return [from, last]
}

function comparedOf(of: string, { words, size }: Drawn, names: readonly string[]): Compared[] {
  const groups = names.map(() => ({
    people: 0,
    converted: 0,
    unsubscribed: 0,
    addressDead: 0,
    complained: 0,
    smsSent: 0,
  }))
  for (let row = 0; row < size * rowWords; row += rowWords) {
    const into = groups[words[row + word.group]! - firstGroup]
    if (into === undefined) continue
    into.people++
    into.smsSent += words[row + word.sms]!
    for (const what of heards) if (words[row + word.flags]! & flag[what]) into[what]++
  }
  return groups.flatMap(({ people, converted, ...costs }, at) =>
    people === 0 ? [] : [{ of, group: names[at]!, people, converted, costs }],
  )
}
const heards = ['converted', 'unsubscribed', 'addressDead', 'complained'] as const
