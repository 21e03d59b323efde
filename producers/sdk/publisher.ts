import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { PubSub, v1 } from '@google-cloud/pubsub'
import type { Lane } from '#contracts/channel.ts'
import { topicOf } from '#contracts/messages.ts'
import { NotStoredError, UnknownError } from './errors.ts'
import type { MadeIntent } from './make-intent.ts'

export type Message = { lane: Lane; bytes: Buffer; attributes: Record<string, string>; orderingKey?: string }

/** The message of an intent. Attributes are seen by all who may read the topic: ids, and how much work it is. */
export const messageOf = ({ intent, bytes }: MadeIntent, orderingKey: string | undefined): Message => ({
  lane: intent.lane,
  bytes,
  attributes: {
    type: intent.type,
    lane: intent.lane,
    producer: intent.producer,
    recipients: String(intent.to.length),
  },
  ...(orderingKey !== undefined && { orderingKey }),
})

/** Stores messages; `publish` resolves when the message is stored, else rejects with NotStoredError or UnknownError. */
export type Publisher = AsyncDisposable & { publish(message: Message): Promise<void> }

export type PublisherOptions = {
  projectId: string
  /** `host:port` of a local server; without it the real service, with the application's default credentials. */
  emulator?: string
  /** Of the topic names: `<prefix>-intents-<lane>`. */
  prefix: string
  /** How long a message may wait and be retried until its publish is given up. Default 10 s. */
  deadlineMs?: number
}

/** One publish request takes 1,000 messages and 10 MB at most (https://cloud.google.com/pubsub/quotas). */
const requestMessagesMax = 1000
const requestBytesMax = 8_000_000
/** Requests of one lane under way at once. While they are, messages gather, so that load makes larger requests. */
const requestsMax = 4
/** Bytes that may wait in one lane; beyond, publishing is refused at once. */
const waitingBytesMax = 64 * 1024 * 1024
const deadlineDefaultMs = 10_000
const backoffMinMs = 50
const backoffMaxMs = 1000

/**
 * Publisher over the official client's generated API: the batching, deadline and the three ways to fail are ours, because
 * the client's own batching cannot tell a message that was never sent from one that may be stored.
 */
export function openPublisher({ projectId, emulator, prefix, deadlineMs }: PublisherOptions): Publisher {
  const connection = connectionTo({ projectId, emulator })
  const queues = new Map<Lane, LaneQueue>()
  let closed = false
  const queueOf = (lane: Lane): LaneQueue => {
    const topic = `projects/${projectId}/topics/${topicOf(prefix, lane)}`
    const queue = queues.get(lane) ?? laneQueue({ connection, topic, deadlineMs: deadlineMs ?? deadlineDefaultMs })
    queues.set(lane, queue)
    return queue
  }
  return {
    publish: message =>
      closed ? Promise.reject(new NotStoredError('the notifier is closed')) : queueOf(message.lane).add(message),
    async [Symbol.asyncDispose]() {
      closed = true
      await Promise.all([...queues.values()].map(queue => queue.drained()))
      await connection.close()
    },
  }
}

type Waiting = { message: Message; until: number; resolve: () => void; reject: (error: Error) => void }
type Lot = { messages: Waiting[]; orderingKey: string | undefined }
type LaneQueue = { add(message: Message): Promise<void>; drained(): Promise<void> }
type LaneOptions = { connection: Connection; topic: string; deadlineMs: number }

function laneQueue({ connection, topic, deadlineMs }: LaneOptions): LaneQueue {
  let waiting: Waiting[] = []
  let bytes = 0
  let ordered = false
  let woken = false
  const sending = new Set<Promise<void>>()

  const pump = (): void => {
    woken = false
    // Messages with an ordering key go one request after the other, or a retry could overtake.
    while (waiting.length > 0 && sending.size < (ordered ? 1 : requestsMax)) {
      const lot = takeLot(waiting)
      for (const { message } of lot.messages) bytes -= message.bytes.length
      const sent = send(lot).finally(() => {
        sending.delete(sent)
        pump()
      })
      sending.add(sent)
    }
  }

  const send = async ({ messages, orderingKey }: Lot): Promise<void> => {
    const failure = await publishLot({ connection, topic, lot: { messages, orderingKey } })
    for (const { resolve, reject } of messages)
      if (failure) reject(failure)
      else resolve()
    if (!failure || orderingKey === undefined) return
    const after = waiting.filter(({ message }) => message.orderingKey === orderingKey)
    waiting = waiting.filter(({ message }) => message.orderingKey !== orderingKey)
    for (const { message, reject } of after) {
      bytes -= message.bytes.length
      reject(new NotStoredError(`not sent: a message before it with the same ordering key was not stored`))
    }
  }

  return {
    add: message =>
      new Promise((resolve, reject) => {
        if (bytes + message.bytes.length > waitingBytesMax) {
          reject(
            new NotStoredError(`${waitingBytesMax} bytes wait to be published to ${topic}: slow down and try again`),
          )
          return
        }
        bytes += message.bytes.length
        ordered ||= message.orderingKey !== undefined
        waiting.push({ message, until: performance.now() + deadlineMs, resolve, reject })
        if (!woken) setImmediate(pump)
        woken = true
      }),
    drained: async () => {
      await nextTurn()
      while (sending.size > 0) await Promise.all(sending)
    },
  }
}

/** Takes what fits into one request off the front: messages of one ordering key, as the API demands. */
function takeLot(waiting: Waiting[]): Lot {
  const { orderingKey } = waiting[0]!.message
  let bytes = 0
  let n = 0
  while (n < waiting.length && n < requestMessagesMax && waiting[n]!.message.orderingKey === orderingKey) {
    bytes += waiting[n]!.message.bytes.length
    if (n > 0 && bytes > requestBytesMax) break
    n++
  }
  return { messages: waiting.splice(0, n), orderingKey }
}

/** Publishes until stored, refused, or out of time. What comes back is why it failed, worst case assumed. */
async function publishLot({ connection, topic, lot }: { connection: Connection; topic: string; lot: Lot }) {
  const messages = lot.messages.map(({ message: { bytes: data, attributes, orderingKey = '' } }) => ({
    data,
    attributes,
    orderingKey,
  }))
  // They stand in order of arrival, so the first is the first to run out of time.
  const { until } = lot.messages[0]!
  let maybeStored = false
  let cause: unknown
  for (let backoffMs = backoffMinMs; ; backoffMs = Math.min(backoffMs * 2, backoffMaxMs)) {
    const leftMs = until - performance.now()
    if (leftMs <= 0) break
    try {
      await connection.publish({ topic, messages }, leftMs)
      return undefined
    } catch (error) {
      cause = error
      const failure = failureOf(error)
      maybeStored ||= failure === 'maybe stored'
      if (failure === 'refused') break
      await sleep(Math.min(backoffMs, Math.max(0, until - performance.now())))
    }
  }
  const why = cause instanceof Error ? cause.message : 'no request could be made in time'
  return maybeStored
    ? new UnknownError(`publishing to ${topic} may have stored it or not: ${why}. Repeat it with the same key.`, {
        cause,
      })
    : new NotStoredError(`publishing to ${topic} did not store it: ${why}`, { cause })
}

// Status codes of gRPC (https://grpc.io/docs/guides/status-codes/) that only a server gives that has stored nothing:
// INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED.
const refusals = new Set([3, 5, 7, 9, 11, 12, 16])
const deadlineExceeded = 4
const resourceExhausted = 8
const unavailable = 14
// How grpc-js says that a call ended before it was given to a connection; its codes alone do not tell.
const neverSent = /No connection established|Name resolution failed|ECONNREFUSED/
const waitedOnly = /waiting for (LB pick|name resolution|metadata filters)/i
const sentBefore = /previous attempts/

function failureOf(error: unknown): 'refused' | 'not stored' | 'maybe stored' {
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (typeof code === 'number' && refusals.has(code)) return 'refused'
  if (error instanceof NoCredentials || code === resourceExhausted) return 'not stored'
  const text = String(message)
  if (sentBefore.test(text)) return 'maybe stored'
  if (code === unavailable && neverSent.test(text)) return 'not stored'
  if (code === deadlineExceeded && waitedOnly.test(text)) return 'not stored'
  return 'maybe stored'
}

class NoCredentials extends Error {}

type Request = { topic: string; messages: { data: Buffer; attributes: Record<string, string>; orderingKey: string }[] }
type Connection = { publish(request: Request, timeoutMs: number): Promise<void>; close(): Promise<void> }

function connectionTo({ projectId, emulator }: { projectId: string; emulator: string | undefined }): Connection {
  let opening: Promise<v1.PublisherClient> | undefined
  const open = async (): Promise<v1.PublisherClient> => {
    // PubSub knows how to reach a local server without TLS; of the client only the generated API is used.
    const local = emulator && { apiEndpoint: emulator, emulatorMode: true }
    const config = await new PubSub({ projectId, ...local }).getClientConfig()
    // Named, the universe is not asked of the metadata server of a cloud that a local server does not run in.
    if (local) Object.assign(config, { clientOptions: { universeDomain: 'googleapis.com' } })
    const client = new v1.PublisherClient(config as ConstructorParameters<typeof v1.PublisherClient>[0])
    await client.initialize()
    return client
  }
  const client = async (): Promise<v1.PublisherClient> => {
    try {
      return await (opening ??= open())
    } catch (error) {
      opening = undefined
      throw new NoCredentials('no credentials for Google Cloud Pub/Sub', { cause: error })
    }
  }
  return {
    async publish(request, timeoutMs) {
      const opened = await inTime(client(), timeoutMs)
      await opened.publish(request, { timeout: timeoutMs, retry: null })
    },
    async close() {
      await opening?.then(
        opened => opened.close(),
        () => {},
      )
    },
  }
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const limit = new AbortController()
  const late = sleep(ms, undefined, { signal: limit.signal }).then(() => {
    throw new NoCredentials(`no credentials for Google Cloud Pub/Sub within ${Math.round(ms)} ms`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    limit.abort()
  }
}
