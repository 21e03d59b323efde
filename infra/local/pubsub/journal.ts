import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, unlink } from 'node:fs/promises'
import { status } from '@grpc/grpc-js'
import type { JournalRecord, Segment, StoredMessage } from './journal-records.ts'
import { encodeRecord, journalVersion, place } from './journal-records.ts'
import { replayJournal, segmentPath } from './journal-replay.ts'
import { limits } from './limits.ts'
import { refusal } from './refusal.ts'

export type Recovered = { messages: StoredMessage[]; lastNumber: number; configJson: string | undefined }

type Pending = { record: JournalRecord; bytes: Buffer; resolve: () => void; reject: (reason: Error) => void }

/**
 * The append-only journal of one folder. What is appended in one turn of the event loop, and while the disk is busy, goes
 * out in one write and one fdatasync; the promises resolve after it. Files of 16 MB; the oldest is emptied into the
 * newest and deleted while more is dead than alive, so the folder stays below twice what is alive plus about 64 MB.
 */
export class Journal {
  #dir: string
  #segments: Segment[]
  #handle: FileHandle | undefined
  #pending: Pending[] = []
  #flushing: Promise<void> | undefined
  #lastNumber: number
  #configJson: string | undefined
  #torn = false
  #closed = false

  private constructor(dir: string, state: Omit<Recovered, 'messages'> & { segments: Segment[] }) {
    this.#dir = dir
    this.#segments = state.segments
    this.#lastNumber = state.lastNumber
    this.#configJson = state.configJson
  }

  /** Reads the folder, begins a new file and cleans what is dead. Throws when the folder cannot be read or written, or is damaged. */
  static async open(dir: string): Promise<{ journal: Journal; recovered: Recovered }> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const replayed = await replayJournal(dir)
    await using opened = new AsyncDisposableStack()
    const journal = opened.use(new Journal(dir, replayed))
    await journal.#beginSegment()
    await journal.#clean(0)
    opened.move()
    return { journal, recovered: replayed }
  }

  /** Stores the messages that have holders; `lastNumber` is the highest message number ever given out. */
  appendMessages(messages: StoredMessage[], lastNumber: number): Promise<void> {
    return this.#append({
      kind: 'messages',
      lastNumber,
      messages: messages.filter(({ holders }) => holders.length > 0),
    })
  }

  /** Stores that a subscription is done with messages. */
  appendAcks(subscription: number, numbers: number[]): Promise<void> {
    return this.#append({ kind: 'acks', subscription, numbers })
  }

  /** Stores the whole configuration. */
  appendConfig(json: string): Promise<void> {
    return this.#append({ kind: 'config', json })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#flushing
    await this.#handle?.close()
    this.#handle = undefined
  }

  get #current(): Segment {
    return this.#segments.at(-1)!
  }

  #append(record: JournalRecord): Promise<void> {
    if (this.#closed) return Promise.reject(refusal(status.UNAVAILABLE, 'The local Pub/Sub server is shutting down.'))
    return new Promise((resolve, reject) => {
      this.#pending.push({ record, bytes: encodeRecord(record), resolve, reject })
      this.#flushing ??= this.#flush()
    })
  }

  async #flush(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    while (this.#pending.length > 0) {
      const batch = this.#pending
      this.#pending = []
      try {
        await this.#write(batch.map(entry => entry.bytes))
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error)
        const failure = refusal(status.UNAVAILABLE, `The local Pub/Sub server cannot write its journal: ${cause}`)
        for (const entry of batch) entry.reject(failure)
        continue
      }
      for (const entry of batch) {
        this.#stored(entry.record)
        entry.resolve()
      }
      await this.#tidy()
    }
    this.#flushing = undefined
  }

  #stored(record: JournalRecord): void {
    if (record.kind === 'config') this.#configJson = record.json
    if (record.kind !== 'messages') return
    this.#lastNumber = Math.max(this.#lastNumber, record.lastNumber)
    for (const message of record.messages) place(message, this.#current)
  }

  async #write(parts: Buffer[]): Promise<void> {
    const handle = this.#handle!
    const segment = this.#current
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    if (this.#torn) await handle.truncate(segment.bytes)
    this.#torn = true
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, segment.bytes + done)
      done += bytesWritten
    }
    await handle.datasync()
    this.#torn = false
    segment.bytes += bytes.length
  }

  // Room is a matter of the disk, not of the calls that wait: when it cannot be made now, it is tried after the next write.
  async #tidy(): Promise<void> {
    try {
      if (this.#current.bytes >= limits.segmentBytes) await this.#beginSegment()
      await this.#clean(limits.journalWasteBytes)
    } catch (error) {
      process.emitWarning(`The Pub/Sub journal in ${this.#dir} could not be cleaned: ${String(error)}`)
    }
  }

  async #beginSegment(): Promise<void> {
    const index = (this.#segments.at(-1)?.index ?? 0) + 1
    const path = segmentPath(this.#dir, index)
    const opening = [encodeRecord({ kind: 'format', version: journalVersion, lastNumber: this.#lastNumber })]
    if (this.#configJson !== undefined) opening.push(encodeRecord({ kind: 'config', json: this.#configJson }))
    const bytes = Buffer.concat(opening)
    const handle = await createFile(path, bytes)
    await syncFolder(this.#dir)
    await this.#handle?.close()
    this.#handle = handle
    this.#segments.push({ path, index, bytes: bytes.length, liveBytes: 0, live: new Set() })
  }

  async #clean(waste: number): Promise<void> {
    while (this.#segments.length > 1 && this.#isWasteful(waste)) {
      const oldest = this.#segments[0]!
      const messages = [...oldest.live]
      if (messages.length > 0) {
        await this.#write([encodeRecord({ kind: 'messages', lastNumber: this.#lastNumber, messages })])
        // Those acknowledged during the write are not in the set any more.
        for (const message of oldest.live) place(message, this.#current)
      }
      await unlink(oldest.path)
      this.#segments.shift()
      if (this.#current.bytes >= limits.segmentBytes) await this.#beginSegment()
    }
  }

  #isWasteful(waste: number): boolean {
    let bytes = 0
    let liveBytes = 0
    for (const segment of this.#segments.slice(0, -1)) {
      bytes += segment.bytes
      liveBytes += segment.liveBytes
    }
    return bytes - liveBytes > Math.max(liveBytes, waste)
  }
}

async function createFile(path: string, bytes: Buffer): Promise<FileHandle> {
  const handle = await open(path, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.datasync()
    return handle
  } catch (error) {
    // A beginning that is not whole must not stand behind a file that is still written to.
    await handle.close()
    await unlink(path)
    throw error
  }
}

// Makes a new file's name durable; not every system can open a folder.
async function syncFolder(dir: string): Promise<void> {
  try {
    const folder = await open(dir, 'r')
    await folder.sync().finally(() => folder.close())
  } catch {}
}
