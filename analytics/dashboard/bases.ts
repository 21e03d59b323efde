import type { FunnelRow } from '../funnel.ts'
import type { Stage } from '../stages.ts'
import { stageNames } from './words.ts'

const stages = Object.keys(stageNames) as Stage[]

/** What the rates of a stage are of. `ofOthers`: whether each is of another number than the one that is shown. */
export type Base = { first: number; previous: number; ofOthers: { first: boolean; previous: boolean } }

/** The stages that somebody tells of in a funnel, in order, each with what its rates are of. */
export function basesOf({ bases, stages: counts }: Pick<FunnelRow, 'bases' | 'stages'>): Map<Stage, Base> {
  const told = stages.filter(stage => bases[stage].first > 0)
  return new Map(
    told.map((stage, at): [Stage, Base] => {
      const { first, previous } = bases[stage]
      const before = told[at - 1]
      const ofOthers = {
        first: first !== counts.intended,
        previous: before !== undefined && previous !== counts[before],
      }
      return [stage, { first, previous, ofOthers }]
    }),
  )
}
