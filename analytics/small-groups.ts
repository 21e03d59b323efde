import type { Counted } from './count.ts'

/**
 * Which numbers of an answer are not told, of a table of groups (rows) in periods (columns), each with how many it is of. Not one of fewer
 * than `least`; where only that, or too little, would be missing from a row or a column, the next smallest with it; and the smallest
 * that it takes so that none can be computed: who has the totals of rows and columns, of other questions, would have the rest by taking
 * away (primary and complementary suppression). But for what is alone in its row or column: that is its total. Between which bounds a
 * missing number must be, totals may tell. Pure.
 */
export function hiddenCells(sizes: readonly (readonly number[])[], least: number): boolean[][] {
  const table = tableOf(sizes, least)
  const { periods, hidden, lines } = table
  if (hidden.includes(true)) {
    // What is hidden for a row may be alone in its column.
    while (lines.map(line => hideMore(table, line, least)).includes(true));
    if (sizes.length > 1 && periods > 1) for (const cell of bridgesOf(table)) closeCycle(table, cell)
  }
  return sizes.map((_, group) => hidden.slice(group * periods, (group + 1) * periods))
}

/** Row by row. As a graph: lines, rows before columns, are its points; a cell that is of somebody joins its row and its column. */
type Table = { periods: number; sizes: readonly number[]; hidden: boolean[]; lines: readonly Line[] }
/** Cells from one on, every so many. */
type Line = { from: number; step: number; length: number }

function tableOf(rows: readonly (readonly number[])[], least: number): Table {
  const periods = rows[0]?.length ?? 0
  const sizes = rows.flat()
  const lines = [
    ...rows.map((_, group) => ({ from: group * periods, step: 1, length: periods })),
    ...Array.from({ length: periods }, (_, period) => ({ from: period, step: periods, length: rows.length })),
  ]
  return { periods, sizes, hidden: sizes.map(size => size > 0 && size < least), lines }
}

function hideMore({ sizes, hidden }: Table, { from, step, length }: Line, least: number): boolean {
  for (let more = false; ; more = true) {
    let [out, missing, next] = [0, 0, -1]
    for (let n = 0, cell = from; n < length; n++, cell += step) {
      const size = sizes[cell]!
      if (hidden[cell]) [out, missing] = [out + 1, missing + size]
      else if (size > 0 && (next < 0 || size < sizes[next]!)) next = cell
    }
    if (out === 0 || next < 0 || (out > 1 && missing >= least)) return more
    hidden[next] = true
  }
}

const rowOf = ({ periods }: Table, cell: number) => Math.floor(cell / periods)
const columnOf = ({ periods, lines }: Table, cell: number) => lines.length - periods + (cell % periods)
const otherEnd = (table: Table, cell: number, end: number) =>
  end === rowOf(table, cell) ? columnOf(table, cell) : rowOf(table, cell)

/** Hidden cells that can be computed: those in no cycle of hidden cells (the bridges of their graph). */
function bridgesOf(table: Table): number[] {
  const { hidden, lines } = table
  const depth = new Int32Array(lines.length).fill(-1)
  const via = new Int32Array(lines.length).fill(-1)
  for (const root of lines.keys()) {
    if (depth[root]! >= 0) continue
    depth[root] = 0
    for (const open = [root]; open.length > 0;) {
      const end = open.pop()!
      const { from, step, length } = lines[end]!
      for (let n = 0, cell = from; n < length; n++, cell += step) {
        const next = hidden[cell] ? otherEnd(table, cell, end) : end
        if (depth[next]! >= 0) continue
        depth[next] = depth[end]! + 1
        via[next] = cell
        open.push(next)
      }
    }
  }
  // A hidden cell that is no branch of the tree closes a cycle with the branches between its ends.
  const top = Int32Array.from(lines.keys())
  const topOf = (end: number): number => {
    while (top[end] !== end) end = top[end] = top[top[end]!]!
    return end
  }
  for (const [cell, isHidden] of hidden.entries()) {
    const [row, column] = [rowOf(table, cell), columnOf(table, cell)]
    if (!isHidden || via[row] === cell || via[column] === cell) continue
    for (let [a, b] = [topOf(row), topOf(column)]; a !== b; [a, b] = [topOf(a), topOf(b)]) {
      const lower = depth[a]! > depth[b]! ? a : b
      top[lower] = otherEnd(table, via[lower]!, lower)
    }
  }
  return [...via].filter((cell, end) => cell >= 0 && top[end] === end)
}

/** Hides those cells, the smallest together, that close a cycle through one, where any do (the shortest way from end to end, of Dijkstra). */
function closeCycle(table: Table, bridge: number): void {
  const { sizes, hidden, lines } = table
  const [begin, end] = [rowOf(table, bridge), columnOf(table, bridge)]
  const costs = new Float64Array(lines.length).fill(Infinity)
  const via = new Int32Array(lines.length).fill(-1)
  const open = new Set([begin])
  for (costs[begin] = 0; open.size > 0;) {
    let at = -1
    for (const one of open) if (at < 0 || costs[one]! < costs[at]!) at = one
    open.delete(at)
    if (at === end) break
    const { from, step, length } = lines[at]!
    for (let n = 0, cell = from; n < length; n++, cell += step) {
      if (cell === bridge || sizes[cell] === 0) continue
      const [next, cost] = [otherEnd(table, cell, at), costs[at]! + (hidden[cell] ? 0 : sizes[cell]!)]
      if (cost >= costs[next]!) continue
      costs[next] = cost
      via[next] = cell
      open.add(next)
    }
  }
  if (via[end]! < 0) return
  for (let at = end; at !== begin; at = otherEnd(table, via[at]!, at)) hidden[via[at]!] = true
}

/** How large a group is: of so many units, and of no more people where that is known. Of what there is no group is empty. Pure. */
export function sizeOf(counted: readonly Pick<Counted, 'n' | 'people'>[]): number {
  const n = counted.reduce((sum, one) => sum + one.n, 0)
  return Math.min(n, Math.max(1, counted[0]?.people ?? n))
}
