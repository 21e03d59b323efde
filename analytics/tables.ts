import type { FunnelAnswer, OutcomesAnswer, SeriesAnswer } from './answers.ts'
import { type CsvCell, csvText } from './dashboard/csv.ts'
import { stages } from './stages.ts'

/** An answer as rows, for spreadsheets and files. */
export type Table = { columns: readonly Column[]; rows: readonly CsvCell[][] }
type Column = { name: string; type: 'text' | 'integer' | 'time' }

const text = (name: string): Column => ({ name, type: 'text' })
const integer = (name: string): Column => ({ name, type: 'integer' })
const period: Column[] = [
  { name: 'since', type: 'time' },
  { name: 'until', type: 'time' },
]

/** A row for each stage of each group that anybody tells of there, and one for each way out of it. */
export function funnelTable({ funnels }: FunnelAnswer): Table {
  const rows = funnels.flatMap(({ group = null, stages: counts, bases, rest, times }): CsvCell[][] => [
    ...stages.flatMap((stage): CsvCell[][] => {
      const { first, previous } = bases[stage]
      if (first === 0) return []
      const { p50 = null, p90 = null, p99 = null } = times?.[stage] ?? {}
      return [[group, stage, null, null, counts[stage], first, previous, p50, p90, p99]]
    }),
    ...rest.map(({ after, what, reason = null, n }) => [group, after, what, reason, n, null, null, null, null, null]),
  ])
  const numbers = ['n', 'base_first', 'base_previous', 'p50_ms', 'p90_ms', 'p99_ms'].map(integer)
  return { columns: [...['group', 'stage', 'rest', 'reason'].map(text), ...numbers], rows }
}

/** A row for each stage of each group in each period; not of a stage that nothing passed in any of them. */
export function seriesTable({ edges, series }: SeriesAnswer): Table {
  const rows = series.flatMap(({ group = null, stages: lines }) =>
    stages
      .filter(stage => lines[stage].some(n => n !== 0))
      .flatMap(stage => lines[stage].map((n, at): CsvCell[] => [edges[at]!, edges[at + 1]!, group, stage, n])),
  )
  return { columns: [...period, text('group'), text('stage'), integer('n')], rows }
}

/** A row for each outcome in each period. */
export function outcomesTable({ edges, outcomes }: OutcomesAnswer): Table {
  const rows = outcomes.flatMap(({ what, reason = null, n: counts }) =>
    counts.map((n, at): CsvCell[] => [edges[at]!, edges[at + 1]!, what, reason, n]),
  )
  return { columns: [...period, text('what'), text('reason'), integer('n')], rows }
}

/** The rows as CSV, under the names of the columns. */
export const csvOf = ({ columns, rows }: Table): string => csvText([columns.map(({ name }) => name), ...rows])
