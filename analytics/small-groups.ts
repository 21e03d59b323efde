import type { Counted } from './count.ts'

/**
 * Which numbers of an answer are not told, of a table of groups (rows) in periods (columns), each with how many it is of. Not one of fewer
 * than `least`; and where only that, or too little, would be missing from a row or a column, the next smallest with it: who has the
 * total, of another question, would have the rest by taking away (primary and complementary suppression). Pure.
 */
export function hiddenCells(sizes: readonly (readonly number[])[], least: number): boolean[][] {
  const hidden = sizes.map(row => row.map(size => size > 0 && size < least))
  const lines = [
    ...sizes.map((row, group) => row.map((_, period): Cell => ({ group, period }))),
    ...(sizes[0] ?? []).map((_, period) => sizes.map((_, group): Cell => ({ group, period }))),
  ]
  const sizeOf = ({ group, period }: Cell) => sizes[group]![period]!
  const isHidden = ({ group, period }: Cell) => hidden[group]![period]!
  const hideMore = (line: readonly Cell[]): boolean => {
    const out = line.filter(isHidden)
    const told = line.filter(cell => !isHidden(cell) && sizeOf(cell) > 0).sort((a, b) => sizeOf(a) - sizeOf(b))
    const tellsTooMuch = () => out.length === 1 || out.reduce((sum, cell) => sum + sizeOf(cell), 0) < least
    let more = false
    while (out.length > 0 && tellsTooMuch() && told.length > 0) {
      const next = told.shift()!
      hidden[next.group]![next.period] = more = true
      out.push(next)
    }
    return more
  }
  // What is hidden for a row may be alone in its column.
  while (lines.map(hideMore).includes(true));
  return hidden
}

/** How large a group is: of so many units, and of no more people where that is known. Of what there is no group is empty. Pure. */
export function sizeOf(counted: readonly Pick<Counted, 'n' | 'people'>[]): number {
  const n = counted.reduce((sum, one) => sum + one.n, 0)
  return Math.min(n, Math.max(1, counted[0]?.people ?? n))
}

type Cell = { group: number; period: number }
