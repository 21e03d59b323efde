/** A field of a file: a number stays one, null is an empty field. */
export type CsvCell = string | number | null

/**
 * Rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in front, as OWASP asks
 * ("CSV Injection").
 */
export const csvText = (rows: readonly (readonly CsvCell[])[]): string =>
  rows.map(row => `${row.map(fieldOf).join(',')}\r\n`).join('')

function fieldOf(cell: CsvCell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  const safe = /^\s*[=+\-@\t\r\n|%\uFF1D\uFF0B\uFF0D\uFF20]/.test(cell) ? `'${cell}` : cell
  // Where a spreadsheet takes semicolons or tabs for the ends of fields, too.
  return /[",;\t\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
