/**
 * What a person sees while it works, all of it on stderr: lines that stay (`say`), and how far it is (`show`). On a
 * terminal that is one changing line with a changing picture below; elsewhere the line alone, every few seconds.
 */
export type StatusLine = { say(text: string): void; show(line: string, picture?: string): void; clear(): void }

const quietMs = 5_000
const fitted = (line: string, width: number): string => (line.length > width ? `${line.slice(0, width - 1)}…` : line)

export function statusLine(out: NodeJS.WriteStream = process.stderr): StatusLine {
  let shownRows = 0
  let saidAt = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (shownRows > 0) out.write(`\r\u001b[${shownRows > 1 ? `${shownRows - 1}A\u001b[` : ''}J`)
    shownRows = 0
  }
  return {
    say(text) {
      clear()
      out.write(`${text}\n`)
    },
    show(line, picture = '') {
      if (out.isTTY) {
        const rows = [fitted(line, (out.columns ?? 80) - 1), ...picture.trimEnd().split('\n')].filter(Boolean)
        clear()
        // What has scrolled out of sight cannot be taken back.
        const fitting = rows.slice(0, Math.max(1, (out.rows ?? 24) - 1))
        out.write(fitting.join('\n'))
        shownRows = fitting.length
      } else if (performance.now() - saidAt > quietMs) {
        saidAt = performance.now()
        out.write(`${line}\n`)
      }
    },
    clear,
  }
}
