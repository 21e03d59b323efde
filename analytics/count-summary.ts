import { flag, type Prepared, stepMask } from './count-prepared.ts'
import type { Dictionaries, Words } from './count-words.ts'
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

/** One of them. */
export type Place = { of: Summaries; at: number }

/** Makes one that knows nothing yet. */
function clear({ of: { marks }, at }: Place): void {
  const row = at * marksEach
  marks[row + mark.seen] = 0
  marks[row + mark.delivery] = marks[row + mark.arm] = marks[row + mark.locale] = -1
}

/** Makes one that knows what another does. */
export function copy(to: Place, from: Place): void {
  for (let n = 0; n < timesEach; n++) to.of.times[to.at * timesEach + n] = from.of.times[from.at * timesEach + n]!
  for (let n = 0; n < marksEach; n++) to.of.marks[to.at * marksEach + n] = from.of.marks[from.at * marksEach + n]!
}

/** What decides, of most stories, that they tell nothing new of somebody: in columns of their own, for all are looked at. */
export type Briefs = { seen: Int32Array; first: Float64Array }

export const newBriefs = (n: number): Briefs => ({ seen: new Int32Array(n), first: new Float64Array(n) })

/** Notes it of one, at its place. */
export function brief({ seen, first }: Briefs, { of: { times, marks }, at }: Place): void {
  seen[at] = marks[at * marksEach]!
  let least = Infinity
  for (let steps = seen[at] & stepMask; steps !== 0; steps &= steps - 1)
    least = Math.min(least, times[at * timesEach + 31 - Math.clz32(steps & -steps)]!)
  first[at] = least
}

const attempted = 1 << stages.indexOf('attempted')
const sentFlags = flag.accepted | (1 << stages.indexOf('decided'))

/**
 * True for a story of somebody who was sent something, if they have taken each of its steps before it begins: whatever ends it
 * has are not theirs. Not where people are asked for by what they are.
 */
export function tellsNothing({ of, at }: Place, { seen, first }: Briefs, story: number): boolean {
  const known = of.marks[at * marksEach]!
  if ((known & sentFlags) !== sentFlags || (seen[story]! & ~known) !== 0) return false
  return first[story]! > of.times[at * timesEach + settledAt]!
}

/** Whether two are of the same arm and locale. */
export const isOfSame = ({ of: { marks }, at }: Place, other: Place): boolean =>
  marks[at * marksEach + mark.arm] === other.of.marks[other.at * marksEach + mark.arm] &&
  marks[at * marksEach + mark.locale] === other.of.marks[other.at * marksEach + mark.locale]

export type Summarizing = {
  /** What the events of a story tell. */
  story: (to: Place, of: Prepared, story: number) => void
  merge: (to: Place, from: Place) => void
}

export function summarizing({ words, deliveries, names }: Dictionaries): Summarizing {
  const { setEnd, wordOf } = openEnds(words)
  const setDelivery = openDeliveries(deliveries)
  const greater = (a: number, b: number) => (a === b || b < 0 || (a >= 0 && names.at(a) > names.at(b)) ? a : b)
  const end: End = { time: 0, word: 0 }
  const endOf = (time: number, word: number): End => {
    end.time = time
    end.word = word
    return end
  }
  return {
    story(to, of, story) {
      const { flags, starts } = of
      const { fact, code: codes, at: times } = of.fold
      const own = fact[story]!
      const { marks } = to.of
      const row = to.at * marksEach
      clear(to)
      marks[row] = of.told[own]! << toldShift
      marks[row + mark.arm] = of.arm[own]!
      marks[row + mark.locale] = of.locale[own]!
      for (let n = starts[story]!, last = starts[story + 1]!; n < last; n++) {
        const code = codes[n]!
        const means = flags[code]!
        if (means & flag.skip) continue
        const time = times[n]!
        for (let steps = means & stepMask; steps !== 0; steps &= steps - 1)
          setStep(to, 31 - Math.clz32(steps & -steps), time)
        if (means & endings)
          for (let kind = 0; kind < endFlags.length; kind++)
            if (means & endFlags[kind]!) setEnd(to, kind, endOf(time, wordOf(of, code, kind)))
        if (means & attempted)
          setDelivery(to, endOf(time, of.delivery[code]! * 2 + Number((means & flag.accepted) !== 0)))
        marks[row] |= means
      }
      to.of.times[to.at * timesEach + settledAt] = lastOf(to)
    },
    merge(to, { of: { times, marks }, at: from }) {
      const [row, timesRow] = [from * marksEach, from * timesEach]
      const seen = marks[row]!
      for (let steps = seen & stepMask; steps !== 0; steps &= steps - 1) {
        const step = 31 - Math.clz32(steps & -steps)
        setStep(to, step, times[timesRow + step]!)
      }
      for (let kind = 0; kind < endFlags.length; kind++)
        if (seen & endFlags[kind]!)
          setEnd(to, kind, endOf(times[timesRow + endedAt + kind]!, marks[row + mark.end + kind]!))
      const delivery = marks[row + mark.delivery]!
      if (delivery >= 0) setDelivery(to, endOf(times[timesRow + deliveredAt]!, delivery))
      const own = to.of.marks
      const place = to.at * marksEach
      own[place + mark.arm] = greater(own[place + mark.arm]!, marks[row + mark.arm]!)
      own[place + mark.locale] = greater(own[place + mark.locale]!, marks[row + mark.locale]!)
      own[place] = own[place]! | seen
      to.of.times[to.at * timesEach + settledAt] = lastOf(to)
    },
  }
}

type End = { time: number; word: number }

/** Before its flag is set: a time that is there is one that was seen. */
function setStep({ of: { times, marks }, at }: Place, step: number, time: number): void {
  const place = at * timesEach + step
  if (!(marks[at * marksEach]! & (1 << step)) || time < times[place]!) times[place] = time
}

function lastOf({ of: { times, marks }, at }: Place): number {
  let last = -Infinity
  for (let steps = marks[at * marksEach]! & stepMask; steps !== 0; steps &= steps - 1)
    last = Math.max(last, times[at * timesEach + 31 - Math.clz32(steps & -steps)]!)
  return last
}

function openEnds(words: Words) {
  const retrying = words.placeOf('retrying')
  const compare = (a: number, b: number) => (a === b ? 0 : words.at(a) < words.at(b) ? -1 : 1)
  return {
    setEnd: ({ of: { times, marks }, at }: Place, kind: number, { time, word }: End): void => {
      const [place, wordPlace] = [at * timesEach + endedAt + kind, at * marksEach + mark.end + kind]
      if (marks[at * marksEach]! & endFlags[kind]!) {
        const [before, known] = [times[place]!, marks[wordPlace]!]
        if (kind === ends.accepted ? compare(word, known) >= 0 : time < before) return
        if (kind !== ends.accepted && time === before && compare(word, known) <= 0) return
      }
      times[place] = time
      marks[wordPlace] = word
    },
    wordOf: ({ flags, what, rule }: Prepared, code: number, kind: number): number =>
      kind === ends.held ? rule[code]! : flags[code]! & flag.moved ? retrying : what[code]!,
  }
}

function openDeliveries(deliveries: Words) {
  return ({ of: { times, marks }, at }: Place, { time, word }: End): void => {
    const [place, timePlace] = [at * marksEach + mark.delivery, at * timesEach + deliveredAt]
    const before = marks[place]!
    if (before >= 0) {
      const [rank, other, then] = [word & 1, before & 1, times[timePlace]!]
      if (rank < other || (rank === other && time > then)) return
      // What is at the same time has an order of its own, so that who asks twice is told the same.
      const isSame = rank === other && time === then
      if (isSame && (word === before || deliveries.at(word >> 1) > deliveries.at(before >> 1))) return
    }
    marks[place] = word
    times[timePlace] = time
  }
}
