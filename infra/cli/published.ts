import { createReadStream, existsSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Published } from '#ledger/audit.ts'

/** A publisher's own log: one line of JSON for each intent that Pub/Sub has stored. What the audit compares with. */
export async function* readPublished(file: string): AsyncGenerator<Published> {
  if (!existsSync(file)) return
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    const published = parse(line)
    // The last line may be half written by a process that was killed: its intent was stored, its line was not.
    if (published) yield published
  }
}

function parse(line: string): Published | undefined {
  try {
    return JSON.parse(line) as Published
  } catch {
    return undefined
  }
}

/** Appends lines in order, in few writes; `flush` resolves when all are written. */
export function publishedWriter(
  file: string,
): AsyncDisposable & { write(line: Published): void; flush(): Promise<void> } {
  let waiting: string[] = []
  let writing = Promise.resolve()
  const flush = async () => {
    const lines = waiting
    waiting = []
    if (lines.length > 0) await appendFile(file, lines.join(''), { mode: 0o600 })
  }
  return {
    write(line) {
      if (waiting.push(`${JSON.stringify(line)}\n`) === 1)
        writing = writing.then(() => new Promise(setImmediate)).then(flush)
    },
    flush: () => writing.then(flush),
    [Symbol.asyncDispose]: () => writing.then(flush),
  }
}
