import { flag, type Prepared, stepMask } from './count-prepared.ts'
import type { Dictionaries } from './count-words.ts'
import { stages } from './stages.ts'

/**
 * What is known of each of many units by all their events: two are made one by `merge`, in whatever order. So a person is what
 * their notifications come to. A row of times and a row of marks for each, so that one is in few lines of the cache.
 */
export type Summaries = {
  /** The earliest time of each step; of each kind of end when; when it was delivered. Set where `seen` says so. */
  times: Float64Array
  /** Flags of all that was seen; the word of each kind of end; by what it was delivered; whose it is. −1 is none. */
  marks: Int32Array
}

export const timesEach = 16
export const marksEach = 8
/** Kinds of ends: of `accepted` the word that comes first counts (delivered before sent), of others the last. */
export const ends = { accepted: 0, closed: 1, undelivered: 2, held: 3 } as const
const endFlags = [flag.accepted, flag.closed | flag.moved, flag.undelivered, flag.held] as const
const endings = endFlags.reduce((all, one) => all | one, 0)
/** Places in a row of times, after those of the steps: the last one is when the last of its steps was taken first. */
const [endedAt, deliveredAt] = [stages.length, stages.length + endFlags.length]
const settledAt = deliveredAt + 1
/** Places in a row of marks. A delivery is twice its place in the dictionary, and 1 more if it was accepted. */
export const mark = { seen: 0, end: 1, delivery: 5, arm: 6, locale: 7 } as const
/** Which steps are told of, in `seen`. */
export const toldShift = 20

export const newSummaries = (n: number): Summaries => ({
  times: new Float64Array(n * timesEach),
  marks: new Int32Array(n * marksEach),
})

/** Makes one that knows nothing yet. */
export function clear({ marks }: Summaries, at: number): void {
  const row = at * marksEach
  marks[row + mark.seen] = 0
  marks[row + mark.delivery] = marks[row + mark.arm] = marks[row + mark.locale] = -1
}

/** What decides, of most stories, that they tell nothing new of somebody: in columns of their own, for all are looked at. */
export type Briefs = { seen: Int32Array; first: Float64Array }

export function briefsOf({ times, marks }: Summaries): Briefs {
  const n = marks.length / marksEach
  const [seen, first] = [new Int32Array(n), new Float64Array(n)]
  for (let at = 0; at < n; at++) {
    seen[at] = marks[at * marksEach]!
    let least = Infinity
    for (let steps = seen[at]! & stepMask; steps !== 0; steps &= steps - 1)
      least = Math.min(least, times[at * timesEach + 31 - Math.clz32(steps & -steps)]!)
    first[at] = least
  }
  return { seen, first }
}

const attempted = 1 << stages.indexOf('attempted')
const sentFlags = flag.accepted | (1 << stages.indexOf('decided'))

/**
 * True for a story of somebody who was sent something, if they have taken each of its steps before it begins: whatever ends it
 * has are not theirs. Not where people are asked for by what they are.
 */
export function tellsNothing(of: Summaries, at: number, { seen, first }: Briefs, story: number): boolean {
  const known = of.marks[at * marksEach]!
  if ((known & sentFlags) !== sentFlags || (seen[story]! & ~known) !== 0) return false
  return first[story]! > of.times[at * timesEach + settledAt]!
}

export type Summarizing = ReturnType<typeof summarizing>

export function summarizing({ words, deliveries, names }: Dictionaries) {
  const setStep = ({ times, marks }: Summaries, at: number, step: number, time: number) => {
    const place = at * timesEach + step
    const known = (marks[at * marksEach]! & (1 << step)) !== 0
    if (!known || time < times[place]!) times[place] = time
  }
  const setEnd = ({ times, marks }: Summaries, at: number, kind: number, { time, word }: End) => {
    const place = at * timesEach + endedAt + kind
    const wordPlace = at * marksEach + mark.end + kind
    if (marks[at * marksEach]! & endFlags[kind]!) {
      const before = times[place]!
      if (kind === ends.accepted ? isWord(word, marks[wordPlace]!) >= 0 : time < before) return
      if (kind !== ends.accepted && time === before && isWord(word, marks[wordPlace]!) <= 0) return
    }
    times[place] = time
    marks[wordPlace] = word
  }
  const isWord = (a: number, b: number) => (a === b ? 0 : words.at(a) < words.at(b) ? -1 : 1)
  const setDelivery = ({ times, marks }: Summaries, at: number, { time, word }: End) => {
    const [place, timePlace] = [at * marksEach + mark.delivery, at * timesEach + deliveredAt]
    const before = marks[place]!
    if (before >= 0) {
      const [rank, other] = [word & 1, before & 1]
      if (rank < other) return
      if (rank === other) {
        const then = times[timePlace]!
        if (time > then) return
        // What is at the same time has an order of its own, so that who asks twice is told the same.
        if (time === then && (word === before || deliveries.at(word >> 1) > deliveries.at(before >> 1))) return
      }
    }
    marks[place] = word
    times[timePlace] = time
  }
  const greater = (a: number, b: number) => (a === b || b < 0 || (a >= 0 && names.at(a) > names.at(b)) ? a : b)
  const retrying = words.placeOf('retrying')
  const wordOf = ({ flags, what, rule }: Prepared, code: number, kind: number) =>
    kind === ends.held ? rule[code]! : flags[code]! & flag.moved ? retrying : what[code]!
  const end: End = { time: 0, word: 0 }
  const endOf = (time: number, word: number): End => {
    end.time = time
    end.word = word
    return end
  }
  return {
    /** What the events of a story tell. */
    story(to: Summaries, at: number, of: Prepared, story: number) {
      const { flags, starts } = of
      const { fact, code: codes, at: times } = of.fold
      const own = fact[story]!
      const row = at * marksEach
      clear(to, at)
      to.marks[row] = of.told[own]! << toldShift
      to.marks[row + mark.arm] = of.arm[own]!
      to.marks[row + mark.locale] = of.locale[own]!
      for (let n = starts[story]!, last = starts[story + 1]!; n < last; n++) {
        const code = codes[n]!
        const means = flags[code]!
        if (means & flag.skip) continue
        const time = times[n]!
        for (let steps = means & stepMask; steps !== 0; steps &= steps - 1)
          setStep(to, at, 31 - Math.clz32(steps & -steps), time)
        if (means & endings)
          for (let kind = 0; kind < endFlags.length; kind++)
            if (means & endFlags[kind]!) setEnd(to, at, kind, endOf(time, wordOf(of, code, kind)))
        if (means & attempted)
          setDelivery(to, at, endOf(time, of.delivery[code]! * 2 + Number((means & flag.accepted) !== 0)))
        to.marks[row]! |= means
      }
    },
    merge(to: Summaries, at: number, from: Summaries, story: number) {
      const { times, marks } = from
      const [row, timesRow] = [story * marksEach, story * timesEach]
      const seen = marks[row]!
      for (let steps = seen & stepMask; steps !== 0; steps &= steps - 1) {
        const step = 31 - Math.clz32(steps & -steps)
        setStep(to, at, step, times[timesRow + step]!)
      }
      for (let kind = 0; kind < endFlags.length; kind++)
        if (seen & endFlags[kind]!)
          setEnd(to, at, kind, endOf(times[timesRow + endedAt + kind]!, marks[row + mark.end + kind]!))
      const delivery = marks[row + mark.delivery]!
      if (delivery >= 0) setDelivery(to, at, endOf(times[timesRow + deliveredAt]!, delivery))
      const own = at * marksEach
      to.marks[own + mark.arm] = greater(to.marks[own + mark.arm]!, marks[row + mark.arm]!)
      to.marks[own + mark.locale] = greater(to.marks[own + mark.locale]!, marks[row + mark.locale]!)
      to.marks[own]! |= seen
      let last = -Infinity
      for (let steps = to.marks[own]! & stepMask; steps !== 0; steps &= steps - 1)
        last = Math.max(last, to.times[at * timesEach + 31 - Math.clz32(steps & -steps)]!)
      to.times[at * timesEach + settledAt] = last
    },
  }
}

type End = { time: number; word: number }
