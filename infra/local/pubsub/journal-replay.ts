import { open, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JournalRecord, Segment, StoredMessage } from './journal-records.ts'
import { decodeRecords, journalVersion, place, unplace } from './journal-records.ts'

export type Replayed = {
  segments: Segment[]
  /** In publishing order. */
  messages: StoredMessage[]
  lastNumber: number
  configJson: string | undefined
}

const segmentName = /^(\d{8})\.journal$/

export function segmentPath(dir: string, index: number): string {
  return join(dir, `${String(index).padStart(8, '0')}.journal`)
}

/**
 * Reads all journal files of the folder. What a crash left half-written at the end of the last one is cut off, with a
 * warning; damage anywhere else throws, naming file and position.
 */
export async function replayJournal(dir: string): Promise<Replayed> {
  const indexes = (await readdir(dir)).flatMap(name => segmentName.exec(name)?.[1] ?? []).map(Number)
  const replayed: Replayed = { segments: [], messages: [], lastNumber: 0, configJson: undefined }
  const byNumber = new Map<number, StoredMessage>()
  const sorted = indexes.sort((a, b) => a - b)
  for (const index of sorted) {
    const path = segmentPath(dir, index)
    const file = await readFile(path)
    const { records, end } = decodeRecords(file)
    if (end < file.length) await cutTornTail({ path, end, bytes: file.length, last: index === sorted.at(-1) })
    const segment: Segment = { path, index, bytes: end, liveBytes: 0, live: new Set() }
    replayed.segments.push(segment)
    for (const record of records) applyRecord({ replayed, byNumber, segment }, record)
  }
  replayed.messages = Array.from(byNumber.values()).sort((a, b) => a.number - b.number)
  return replayed
}

async function cutTornTail(torn: { path: string; end: number; bytes: number; last: boolean }): Promise<void> {
  if (!torn.last) {
    throw new Error(
      `The Pub/Sub journal ${torn.path} is damaged at byte ${torn.end}. Restore it, or move the folder away to start empty.`,
    )
  }
  process.emitWarning(
    `The Pub/Sub journal ${torn.path} ended in a half-written record; its last ${torn.bytes - torn.end} bytes were never acknowledged and are cut off.`,
  )
  const handle = await open(torn.path, 'r+')
  try {
    await handle.truncate(torn.end)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

type Replay = { replayed: Replayed; byNumber: Map<number, StoredMessage>; segment: Segment }

function applyRecord(replay: Replay, record: JournalRecord): void {
  const { replayed, byNumber } = replay
  switch (record.kind) {
    case 'format':
      if (record.version !== journalVersion) {
        throw new Error(
          `The Pub/Sub journal ${replay.segment.path} has format ${record.version}; this server reads ${journalVersion}.`,
        )
      }
      replayed.lastNumber = Math.max(replayed.lastNumber, record.lastNumber)
      return
    case 'config':
      replayed.configJson = record.json
      return
    case 'messages':
      replayed.lastNumber = Math.max(replayed.lastNumber, record.lastNumber)
      for (const message of record.messages) addMessage(replay, message)
      return
    case 'acks':
      for (const number of record.numbers) {
        const message = byNumber.get(number)
        if (!message) continue
        message.holders = message.holders.filter(holder => holder !== record.subscription)
        if (message.holders.length === 0) removeMessage(replay, message)
      }
      return
    default:
      record satisfies never
  }
}

// A message met twice was being moved to a newer file; the newer copy has the newer holders.
function addMessage(replay: Replay, found: StoredMessage): void {
  const known = replay.byNumber.get(found.number)
  if (known) removeMessage(replay, known)
  // A copy, so that one message does not keep its whole file in memory.
  const message = { ...found, body: Buffer.from(found.body) }
  replay.byNumber.set(message.number, message)
  place(message, replay.segment)
}

function removeMessage({ byNumber }: Replay, message: StoredMessage): void {
  byNumber.delete(message.number)
  unplace(message)
}
