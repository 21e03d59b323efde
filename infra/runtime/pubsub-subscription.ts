import { setTimeout as sleep } from 'node:timers/promises'
import {
  Duration,
  type Message,
  type PubSub,
  SubscriptionCloseBehaviors,
  type Subscription as ClientSubscription,
} from '@google-cloud/pubsub'
import type { EpochMs } from '#contracts/ids.ts'
import { withDeadline } from './deadline.ts'

export type PulledMessage = {
  id: string
  data: Buffer
  attributes: Readonly<Record<string, string>>
  orderingKey: string
  publishedAt: EpochMs
  /** Takes the message off the subscription; sent within 0.1 s. The first of `ack` and `nack` counts. */
  ack(): void
  /** Gives the message back; it comes again after the subscription's retry delay. */
  nack(): void
}

export type SubscribeOptions = {
  /** Messages held unacked at once. */
  maxMessages: number
  /** Streams that broke and handlers that threw. The pull goes on by itself. */
  onError: (error: unknown) => void
}

/** `close()` pulls no more and waits until everything handed out is acked or nacked, at most 60 s. */
export type Subscription = AsyncDisposable & { close(): Promise<void> }

const drainLimitMs = 60_000
/** What the client still has to send when the last message is handled. */
const flushLimitMs = 1_000
const reopenMs = 1_000
const reopenMaxMs = 30_000

/** Pulls messages until it is closed; a pull that the server ended is opened again. A message whose handler throws is nacked. */
export function openSubscription(
  pubsub: PubSub,
  {
    name,
    maxMessages,
    onError,
    onMessage,
  }: SubscribeOptions & { name: string; onMessage: (message: PulledMessage) => void },
): Subscription {
  const stopping = new AbortController()
  const { signal } = stopping
  let outstanding = 0
  const idle = Promise.withResolvers<void>()
  let current: ClientSubscription
  let closed: Promise<void> | undefined

  const settled = () => {
    outstanding--
    if (outstanding === 0 && signal.aborted) idle.resolve()
  }
  const receive = (message: Message) => {
    // Handed out by the client a moment after it was closed.
    if (signal.aborted) return message.nack()
    outstanding++
    const pulled = pulledMessage(message, settled)
    try {
      onMessage(pulled)
    } catch (error) {
      onError(error)
      pulled.nack()
    }
  }
  const pull = (reopenInMs: number) => {
    const client = pubsub.subscription(name, clientOptions(maxMessages))
    current = client
    const openedAt = performance.now()
    let ended = false
    const reopen = async () => {
      if (signal.aborted || ended) return
      ended = true
      // What it has handed out can still be acked through it.
      void client.close()
      const steady = performance.now() - openedAt > reopenMaxMs
      const waitMs = steady ? reopenMs : reopenInMs
      await sleep(waitMs)
      if (!signal.aborted) pull(Math.min(waitMs * 2, reopenMaxMs))
    }
    client.on('error', error => {
      if (!signal.aborted) onError(error)
      void reopen()
    })
    client.on('close', () => void reopen())
    client.on('message', receive)
  }
  pull(reopenMs)

  const close = async () => {
    stopping.abort()
    // The client also waits for messages that it never handed out: not for them, they come again elsewhere.
    const flushed = current.close()
    if (outstanding === 0) idle.resolve()
    await withDeadline(idle.promise, { ms: drainLimitMs, what: `draining ${name}` }).catch(onError)
    await withDeadline(flushed, { ms: flushLimitMs, what: `closing ${name}` }).catch(() => {})
  }
  const closeOnce = () => (closed ??= close())
  return { close: closeOnce, [Symbol.asyncDispose]: closeOnce }
}

const clientOptions = (maxMessages: number) => ({
  // Only with one stream, and excess held back, is the limit one.
  flowControl: { maxMessages, allowExcessMessages: false },
  streamingOptions: { maxStreams: 1 },
  closeOptions: {
    behavior: SubscriptionCloseBehaviors.WaitForProcessing,
    timeout: Duration.from({ milliseconds: drainLimitMs }),
  },
})

function pulledMessage(message: Message, onSettled: () => void): PulledMessage {
  let open = true
  const settle = (say: () => void) => {
    if (!open) return
    open = false
    say()
    onSettled()
  }
  return {
    id: message.id,
    data: message.data,
    attributes: message.attributes,
    orderingKey: message.orderingKey ?? '',
    publishedAt: message.publishTime.getTime(),
    ack: () => settle(() => message.ack()),
    nack: () => settle(() => message.nack()),
  }
}
