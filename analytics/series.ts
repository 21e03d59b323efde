import type { EpochMs } from '#contracts/ids.ts'
import type { Counted } from './count.ts'
import { rowOf } from './funnel.ts'
import { type Stage, stages } from './stages.ts'

/** One line of a chart for each stage, a number for each period. */
export type Series = { group?: string | null; stages: Record<Stage, number[]> }
/** What became of units, a number for each period. */
export type OutcomeSeries = { what: string; reason?: string; n: number[] }

/** Counts by period (their first group) and perhaps by a dimension, the largest first. */
export function shapeSeries(counted: readonly Counted[], edges: readonly EpochMs[], grouped: boolean): Series[] {
  const places = Array.from({ length: edges.length - 1 }, (_, at) => String(at))
  const groups = grouped ? Map.groupBy(counted, ({ groups }) => groups[1] ?? null) : new Map([[undefined, counted]])
  const sizeOf = (one: Series) => one.stages.intended.reduce((sum, n) => sum + n, 0)
  return [...groups]
    .map(([group, ofGroup]): Series => {
      const byPeriod = Map.groupBy(ofGroup, ({ groups }) => groups[0])
      const rows = places.map(place => rowOf(byPeriod.get(place) ?? []).stages)
      const lines = stages.map(stage => [stage, rows.map(row => row[stage])] as const)
      return { ...(group !== undefined && { group }), stages: Object.fromEntries(lines) as Series['stages'] }
    })
    .sort((a, b) => sizeOf(b) - sizeOf(a) || (String(a.group) < String(b.group) ? -1 : 1))
}

/** Where units ended, by period: outcomes, and what waits, with its reason. The largest first. */
export function shapeOutcomes(counted: readonly Counted[], edges: readonly EpochMs[]): OutcomeSeries[] {
  const sum = (of: OutcomeSeries) => of.n.reduce((total, n) => total + n, 0)
  return [...Map.groupBy(counted, ({ fate, reason }) => `${fate} ${reason ?? ''}`).values()]
    .map((alike): OutcomeSeries => {
      const { fate: what, reason } = alike[0]!
      const n = Array.from({ length: edges.length - 1 }, () => 0)
      for (const { groups, n: more } of alike) n[Number(groups[0])]! += more
      return { what, ...(reason !== null && { reason }), n }
    })
    .sort((a, b) => sum(b) - sum(a) || (a.what < b.what ? -1 : 1))
}
