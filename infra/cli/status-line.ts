/** What a person sees while it works: lines that stay, and on a terminal one line that changes. All on stderr. */
export type StatusLine = { say(line: string): void; show(line: string): void; clear(): void }

const quietMs = 5_000

export function statusLine(): StatusLine {
  const { isTTY } = process.stderr
  let shown = ''
  let saidAt = 0
  const clear = () => {
    if (isTTY && shown !== '') process.stderr.write('\r\u001b[2K')
    shown = ''
  }
  return {
    say(line) {
      clear()
      process.stderr.write(`${line}\n`)
    },
    show(line) {
      if (isTTY) {
        clear()
        process.stderr.write(line.slice(0, (process.stderr.columns ?? 80) - 1))
      } else if (line !== shown && performance.now() - saidAt > quietMs) {
        saidAt = performance.now()
        process.stderr.write(`${line}\n`)
      }
      shown = line
    },
    clear,
  }
}
