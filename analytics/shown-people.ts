import { setImmediate } from 'node:timers/promises'
import type { EpochMs } from '#contracts/ids.ts'
import type { Counting } from './count.ts'
import { openGroups } from './count-groups.ts'
import { openPeople } from './count-people.ts'
import { eachAsked, prepare, type Prepared } from './count-prepared.ts'
import { isShown, type Judged, judgedOf, type Shown } from './count-stories.ts'
import { copy, newSummaries, type Place, summarizing } from './count-summary.ts'
import { openUnit, type Span } from './count-unit.ts'
import { dictionaries } from './count-words.ts'
import type { Folded } from './fold.ts'

/** A notification by its place in a fold, and how it is counted, or the person whom it is to. `at`: of what is newer comes first. */
export type Found = { fold: Folded; n: number; judged: Judged; at: EpochMs }

/** Puts one among the newest, in order, of which so many are kept. */
export function keepNewest<T extends { at: EpochMs }>(kept: T[], one: T, most: number): void {
  if (kept.length === most && one.at <= kept[most - 1]!.at) return
  const place = kept.findIndex(other => other.at < one.at)
  kept.splice(place < 0 ? kept.length : place, 0, one)
  kept.length = Math.min(kept.length, most)
}

export type ShownPeople = {
  add: (fold: Folded) => void
  /** To be called once, when all folds are there. Of people whom the bar stands for, at most so many, a notification each. */
  found: (most: number) => Promise<Found[]>
}

/**
 * Finds people whom a bar stands for, those first whose counted way began last. All that is theirs may be in any fold, so folds are kept
 * until then. Pure.
 */
export function findPeople(counting: Counting, shown: Shown): ShownPeople {
  const known = dictionaries()
  const unit = openUnit(counting, known)
  const summarize = summarizing(known)
  const people = openPeople(counting, { summarize, groups: openGroups({ withPeriod: false }) })
  const all: Prepared[] = []
  const judgedIf = (isAsked: boolean): Began | undefined => {
    const judged = isAsked && judgedOf(unit, known.words)
    return judged && isShown(judged, shown) ? { judged, at: unit.chain.moments[0]! } : undefined
  }
  const [person, one] = [newSummaries(1), newSummaries(1)].map(of => ({ of, at: 0 })) as [Place, Place]
  /** By all of some notifications that are somebody's. */
  const judge = (own: readonly Own[]): Began | undefined => {
    const spans = own.map(({ of, n }) => ({ of, story: of.fold.story[n]! }))
    for (const [at, { of, story }] of spans.entries()) {
      summarize.story(one, of, story)
      if (at === 0) copy(person, one)
      else summarize.merge(person, one)
    }
    return judgedIf(own.length > 0 && unit.judge(person, () => spans))
  }
  return {
    add(fold) {
      const of = prepare(fold, counting, known)
      if (of === undefined) return
      all.push(of)
      people.add(of)
    },
    async found(most) {
      const kept: { at: EpochMs; spans: readonly Span[] }[] = []
      await people.each((summary, { spans }) => {
        const at = judgedIf(unit.judge(summary, spans))?.at
        if (at !== undefined && at > (kept[most - 1]?.at ?? -Infinity)) keepNewest(kept, { at, spans: spans() }, most)
      })
      // Of a person only their stories are known, which others have, too.
      const among: Holders = new Map()
      for (const { spans } of kept) addHolders(among, rarestOf(spans))
      for (const of of all) {
        await setImmediate()
        eachAsked(of, counting, n => holdOf(among, of.fold, n)?.push({ of, n }))
      }
      const found: Found[] = []
      for (const own of [...among.values()].flatMap(holders => [...holders.values()])) {
        const judged = judge(own)
        if (judged) keepNewest(found, { ...judged, ...pick(own, one => judge([one]) !== undefined) }, most)
      }
      return found
    },
  }
}

type Began = Pick<Found, 'judged' | 'at'>
/** A notification of somebody. */
type Own = { of: Prepared; n: number }

const rarestOf = (spans: readonly Span[]): Span =>
  spans.reduce((rarest, one) => (sharedBy(one) < sharedBy(rarest) ? one : rarest))
const sharedBy = ({ of, story }: Span): number => of.fold.shared[story]!

/** What is theirs, by the two words that a person is known by. */
type Holders = Map<number, Map<number, Own[]>>
const holdOf = (holders: Holders, { person }: Folded, n: number): Own[] | undefined =>
  holders.get(person[2 * n]!)?.get(person[2 * n + 1]!)

function addHolders(holders: Holders, { of: { fold }, story }: Span): void {
  fold.story.forEach((own, n) => {
    const [high, low] = [fold.person[2 * n]!, fold.person[2 * n + 1]!]
    if (own === story) holders.set(high, (holders.get(high) ?? new Map<number, Own[]>()).set(low, []))
  })
}

/** Of a person's notifications the last that is of the bar by itself; where none is, the last. */
function pick(own: readonly Own[], isOfBar: (one: Own) => boolean): { fold: Folded; n: number } {
  const inOrder = own.toSorted((a, b) => timeOf(b) - timeOf(a))
  const { of, n } = inOrder.find(isOfBar) ?? inOrder[0]!
  return { fold: of.fold, n }
}
const timeOf = ({ of: { fold }, n }: Own): number => fold.cohort + fold.occurred[n]!
