import type { PubSub } from '@google-cloud/pubsub'
import { publishRefusals } from '#contracts/publish-refusals.ts'
import { withDeadline } from './deadline.ts'

export type PublisherOptions = {
  /** Messages that go in one call at most (Pub/Sub allows 1,000). */
  batchMessages: number
  /** How long the first message of a call waits for others. */
  batchMs: number
}

export type Publisher = {
  /**
   * Resolves with the message id when Pub/Sub has stored the message, after 15 s at the latest; else rejects with a
   * `PublishError`. At most 10 MB; attributes are seen by everyone who may read the topic.
   */
  publish(bytes: Buffer, attributes?: Record<string, string>): Promise<string>
  /** Sends what waits; resolves when every publish so far has been answered. Never rejects. */
  flush(): Promise<void>
  /** Flushes and takes no more. */
  close(): Promise<void>
}

/** `not_stored`: it certainly is not there. `unknown`: it may be; publish the same again, ids make it one. */
export class PublishError extends Error {
  override name = 'PublishError'
  readonly kind: 'not_stored' | 'unknown'
  readonly code: number | undefined

  constructor(message: string, about: { kind: 'not_stored' | 'unknown'; code?: number | undefined; cause?: unknown }) {
    super(message, { cause: about.cause })
    this.kind = about.kind
    this.code = about.code
  }
}

/** One call, answered or not, and all its repetitions end within this time. */
const callLimitMs = 2_500
const retriesLimitMs = 10_000
const publishLimitMs = 15_000
const batchBytes = 4 * 1024 * 1024

/** gRPC codes (https://grpc.io/docs/guides/status-codes/) after which trying again can help. */
const retryCodes = [1, 2, 4, 8, 10, 13, 14]

const backoffSettings = {
  initialRetryDelayMillis: 100,
  retryDelayMultiplier: 2,
  maxRetryDelayMillis: 1_000,
  initialRpcTimeoutMillis: callLimitMs,
  rpcTimeoutMultiplier: 1,
  maxRpcTimeoutMillis: callLimitMs,
  totalTimeoutMillis: retriesLimitMs,
}

export function openPublisher(
  pubsub: PubSub,
  topicName: string,
  { batchMessages, batchMs }: PublisherOptions,
): Publisher {
  const topic = pubsub.topic(topicName, {
    batching: { maxMessages: batchMessages, maxMilliseconds: batchMs, maxBytes: batchBytes },
    gaxOpts: { isBundling: false, retry: { retryCodes, backoffSettings } },
  })
  const pending = new Set<Promise<string>>()
  let closed = false

  const send = async (data: Buffer, attributes: Record<string, string>): Promise<string> => {
    if (closed) throw new PublishError(`the publisher of ${topicName} is closed`, { kind: 'not_stored' })
    try {
      return await withDeadline(topic.publishMessage({ data, attributes }), {
        ms: publishLimitMs,
        what: `publish to ${topicName}`,
      })
    } catch (error) {
      throw publishError(topicName, error)
    }
  }
  const flush = async () => {
    const answered = Promise.allSettled(pending)
    topic.flush().catch(() => {})
    await answered
  }
  return {
    publish: (bytes, attributes = {}) => {
      const answer = send(bytes, attributes)
      pending.add(answer)
      const forget = () => void pending.delete(answer)
      answer.then(forget, forget)
      return answer
    },
    flush,
    close: async () => {
      const flushed = flush()
      closed = true
      await flushed
    },
  }
}

function publishError(topic: string, cause: unknown): PublishError {
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'number' ? cause.code : undefined
  const kind =
    (code !== undefined && publishRefusals.has(code)) || cause instanceof TypeError ? 'not_stored' : 'unknown'
  const what = kind === 'not_stored' ? 'was refused' : 'was not confirmed'
  return new PublishError(`a message to ${topic} ${what} (${code ?? (cause as Error).name})`, { kind, code, cause })
}
