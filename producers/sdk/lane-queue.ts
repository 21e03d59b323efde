import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Lane } from '#contracts/channel.ts'
import { NotStoredError } from './errors.ts'
import { type Connection, isMessageRefused, publishLot } from './publish-lot.ts'

export type Message = { lane: Lane; bytes: Buffer; attributes: Record<string, string>; orderingKey?: string }

export type LaneQueue = {
  /** Resolves when the message is stored, else rejects with NotStoredError or UnknownError. */
  add(message: Message): Promise<void>
  /** Resolves when everything added so far is answered. */
  drained(): Promise<void>
}

/** One publish request takes 1,000 messages and 10 MB at most (https://cloud.google.com/pubsub/quotas). */
const requestMessagesMax = 1000
const requestBytesMax = 8_000_000
/** Requests without an ordering key under way at once. While they are, messages gather: load makes larger requests. */
const unkeyedRequestsMax = 4
/** Ordering keys that have a request under way at once, one each. A gRPC connection usually carries 100 calls. */
const keysMax = 64
/** Bytes that one lane holds unanswered; beyond, publishing is refused at once. */
const heldBytesMax = 64 * 1024 * 1024

type Waiting = { message: Message; until: number; resolve: () => void; reject: (error: Error) => void }
/**
 * Messages of one ordering key, or all without one (''). `refuses`: one found no space, so that those behind it must not be
 * taken either, until the line is empty.
 */
type Line = { key: string; waiting: Waiting[]; underWay: number; refuses: boolean }

/** `heldBytes`: of all messages that have no answer yet. */
type Topic = { connection: Connection; topic: string; heldBytes: number }

/**
 * Publishes the messages of one topic: those of one ordering key in order, one request after the other, or a retry could
 * overtake; different keys, and what has none, side by side. A message is given up `deadlineMs` after it came.
 */
export function laneQueue(options: { connection: Connection; topic: string; deadlineMs: number }): LaneQueue {
  const { connection, topic, deadlineMs } = options
  const to: Topic = { connection, topic, heldBytes: 0 }
  const unkeyed = newLine('')
  const keyed = new Map<string, Line>()
  const turns = fifo<Line>()
  const underWay = new Set<Promise<void>>()
  let woken = false

  const lineOf = (key: string): Line => {
    const known = key === '' ? unkeyed : keyed.get(key)
    if (known) return known
    const line = newLine(key)
    keyed.set(key, line)
    turns.add(line)
    return line
  }
  const pump = (): void => {
    woken = false
    while (unkeyed.waiting.length > 0 && unkeyed.underWay < unkeyedRequestsMax) start(unkeyed)
    while (underWay.size - unkeyed.underWay < keysMax) {
      const line = turns.take()
      if (!line) return
      if (line.waiting.length > 0) start(line)
      else keyed.delete(line.key)
    }
  }
  const start = (line: Line): void => {
    line.underWay++
    const sent = send(to, line, takeLot(line.waiting)).finally(() => {
      line.underWay--
      underWay.delete(sent)
      if (line !== unkeyed) turns.add(line)
      pump()
    })
    underWay.add(sent)
  }
  return {
    add: message =>
      new Promise((resolve, reject) => {
        if (!woken) setImmediate(pump)
        woken = true
        const line = lineOf(message.orderingKey ?? '')
        if (line.refuses || to.heldBytes + message.bytes.length > heldBytesMax) {
          line.refuses = line !== unkeyed
          reject(new NotStoredError(`${to.heldBytes} bytes wait to be published to ${topic}: slow down and try again`))
          return
        }
        to.heldBytes += message.bytes.length
        line.waiting.push({ message, until: performance.now() + deadlineMs, resolve, reject })
      }),
    drained: async () => {
      await nextTurn()
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}

const newLine = (key: string): Line => ({ key, waiting: [], underWay: 0, refuses: false })

async function send(to: Topic, line: Line, lot: Waiting[]): Promise<void> {
  const { connection, topic } = to
  const messages = lot.map(({ message: { bytes, attributes } }) => ({ data: bytes, attributes, orderingKey: line.key }))
  // They stand in order of arrival, so the first is the first to run out of time.
  const failure = await publishLot(connection, { topic, messages, until: lot[0]!.until })
  if (isMessageRefused(failure) && lot.length > 1) {
    // One of them is wrong, not all: by halves it is found.
    line.waiting.unshift(...lot.splice(Math.ceil(lot.length / 2)))
    return send(to, line, lot)
  }
  answer(to, lot, failure)
  if (!failure || line.key === '') return
  answer(
    to,
    line.waiting.splice(0),
    new NotStoredError('not sent: a message before it with the same ordering key was not stored'),
  )
}

function answer(to: Topic, lot: Waiting[], failure: Error | undefined): void {
  for (const { message, resolve, reject } of lot) {
    to.heldBytes -= message.bytes.length
    if (failure) reject(failure)
    else resolve()
  }
}

/** Takes what fits into one request off the front. */
function takeLot(waiting: Waiting[]): Waiting[] {
  let bytes = 0
  let n = 0
  while (n < waiting.length && n < requestMessagesMax) {
    bytes += waiting[n]!.message.bytes.length
    if (n > 0 && bytes > requestBytesMax) break
    n++
  }
  return waiting.splice(0, n)
}

/** A queue whose `take` stays cheap however many wait, which an array's `shift` does not. */
function fifo<T>() {
  let coming: T[] = []
  let going: T[] = []
  return {
    add: (item: T) => void coming.push(item),
    take: (): T | undefined => {
      if (going.length === 0) [going, coming] = [coming.reverse(), []]
      return going.pop()
    },
  }
}
