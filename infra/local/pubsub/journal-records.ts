import { crc32 } from 'node:zlib'
import { orderingKeyOf } from './message.ts'

/** A message on disk and in memory. */
export type StoredMessage = {
  number: number
  /** The encoded `PubsubMessage` with id and publish time. */
  body: Buffer
  orderingKey: string
  /** The ids of the subscriptions that still owe an acknowledgement for it. */
  holders: number[]
  /** The journal file that it lies in; none before it is written and after everyone is done with it. */
  segment: Segment | undefined
}

/** One file of the journal, and which of its messages are alive: still owed an acknowledgement. */
export type Segment = { path: string; index: number; bytes: number; liveBytes: number; live: Set<StoredMessage> }

/**
 * What the journal consists of. `format` opens every file, `config` is the whole configuration as JSON (the last one
 * counts), `messages` are published or moved here from an older file, `acks` take a subscription from its messages.
 */
export type JournalRecord =
  | { kind: 'format'; version: number; lastNumber: number }
  | { kind: 'config'; json: string }
  | { kind: 'messages'; lastNumber: number; messages: StoredMessage[] }
  | { kind: 'acks'; subscription: number; numbers: number[] }

export const journalVersion = 1

/** Length, checksum and kind before each record's content. */
const headerBytes = 9
const kinds = { format: 1, config: 2, messages: 3, acks: 4 } as const
const numberBytes = 8
const idBytes = 4

/** The bytes of a record: payload length, CRC-32 of the payload, payload. */
export function encodeRecord(record: JournalRecord): Buffer {
  const payload = encodeContent(record)
  payload[headerBytes - 1] = kinds[record.kind]
  payload.writeUInt32LE(payload.length - 8, 0)
  payload.writeUInt32LE(crc32(payload.subarray(8)), 4)
  return payload
}

/**
 * The records of a file, in order, up to the first that is incomplete or does not match its checksum; `end` is where
 * that one begins, the file's length when all are whole. Message bodies are views of `file`.
 */
export function decodeRecords(file: Buffer): { records: JournalRecord[]; end: number } {
  const records: JournalRecord[] = []
  let at = 0
  while (at + headerBytes <= file.length) {
    const to = at + 8 + file.readUInt32LE(at)
    if (to > file.length || to < at + headerBytes) break
    const payload = file.subarray(at + 8, to)
    if (crc32(payload) !== file.readUInt32LE(at + 4)) break
    records.push(decodeContent(payload))
    at = to
  }
  return { records, end: at }
}

/** Notes that the message lies in the segment, and in no other any more. */
export function place(message: StoredMessage, segment: Segment): void {
  unplace(message)
  message.segment = segment
  segment.live.add(message)
  segment.liveBytes += journalBytesOf(message)
}

/** Notes that the message is not alive any more. */
export function unplace(message: StoredMessage): void {
  const { segment } = message
  if (!segment) return
  message.segment = undefined
  segment.live.delete(message)
  segment.liveBytes -= journalBytesOf(message)
}

// For one holder: the count must not change while holders go.
function journalBytesOf(message: StoredMessage): number {
  return numberBytes + 2 + idBytes + 4 + message.body.length
}

function encodeContent(record: JournalRecord): Buffer {
  switch (record.kind) {
    case 'format': {
      const buffer = Buffer.allocUnsafe(headerBytes + 1 + numberBytes)
      buffer.writeUInt8(record.version, headerBytes)
      buffer.writeDoubleLE(record.lastNumber, headerBytes + 1)
      return buffer
    }
    case 'config': {
      return Buffer.concat([Buffer.alloc(headerBytes), Buffer.from(record.json)])
    }
    case 'messages':
      return encodeMessages(record)
    case 'acks': {
      const buffer = Buffer.allocUnsafe(headerBytes + idBytes + record.numbers.length * numberBytes)
      buffer.writeUInt32LE(record.subscription, headerBytes)
      record.numbers.forEach((number, index) =>
        buffer.writeDoubleLE(number, headerBytes + idBytes + index * numberBytes),
      )
      return buffer
    }
    default:
      return record satisfies never
  }
}

function encodeMessages(record: JournalRecord & { kind: 'messages' }): Buffer {
  let size = headerBytes + numberBytes
  for (const { holders, body } of record.messages) size += numberBytes + 2 + holders.length * idBytes + 4 + body.length
  const buffer = Buffer.allocUnsafe(size)
  let at = buffer.writeDoubleLE(record.lastNumber, headerBytes)
  for (const { number, holders, body } of record.messages) {
    at = buffer.writeDoubleLE(number, at)
    at = buffer.writeUInt16LE(holders.length, at)
    for (const holder of holders) at = buffer.writeUInt32LE(holder, at)
    at = buffer.writeUInt32LE(body.length, at)
    at += body.copy(buffer, at)
  }
  return buffer
}

function decodeContent(payload: Buffer): JournalRecord {
  switch (payload[0]) {
    case kinds.format:
      return { kind: 'format', version: payload.readUInt8(1), lastNumber: payload.readDoubleLE(2) }
    case kinds.config:
      return { kind: 'config', json: payload.toString('utf8', 1) }
    case kinds.messages:
      return decodeMessages(payload)
    case kinds.acks: {
      const numbers: number[] = []
      for (let at = 1 + idBytes; at < payload.length; at += numberBytes) numbers.push(payload.readDoubleLE(at))
      return { kind: 'acks', subscription: payload.readUInt32LE(1), numbers }
    }
    default:
      throw new Error(`The journal has a record of unknown kind ${payload[0]}; it was written by a newer version.`)
  }
}

function decodeMessages(payload: Buffer): JournalRecord {
  const messages: StoredMessage[] = []
  const lastNumber = payload.readDoubleLE(1)
  let at = 1 + numberBytes
  while (at < payload.length) {
    const number = payload.readDoubleLE(at)
    const count = payload.readUInt16LE(at + numberBytes)
    at += numberBytes + 2
    const holders: number[] = []
    for (let index = 0; index < count; index += 1) holders.push(payload.readUInt32LE(at + index * idBytes))
    at += count * idBytes + 4
    const length = payload.readUInt32LE(at - 4)
    const body = payload.subarray(at, at + length)
    messages.push({ number, body, orderingKey: orderingKeyOf(body), holders, segment: undefined })
    at += length
  }
  return { kind: 'messages', lastNumber, messages }
}
