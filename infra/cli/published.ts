import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { EpochMs } from '#contracts/ids.ts'
import type { Published } from '#ledger/audit.ts'
import { comparedDays } from '#ledger/audit-checks.ts'
import type { PublisherLogLine } from '#producers/sdk/publisher-log.ts'
import { CommandError } from './command.ts'
import type { Queryable } from '#runtime/postgres.ts'

const comparedMs = comparedDays * 86_400_000

/**
 * A publisher's own log: one line of JSON for each intent that Pub/Sub has stored. What the audit compares with: lines of
 * the last 33 days. Throws at a line that is none, with its number.
 */
export async function* readPublished(file: string, now: EpochMs): AsyncGenerator<Published> {
  if (!existsSync(file)) return
  let n = 0
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    n++
    if (line === '') continue
    const published = parse(line)
    // A line may be half written by a process that was killed: its intent was stored, its line was not.
    if (published && published.at > now - comparedMs) yield published
    else if (!published && looksWhole(line)) throw new CommandError(`${file}:${n} is no line of a publisher's log`)
  }
}

/** The log's name: what went into one database is no witness of another. */
export async function publishedFileOf(db: Queryable, databaseUrl: string | undefined): Promise<string> {
  if (databaseUrl === undefined) return 'published.ndjson'
  const { host, pathname } = new URL(databaseUrl)
  const [row] = await db.query<{ oid: number }>('select oid from pg_database where datname = current_database()')
  return `published-${createHash('sha256').update(`${host}${pathname} ${row!.oid}`).digest('hex').slice(0, 8)}.ndjson`
}

function parse(line: string): PublisherLogLine | undefined {
  try {
    const known = JSON.parse(line) as Partial<PublisherLogLine>
    const isOne = typeof known.intent === 'string' && typeof known.at === 'number' && Array.isArray(known.recipients)
    return isOne ? (known as PublisherLogLine) : undefined
  } catch {
    return undefined
  }
}

/** Only the first part of a line can be missing its end. */
const looksWhole = (line: string): boolean => !line.startsWith('{"') || line.endsWith('}')

/** Appends lines in order, in few writes; `flush` resolves when all are written. */
export function publishedWriter(
  file: string,
): AsyncDisposable & { write(line: PublisherLogLine): void; flush(): Promise<void> } {
  // Ends what a killed process left half written, which would else spoil the next line, too.
  let waiting: string[] = existsSync(file) ? ['\n'] : []
  let writing = Promise.resolve()
  let due = false
  const flush = async () => {
    const lines = waiting
    waiting = []
    due = false
    if (lines.length > 0) await appendFile(file, lines.join(''), { mode: 0o600 })
  }
  return {
    write(line) {
      waiting.push(`${JSON.stringify(line)}\n`)
      if (!due) writing = writing.then(() => new Promise(setImmediate)).then(flush)
      due = true
    },
    flush: () => (writing = writing.then(flush)),
    [Symbol.asyncDispose]: () => writing.then(flush),
  }
}
