import type { Filter } from './filter.ts'
import { compileFilter } from './filter.ts'
import type { Fifo } from './fifo.ts'
import { createFifo } from './fifo.ts'
import type { StoredMessage } from './journal-records.ts'
import { limits } from './limits.ts'
import type { Refusal } from './refusal.ts'
import type { SubscriptionSettings } from './resources.ts'

/** One message in one subscription, until it is acknowledged. Times are milliseconds of `performance.now()`. */
export type Delivery = {
  kind: 'delivery'
  message: StoredMessage
  state: 'ready' | 'leased' | 'delayed' | 'acked'
  /** How often it was handed out; the last number is part of the valid ack id. */
  attempts: number
  /** When a lease ends or a delay is over. */
  due: number
  /** The sweep that will look at it next, 0 for none. */
  wakeTick: number
  consumer: Consumer | undefined
  line: KeyLine | undefined
  /** Its place in the line, counted from the line's first message ever. */
  position: number
}

/**
 * The unacknowledged messages of one ordering key, in order: `entries[0 .. next)` were handed out, the rest were not.
 * While some are outstanding the line belongs to the consumer that holds them.
 */
export type KeyLine = {
  kind: 'line'
  key: string
  entries: Delivery[]
  /** Index of the first entry that is not settled. */
  start: number
  next: number
  /** Position of `entries[0]`. */
  base: number
  outstanding: number
  owner: Consumer | undefined
  /** The entry whose back-off the whole line waits for. */
  delayed: Delivery | undefined
  /** How often the line stands in the queues. */
  tokens: number
}

/** Whoever takes messages: a streaming pull until it ends, or one unary pull. */
export type Consumer = {
  /** Infinity when the client sets no limit. */
  maxMessages: number
  maxBytes: number
  ackDeadlineMs: number
  outstanding: number
  outstandingBytes: number
  closed: boolean
  /** Lines it owns that have more to give it. */
  lines: Set<KeyLine>
  /** False while its connection has not taken what it was given. */
  writable: () => boolean
  send: (deliveries: Delivery[]) => void
  /** Called, after it was removed, when the subscription is gone or the server stops. */
  end: (reason: Refusal) => void
}

export type Subscription = {
  id: number
  /** Set anew at every start; in the ack ids, so that one from before is known for what it is. */
  epoch: string
  settings: SubscriptionSettings
  filter: Filter | undefined
  /** Every unacknowledged message by its number. */
  deliveries: Map<number, Delivery>
  fresh: Fifo<Delivery | KeyLine>
  /** What was handed out before comes before what is new. */
  again: Fifo<Delivery | KeyLine>
  lines: Map<string, KeyLine>
  consumers: Set<Consumer>
  /** Message numbers to look at, by sweep. */
  wakes: Map<number, number[]>
  sweptTick: number
  pumpScheduled: boolean
  /** Moves a delivery that was tried too often to the dead-letter topic; false when it stays. */
  takeDead: (delivery: Delivery) => boolean
}

/** A subscription without messages or consumers. */
export function createSubscription(spec: Pick<Subscription, 'id' | 'settings' | 'takeDead'>): Subscription {
  return {
    ...spec,
    epoch: Date.now().toString(36),
    filter: compileFilter(spec.settings.filter),
    deliveries: new Map(),
    fresh: createFifo(),
    again: createFifo(),
    lines: new Map(),
    consumers: new Set(),
    wakes: new Map(),
    sweptTick: Math.floor(performance.now() / limits.sweepMs),
    pumpScheduled: false,
  }
}

/** A consumer that holds nothing yet. */
export function createConsumer(
  spec: Pick<Consumer, 'maxMessages' | 'maxBytes' | 'ackDeadlineMs' | 'writable' | 'send' | 'end'>,
): Consumer {
  return { ...spec, outstanding: 0, outstandingBytes: 0, closed: false, lines: new Set() }
}

/** Takes the consumer out. What it holds stays leased until acknowledged or due, as its client may still acknowledge. */
export function removeConsumer(subscription: Subscription, consumer: Consumer): void {
  consumer.closed = true
  consumer.lines.clear()
  subscription.consumers.delete(consumer)
}

/** Ends all pulls of the subscription; what they hold stays leased. */
export function endConsumers(subscription: Subscription, reason: Refusal): void {
  for (const consumer of subscription.consumers) {
    removeConsumer(subscription, consumer)
    consumer.end(reason)
  }
}

/** Forgets all messages; gives those that were forgotten. */
export function emptySubscription(subscription: Subscription): StoredMessage[] {
  const messages = Array.from(subscription.deliveries.values(), delivery => delivery.message)
  subscription.deliveries.clear()
  subscription.lines.clear()
  subscription.wakes.clear()
  subscription.fresh = createFifo()
  subscription.again = createFifo()
  return messages
}
