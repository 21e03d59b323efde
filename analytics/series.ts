import type { EpochMs } from '#contracts/ids.ts'
import type { Counted } from './count.ts'
import { rowOf } from './funnel.ts'
import { hiddenCells, sizeOf } from './small-groups.ts'
import { type Stage, stages } from './stages.ts'

/** One line of a chart for each stage, a number for each period: null where it is not told. */
export type Series = { group?: string | null; stages: Record<Stage, (number | null)[]> }
/** What became of units, a number for each period: null where it is not told. */
export type OutcomeSeries = { what: string; reason?: string; n: (number | null)[] }

/**
 * Counts by period (their first group) and perhaps by a dimension, the largest first; without those of fewer than `least`. `hidden`:
 * groups of which nothing is told.
 */
export function shapeSeries(
  counted: readonly Counted[],
  edges: readonly EpochMs[],
  { grouped, least }: { grouped: boolean; least: number },
): { series: Series[]; hidden: number } {
  const places = Array.from({ length: edges.length - 1 }, (_, at) => String(at))
  const groups = grouped ? Map.groupBy(counted, ({ groups }) => groups[1] ?? null) : new Map([[undefined, counted]])
  const all = [...groups]
    .map(([group, ofGroup]) => {
      const byPeriod = Map.groupBy(ofGroup, ({ groups }) => groups[0])
      const cells = places.map(place => byPeriod.get(place) ?? [])
      const rows = cells.map(cell => rowOf(cell).stages)
      return { group, rows, sizes: cells.map(sizeOf), size: sum(rows.map(({ intended }) => intended)) }
    })
    .sort((a, b) => b.size - a.size || (String(a.group) < String(b.group) ? -1 : 1))
  const hidden = hiddenCells(
    all.map(({ sizes }) => sizes),
    least,
  )
  const series = all.flatMap(({ group, rows, size }, at): Series[] => {
    if (size > 0 && rows.every(({ intended }, period) => intended === 0 || hidden[at]![period])) return []
    const lineOf = (stage: Stage) => rows.map((row, period) => (hidden[at]![period] ? null : row[stage]))
    const lines = Object.fromEntries(stages.map(stage => [stage, lineOf(stage)])) as Series['stages']
    return [{ ...(group !== undefined && { group }), stages: lines }]
  })
  return { series, hidden: all.length - series.length }
}

/**
 * Where units ended, by period: outcomes, and what waits, with its reason. The largest first; without periods of fewer than `least`.
 * `hidden`: 1 where nothing else is left.
 */
export function shapeOutcomes(
  counted: readonly Counted[],
  edges: readonly EpochMs[],
  least: number,
): { outcomes: OutcomeSeries[]; hidden: number } {
  const byPeriod = (alike: readonly Counted[]) => {
    const n = Array.from({ length: edges.length - 1 }, () => 0)
    for (const { groups, n: more } of alike) n[Number(groups[0])]! += more
    return n
  }
  const cells = Map.groupBy(counted, ({ groups }) => groups[0])
  const sizes = edges.slice(1).map((_, at) => sizeOf(cells.get(String(at)) ?? []))
  const [hidden] = hiddenCells([sizes], least)
  const outcomes = [...Map.groupBy(counted, ({ fate, reason }) => `${fate} ${reason ?? ''}`).values()]
    .map(alike => {
      const { fate: what, reason } = alike[0]!
      return { what, ...(reason !== null && { reason }), n: byPeriod(alike).map((n, at) => (hidden![at] ? null : n)) }
    })
    .filter(({ n }) => sum(n) > 0)
    .sort((a, b) => sum(b.n) - sum(a.n) || (a.what < b.what ? -1 : 1))
  return { outcomes, hidden: outcomes.length === 0 && counted.length > 0 ? 1 : 0 }
}

const sum = (all: readonly (number | null)[]): number => all.reduce<number>((total, n) => total + (n ?? 0), 0)
