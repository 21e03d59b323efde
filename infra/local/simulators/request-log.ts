import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { ProviderName } from './answers.ts'

/** `oauth` is Google's token endpoint, which firebase-admin asks before it sends. */
export type LoggedProvider = ProviderName | 'oauth'

/**
 * The message that a line is about, as the request names it. `removes`: the deliveries that it takes off the screen.
 * `badge`: the number that it puts on the app's icon.
 */
export type MessageLine = {
  provider: LoggedProvider
  address: string
  deliveryId?: string
  attemptId?: string
  /** Of a push: what its device would report with. */
  receipt?: string
  /** Of a mail or text message: where its links lead, in their order. */
  links?: string[]
  /** Of a mail: the headers of its own. */
  headers?: Record<string, unknown>
  removes?: string[]
  badge?: number
  /** Of a push: nothing of it is shown. */
  silent?: true
}

/**
 * One message that reached a simulator, in order of arrival. `accepted`: the provider took it, so it counts as sent
 * whatever the client was told. `withheld`: no answer was given; `status` is then the one that would have been (0 =
 * none). `bytes`: the body of the whole request. `arrivedNs`: nanoseconds of a monotonic clock, as text.
 */
export type LoggedRequest = MessageLine & {
  seq: number
  at: string
  arrivedNs: string
  status: number
  answer: string
  accepted: boolean
  withheld?: true
  bytes: number
}

export type NewLine = Omit<LoggedRequest, 'seq' | 'at' | 'arrivedNs'>

export type Count = { messages: number; accepted: number; withheld: number; answers: Record<string, number> }
export type Counts = Partial<Record<LoggedProvider, Count>>

export type RequestLog = AsyncDisposable & {
  add(line: NewLine): void
  /** The lines in memory, or those after a sequence number: throws when some of them are no longer in memory. */
  entries(after?: number): LoggedRequest[]
  counts(): Counts
  /** Resolves when all lines so far are on the disk; rejects when the file could not be written. Undefined: no file. */
  stored(): Promise<void> | undefined
}

/** Opens the log: the last `keep` lines stay in memory, all are appended to `file` (ndjson) and synced, in groups. */
export async function openRequestLog({ file, keep }: { file?: string; keep: number }): Promise<RequestLog> {
  const writer = file === undefined ? undefined : await appendTo(file)
  const counts: Counts = {}
  let kept: LoggedRequest[] = []
  let seq = writer?.lastSeq ?? 0
  return {
    add: line => {
      count(counts, line)
      seq++
      if (keep === 0 && writer === undefined) return
      const entry = { seq, at: new Date().toISOString(), arrivedNs: process.hrtime.bigint().toString(), ...line }
      if (keep > 0) kept.push(entry)
      if (kept.length >= 2 * keep) kept = kept.slice(kept.length - keep)
      writer?.append(`${JSON.stringify(entry)}\n`)
    },
    entries: after => {
      if (after === undefined) return [...kept]
      const first = seq - kept.length + 1
      if (after + 1 < first) throw new RangeError(`lines up to ${first - 1} are not in memory: read the log file`)
      return kept.slice(after + 1 - first)
    },
    counts: () => structuredClone(counts),
    stored: () => writer?.stored(),
    [Symbol.asyncDispose]: async () => writer?.close(),
  }
}

function count(counts: Counts, line: NewLine): void {
  const of = (counts[line.provider] ??= { messages: 0, accepted: 0, withheld: 0, answers: {} })
  of.messages++
  if (line.accepted) of.accepted++
  if (line.withheld) of.withheld++
  of.answers[line.answer] = (of.answers[line.answer] ?? 0) + 1
}

type Group = { text: string; stored: PromiseWithResolvers<void> }

/** One write at a time; what comes meanwhile goes with the next. */
async function appendTo(file: string) {
  const handle = await open(file, 'a+', 0o600)
  const lastSeq = await endCleanly(handle)
  let next: Group | undefined
  let last: Promise<void> = Promise.resolve()

  /** A failed write ends it: nothing more is written, and whoever waits hears why. */
  async function write(group: Group, before: Promise<void>) {
    try {
      await before
      next = undefined
      await handle.appendFile(group.text)
      await handle.datasync()
      group.stored.resolve()
    } catch (error) {
      next = undefined
      group.stored.reject(error)
    }
  }
  return {
    lastSeq,
    append(line: string) {
      if (next === undefined) {
        next = { text: '', stored: Promise.withResolvers() }
        next.stored.promise.catch(() => {})
        void write(next, last)
        last = next.stored.promise
      }
      next.text += line
    },
    stored: () => last,
    close: async () => {
      try {
        await last
      } finally {
        await handle.close()
      }
    },
  }
}

const tailBytes = 64 * 1024

/** Cuts off a line that a killed process left half written; gives the last line's sequence number, 0 for a new file. */
async function endCleanly(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat()
  const from = Math.max(0, size - tailBytes)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from)
  const tail = buffer.subarray(0, bytesRead)
  const end = tail.lastIndexOf(0x0a) + 1
  if (end < tail.length) await handle.truncate(from + end)
  if (end === 0) return 0
  const line = tail.subarray(tail.lastIndexOf(0x0a, end - 2) + 1, end)
  return (JSON.parse(line.toString()) as LoggedRequest).seq
}
