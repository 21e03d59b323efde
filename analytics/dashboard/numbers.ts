/** Numbers as a table: what a chart shows, to read and to take away. */
export type Numbers = { head: readonly string[]; rows: readonly (readonly (string | number)[])[] }

/**
 * A table as CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe before it, as OWASP
 * advises; numbers stay numbers.
 */
export const csvOf = ({ head, rows }: Numbers): string =>
  [head, ...rows].map(row => row.map(cellOf).join(',')).join('\r\n') + '\r\n'

function cellOf(value: string | number): string {
  if (typeof value === 'number') return String(value)
  const safe = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** `1,234`. */
export const count = (n: number): string => n.toLocaleString('en-GB')
/** `12.3 %`; nothing of nothing. */
export const percent = (part: number, whole: number): string =>
  whole === 0 ? '–' : `${((100 * part) / whole).toFixed(part === whole || part === 0 ? 0 : 1)} %`
/** `+12.3 %` against what was before. */
export const change = (now: number, before: number): string =>
  before === 0
    ? now === 0
      ? '–'
      : 'new'
    : `${now > before ? '+' : ''}${((100 * (now - before)) / before).toFixed(1)} %`
/** A difference of shares, in points: `+1.2 pp`. */
export const points = (share: number): string => `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)} pp`

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
