import { tells } from './chain.ts'
import type { Counted, Counting } from './count.ts'
import { prepare } from './count-prepared.ts'
import { newSummaries, summarizing } from './count-summary.ts'
import { openUnit, type UnitJudge } from './count-unit.ts'
import { dictionaries, type Words } from './count-words.ts'
import type { Folded } from './fold.ts'
import { type Stage, stages } from './stages.ts'

/** What a bar stands for: units that passed a stage, that ended so (`what` as in `Rest`, or an outcome), or both. */
export type Shown = { stage?: Stage | undefined; what?: string | undefined; reason?: string | undefined }
/** How far one unit came, and how it ended. */
export type Judged = Pick<Counted, 'told' | 'reached' | 'fate' | 'reason'>

/** Whether a unit is one of those that a bar stands for. */
export function isShown({ told, reached, ...ended }: Judged, { stage = 'intended', what, reason }: Shown): boolean {
  const at = stages.indexOf(stage)
  if (reached < at || !tells(told, at)) return false
  return (what === undefined || ended.fate === what) && (reason === undefined || ended.reason === reason)
}

/** How the unit is counted that was judged last. */
export const judgedOf = ({ chain: { told, reached }, fate, reason }: UnitJudge, words: Words): Judged => ({
  ...{ told, reached, fate: words.at(fate), reason: reason < 0 ? null : words.at(reason) },
})

/**
 * Judges the stories of one fold after another as notifications are counted: of each, by its place, how; undefined where a bar does not
 * stand for it. Pure.
 */
export function openStories(counting: Counting, shown: Shown): (fold: Folded) => (Judged | undefined)[] {
  const known = dictionaries()
  const unit = openUnit({ ...counting, unit: 'notification' }, known)
  const summarize = summarizing(known)
  const summary = { of: newSummaries(1), at: 0 }
  return fold => {
    const of = prepare(fold, { ...counting, unit: 'notification' }, known)
    if (of === undefined) return []
    return Array.from(fold.fact, (facts, story) => {
      if (!of.asked[facts]) return undefined
      summarize.story(summary, of, story)
      if (!unit.judge(summary, () => [{ of, story }])) return undefined
      const judged = judgedOf(unit, known.words)
      return isShown(judged, shown) ? judged : undefined
    })
  }
}
