import { setTimeout as sleep } from 'node:timers/promises'
import { PubSub, v1 } from '@google-cloud/pubsub'
import type { Lane } from '#contracts/channel.ts'
import { topicOf } from '#contracts/messages.ts'
import { NotStoredError } from './errors.ts'
import { type LaneQueue, laneQueue, type Message } from './lane-queue.ts'
import type { MadeIntent } from './make-intent.ts'
import { type Connection, NoConnection } from './publish-lot.ts'

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

const deadlineDefaultMs = 10_000

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
      throw new NoConnection('no credentials for Google Cloud Pub/Sub', { cause: error })
    }
  }
  return {
    async publish(request, timeoutMs) {
      const until = performance.now() + timeoutMs
      const opened = await inTime(client(), timeoutMs)
      await opened.publish(request, { timeout: Math.max(1, until - performance.now()), retry: null })
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
    throw new NoConnection(`no credentials for Google Cloud Pub/Sub within ${Math.round(ms)} ms`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    limit.abort()
  }
}
