import { type CsvCell, csvText } from './csv.ts'

/** Numbers as a table: what a chart shows, to read and to take away. */
export type Numbers = { head: readonly string[]; rows: readonly (readonly Cell[])[] }
/** Null is not known. What people read otherwise, like a share or a time, is `kept` in files as programs read it. */
export type Cell = CsvCell | { kept: CsvCell; told: string }

/** A table as CSV: what people read as text may be a number there. */
export const csvOf = ({ head, rows }: Numbers): string =>
  csvText([head, ...rows.map(row => row.map(cell => (cell !== null && typeof cell === 'object' ? cell.kept : cell)))])

/** A cell for people. */
export function cellText(cell: Cell): string {
  if (cell === null) return '–'
  return typeof cell === 'object' ? cell.told : typeof cell === 'number' ? count(cell) : cell
}

/** A share as people read it, and in files: `12.3 %` is 0.123. */
export const shareCell = (part: number, whole: number): Cell =>
  whole === 0 ? null : { kept: part / whole, told: percent(part, whole) }
/** The same of a change: `+12.3 %` is 0.123; against nothing there is none. */
export const changeCell = (now: number, before: number): Cell => ({
  kept: before === 0 ? null : (now - before) / before,
  told: change(now, before),
})
/** The same of a difference of shares: `+1.2 pp` is 0.012. */
export const pointsCell = (share: number): Cell => ({ kept: share, told: points(share) })

/** `1,234`. */
export const count = (n: number): string => n.toLocaleString('en-GB')
/** `12.3 %`; nothing of nothing. What is more than nothing is never told as nothing, nor what is not all as all. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–'
  const share = part / whole
  if (share > 0.999 && share < 1) return '>99.9 %'
  return share === 1 ? '100 %' : `${tenths(share)} %`
}
/** `+12.3 %` against what was before. */
export const change = (now: number, before: number): string =>
  before === 0 ? (now === 0 ? '–' : 'new') : `${signed((now - before) / before)} %`
/** A difference of shares, in points: `+1.2 pp`. */
export const points = (share: number): string => `${signed(share)} pp`

/** Of a hundred, to a tenth. */
const tenths = (share: number): string =>
  share === 0 ? '0' : Math.abs(share) < 0.001 ? '<0.1' : (100 * Math.abs(share)).toFixed(1)
const signed = (share: number): string => `${share > 0 ? '+' : share < 0 ? '-' : ''}${tenths(share)}`

const units = [
  ...([['d', 86_400_000] as const, ['h', 3_600_000] as const] as const),
  ...([['min', 60_000] as const, ['s', 1_000] as const] as const),
] as const
/** `12 ms`, `3.4 s`, `5 min`. */
export function duration(ms: number): string {
  const [unit, size] = units.find(one => ms >= one[1]) ?? (['ms', 1] as const)
  const n = ms / size
  return `${n < 10 && unit !== 'ms' ? Number(n.toFixed(1)) : Math.round(n)} ${unit}`
}
/** `12.3k`, where there is little room. */
export const short = (n: number): string =>
  Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(n)
