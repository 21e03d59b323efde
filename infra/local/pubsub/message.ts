import { isUtf8 } from 'node:buffer'
import type { Attributes } from './filter.ts'
import { limits } from './limits.ts'
import { invalid } from './refusal.ts'

/**
 * Messages stay what they are on the wire: an encoded `google.pubsub.v1.PubsubMessage`. Publishing checks the bytes and
 * adds message id and publish time at the end; pulling sends the same bytes again. So no message is ever decoded, save
 * for its ordering key, and its attributes where a subscription filters on them.
 */
export type PublishedMessage = { content: Buffer; orderingKey: string }

const field = { data: 1, attributes: 2, messageId: 3, publishTime: 4, orderingKey: 5 } as const
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
const ascii = 0x80

/**
 * Checks one encoded message as a publisher sent it. Id and time are passed over: the server's come after them and count.
 * Throws INVALID_ARGUMENT for bytes that are no message, an empty message, and attributes or ordering keys beyond the limits.
 */
export function parsePublished(raw: Buffer): PublishedMessage {
  const cursor: Cursor = { bytes: raw, at: 0 }
  let orderingKey = ''
  let dataBytes = 0
  let attributeCount = 0
  while (cursor.at < raw.length) {
    const tag = readVarint(cursor)
    const number = Math.floor(tag / 8)
    if ((tag & 7) !== wire.bytes || !isContent(number)) {
      skipValue(cursor, tag & 7)
      continue
    }
    const length = readLength(cursor)
    if (number === field.attributes) {
      attributeCount += 1
      checkAttribute(cursor, cursor.at + length)
      continue
    }
    if (number === field.data) dataBytes = length
    else orderingKey = readOrderingKey(cursor, length)
    cursor.at += length
  }
  if (attributeCount > limits.messageAttributes) {
    throw invalid(`A message has ${attributeCount} attributes; at most ${limits.messageAttributes} are allowed.`)
  }
  if (dataBytes === 0 && attributeCount === 0) throw invalid('A message must have data or at least one attribute.')
  return { content: raw, orderingKey }
}

/** The content with message id and publish time: what is stored and delivered. A copy; the request's memory is let go. */
export function seal(content: Buffer, number: number, publishTime: Buffer): Buffer {
  const id = String(number)
  const sealed = Buffer.allocUnsafe(content.length + 2 + id.length + publishTime.length)
  content.copy(sealed, 0)
  let at = content.length
  sealed[at++] = field.messageId * 8 + wire.bytes
  sealed[at++] = id.length
  at += sealed.write(id, at, 'latin1')
  publishTime.copy(sealed, at)
  return sealed
}

/** The encoded publish-time field for `epochMs`. Nanoseconds are written even when 0: readers merge it over an earlier one. */
export function encodePublishTime(epochMs: number): Buffer {
  const seconds = varint(Math.floor(epochMs / 1_000))
  const nanos = varint((epochMs % 1_000) * 1_000_000)
  const time = [wire.varint + 8, ...seconds, wire.varint + 16, ...nanos]
  return Buffer.from([field.publishTime * 8 + wire.bytes, time.length, ...time])
}

/** The ordering key of a stored message, empty when it has none. */
export function orderingKeyOf(body: Buffer): string {
  let key = ''
  eachField(body, (number, from, to) => {
    if (number === field.orderingKey) key = body.toString('utf8', from, to)
  })
  return key
}

/** The attributes of an encoded message. */
export function attributesOf(body: Buffer): Attributes {
  const attributes = new Map<string, string>()
  eachField(body, (number, from, to) => {
    if (number !== field.attributes) return
    const pair = ['', '']
    eachField(body.subarray(from, to), (part, start, end) => {
      if (part === 1 || part === 2) pair[part - 1] = body.toString('utf8', from + start, from + end)
    })
    attributes.set(pair[0]!, pair[1]!)
  })
  return attributes
}

/** When a stored message was published, in epoch milliseconds. */
export function publishTimeOf(body: Buffer): number {
  let epochMs = 0
  eachField(body, (number, from, to) => {
    if (number !== field.publishTime) return
    const cursor: Cursor = { bytes: body.subarray(0, to), at: from + 1 }
    const seconds = readVarint(cursor)
    cursor.at += 1
    epochMs = seconds * 1_000 + readVarint(cursor) / 1_000_000
  })
  return epochMs
}

/** The message with attributes added, to be sealed anew: where a field stands twice, readers take the later. */
export function withAttributes(body: Buffer, attributes: Record<string, string>): Buffer {
  const pairs = Object.entries(attributes).map(([key, value]) => {
    const pair = Buffer.concat([encodeString(1, key), encodeString(2, value)])
    return Buffer.concat([Buffer.from([field.attributes * 8 + wire.bytes, ...varint(pair.length)]), pair])
  })
  return Buffer.concat([body, ...pairs])
}

type Cursor = { bytes: Buffer; at: number }

function isContent(number: number): boolean {
  return number === field.data || number === field.attributes || number === field.orderingKey
}

function readOrderingKey(cursor: Cursor, length: number): string {
  if (length > limits.orderingKeyBytes) {
    throw invalid(`An ordering key has ${length} bytes; at most ${limits.orderingKeyBytes} are allowed.`)
  }
  checkText(cursor.bytes, cursor.at, cursor.at + length)
  return cursor.bytes.toString('utf8', cursor.at, cursor.at + length)
}

function checkAttribute(cursor: Cursor, end: number): void {
  let keyAt = 0
  let keyBytes = 0
  while (cursor.at < end) {
    const tag = readVarint(cursor)
    if ((tag & 7) !== wire.bytes) skipValue(cursor, tag & 7)
    else {
      const length = readLength(cursor)
      if (tag >> 3 === 1) {
        keyAt = cursor.at
        keyBytes = length
      } else if (tag >> 3 === 2 && length > limits.attributeValueBytes) {
        throw invalid(`An attribute value has ${length} bytes; at most ${limits.attributeValueBytes} are allowed.`)
      }
      checkText(cursor.bytes, cursor.at, cursor.at + length)
      cursor.at += length
    }
  }
  if (cursor.at !== end) throw malformed()
  if (keyBytes === 0 || keyBytes > limits.attributeKeyBytes) {
    throw invalid(`An attribute key has ${keyBytes} bytes; 1 to ${limits.attributeKeyBytes} are allowed.`)
  }
  if (cursor.bytes[keyAt] === 0x67 && isReserved(cursor.bytes.toString('latin1', keyAt, keyAt + keyBytes))) {
    throw invalid('An attribute key begins with "goog", which is reserved.')
  }
}

// `googclient_` is what Google's own client libraries put on messages, for tracing.
function isReserved(key: string): boolean {
  return key.startsWith('goog') && !key.startsWith('googclient_')
}

function checkText(bytes: Buffer, from: number, to: number): void {
  for (let at = from; at < to; at += 1) {
    if (bytes[at]! >= ascii) {
      if (isUtf8(bytes.subarray(at, to))) return
      throw invalid('An attribute or ordering key is not valid UTF-8.')
    }
  }
}

function eachField(bytes: Buffer, visit: (number: number, from: number, to: number) => void): void {
  const cursor: Cursor = { bytes, at: 0 }
  while (cursor.at < bytes.length) {
    const tag = readVarint(cursor)
    if ((tag & 7) !== wire.bytes) skipValue(cursor, tag & 7)
    else {
      const length = readLength(cursor)
      visit(Math.floor(tag / 8), cursor.at, cursor.at + length)
      cursor.at += length
    }
  }
}

function readVarint(cursor: Cursor): number {
  let value = 0
  for (let scale = 1; scale < 2 ** 70; scale *= 128) {
    const byte = cursor.bytes[cursor.at]
    if (byte === undefined) throw malformed()
    cursor.at += 1
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
  }
  throw malformed()
}

function readLength(cursor: Cursor): number {
  const length = readVarint(cursor)
  if (cursor.at + length > cursor.bytes.length) throw malformed()
  return length
}

function skipValue(cursor: Cursor, wireType: number): void {
  if (wireType === wire.varint) readVarint(cursor)
  else if (wireType === wire.bytes) {
    const length = readLength(cursor)
    cursor.at += length
  } else if (wireType === wire.fixed64) cursor.at += 8
  else if (wireType === wire.fixed32) cursor.at += 4
  else throw malformed()
  if (cursor.at > cursor.bytes.length) throw malformed()
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return [...bytes, rest]
}

function encodeString(number: number, text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([number * 8 + wire.bytes, ...varint(bytes.length)]), bytes])
}

function malformed(): Error {
  return invalid('A message cannot be read as google.pubsub.v1.PubsubMessage.')
}
