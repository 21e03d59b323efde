import { flag, type Prepared, stepMask } from './count-prepared.ts'
import type { Words } from './count-words.ts'
import { stages } from './stages.ts'

/**
 * What is known of each of many units by all their events, in columns: two are made one by `merge`, in whatever order. So a
 * person is what their notifications come to. Words are places in dictionaries; −1 is none.
 */
export type Summaries = {
  /** What was seen of it, as flags; which steps are told of. */
  seen: Int32Array
  told: Uint8Array
  /** The earliest time of each step, `stepsEach` of them: Infinity is never. */
  earliest: Float64Array
  /** How it ended: of each kind of end when (−Infinity is never) and its word. */
  ended: Float64Array
  end: Int32Array
  /** By what it was delivered, else tried: when, twice its place and 1 more if it was accepted. */
  deliveredAt: Float64Array
  delivery: Int32Array
  /** Whose it is. */
  arm: Int32Array
  locale: Int32Array
}

export const stepsEach = stages.length
/** Kinds of ends: of `accepted` the word that comes first counts (delivered before sent), of others the last. */
export const ends = { accepted: 0, closed: 1, undelivered: 2, held: 3 } as const
export const endsEach = 4
const endings = flag.accepted | flag.closed | flag.undelivered | flag.held

export const newSummaries = (n: number): Summaries => ({
  ...{ seen: new Int32Array(n), told: new Uint8Array(n), earliest: new Float64Array(n * stepsEach) },
  ...{ ended: new Float64Array(n * endsEach), end: new Int32Array(n * endsEach) },
  ...{
    deliveredAt: new Float64Array(n),
    delivery: new Int32Array(n),
    arm: new Int32Array(n),
    locale: new Int32Array(n),
  },
})

/** Makes one that knows nothing yet. */
export function clear(to: Summaries, at: number): void {
  to.seen[at] = to.told[at] = 0
  to.earliest.fill(Infinity, at * stepsEach, (at + 1) * stepsEach)
  to.ended.fill(-Infinity, at * endsEach, (at + 1) * endsEach)
  to.delivery[at] = to.arm[at] = to.locale[at] = -1
}

export type Summarizing = ReturnType<typeof summarizing>

export function summarizing({ words, deliveries, names }: { words: Words; deliveries: Words; names: Words }) {
  const setEnd = (to: Summaries, place: number, at: number, word: number, first: boolean) => {
    const before = to.ended[place]!
    if (before !== -Infinity) {
      if (first ? words.at(word) >= words.at(to.end[place]!) : at < before) return
      if (!first && at === before && words.at(word) <= words.at(to.end[place]!)) return
    }
    to.ended[place] = at
    to.end[place] = word
  }
  const setDelivery = (to: Summaries, at: number, delivery: number, when: number) => {
    const before = to.delivery[at]!
    if (before >= 0) {
      const [rank, other] = [delivery & 1, before & 1]
      if (rank < other) return
      if (rank === other) {
        if (when > to.deliveredAt[at]!) return
        // What is at the same time has an order of its own, so that who asks twice is told the same.
        if (when === to.deliveredAt[at] && deliveries.at(delivery >> 1) >= deliveries.at(before >> 1)) return
      }
    }
    to.delivery[at] = delivery
    to.deliveredAt[at] = when
  }
  const greater = (a: number, b: number) => (a < 0 || (b >= 0 && a !== b && names.at(b) > names.at(a)) ? b : a)
  return {
    /** What the events of a story tell. */
    story(to: Summaries, at: number, of: Prepared, story: number) {
      clear(to, at)
      const { flags, starts } = of
      const { fact, code: codes, at: times } = of.fold
      const own = fact[story]!
      to.told[at] = of.told[own]!
      to.arm[at] = of.arm[own]!
      to.locale[at] = of.locale[own]!
      let seen = 0
      for (let n = starts[story]!, last = starts[story + 1]!; n < last; n++) {
        const code = codes[n]!
        const means = flags[code]!
        if (means & flag.skip) continue
        const time = times[n]!
        for (let steps = means & stepMask; steps !== 0; steps &= steps - 1) {
          const step = at * stepsEach + 31 - Math.clz32(steps & -steps)
          if (time < to.earliest[step]!) to.earliest[step] = time
        }
        const first = at * endsEach
        if (means & endings) {
          const what = of.what[code]!
          if (means & flag.accepted) setEnd(to, first + ends.accepted, time, what, true)
          if (means & flag.closed) setEnd(to, first + ends.closed, time, what, false)
          if (means & flag.undelivered) setEnd(to, first + ends.undelivered, time, what, false)
          if (means & flag.held) setEnd(to, first + ends.held, time, of.rule[code]!, false)
        }
        if (means & flag.settled)
          setDelivery(to, at, of.delivery[code]! * 2 + Number((means & flag.accepted) !== 0), time)
        seen |= means
      }
      to.seen[at] = seen
    },
    merge(to: Summaries, at: number, from: Summaries, story: number) {
      to.seen[at]! |= from.seen[story]!
      to.told[at]! |= from.told[story]!
      for (let step = 0; step < stepsEach; step++) {
        const time = from.earliest[story * stepsEach + step]!
        if (time < to.earliest[at * stepsEach + step]!) to.earliest[at * stepsEach + step] = time
      }
      for (let kind = 0; kind < endsEach; kind++) {
        const place = story * endsEach + kind
        const time = from.ended[place]!
        if (time !== -Infinity) setEnd(to, at * endsEach + kind, time, from.end[place]!, kind === ends.accepted)
      }
      const delivery = from.delivery[story]!
      if (delivery >= 0) setDelivery(to, at, delivery, from.deliveredAt[story]!)
      to.arm[at] = greater(to.arm[at]!, from.arm[story]!)
      to.locale[at] = greater(to.locale[at]!, from.locale[story]!)
    },
  }
}
