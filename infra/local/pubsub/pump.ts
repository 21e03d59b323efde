import { shift } from './fifo.ts'
import { limits } from './limits.ts'
import type { StoredMessage } from './journal-records.ts'
import { canGive, joinLine, takeFromLine } from './ordering.ts'
import type { Consumer, Delivery, Subscription } from './subscription.ts'
import { wake } from './wakes.ts'

/** Adds a message to be delivered. */
export function enqueue(subscription: Subscription, message: StoredMessage): void {
  const delivery: Delivery = {
    kind: 'delivery',
    message,
    state: 'ready',
    attempts: 0,
    due: 0,
    wakeTick: 0,
    consumer: undefined,
    line: undefined,
    position: 0,
  }
  subscription.deliveries.set(message.number, delivery)
  if (subscription.settings.enableMessageOrdering && message.orderingKey !== '') {
    const line = joinLine(subscription, delivery)
    line.tokens += 1
    subscription.fresh.entries.push(line)
  } else subscription.fresh.entries.push(delivery)
  schedulePump(subscription)
}

/** Hands out what can be handed out, once, after everything that is being received now. */
export function schedulePump(subscription: Subscription): void {
  if (subscription.pumpScheduled || subscription.consumers.size === 0) return
  subscription.pumpScheduled = true
  setImmediate(() => {
    subscription.pumpScheduled = false
    pump(subscription)
  })
}

/** Hands messages to the consumers in turns, in shares, as far as their limits and connections allow. */
export function pump(subscription: Subscription): void {
  let given = true
  while (given) {
    given = false
    const consumers = Array.from(subscription.consumers).filter(consumer => consumer.writable())
    const share = Math.ceil(countWaiting(subscription) / consumers.length)
    for (const consumer of consumers) {
      const batch = fill(subscription, consumer, share)
      if (batch.length === 0) continue
      given = true
      // To the end of the turns: a trickle of messages is spread, too.
      if (subscription.consumers.delete(consumer)) subscription.consumers.add(consumer)
      consumer.send(batch)
    }
  }
}

function countWaiting(subscription: Subscription): number {
  let leased = 0
  for (const consumer of subscription.consumers) leased += consumer.outstanding
  return subscription.deliveries.size - leased
}

function fill(subscription: Subscription, consumer: Consumer, share: number): Delivery[] {
  const now = performance.now()
  const batch: Delivery[] = []
  let bytes = 0
  while (batch.length < share && hasRoom(consumer)) {
    if (bytes >= limits.responseBytes || batch.length >= limits.pullMessages) break
    const delivery = takeNext(subscription, consumer)
    if (!delivery) break
    lease(delivery, consumer, now)
    wake(subscription, delivery)
    bytes += delivery.message.body.length
    batch.push(delivery)
  }
  return batch
}

function hasRoom(consumer: Consumer): boolean {
  return (
    !consumer.closed && consumer.outstanding < consumer.maxMessages && consumer.outstandingBytes < consumer.maxBytes
  )
}

function lease(delivery: Delivery, consumer: Consumer, now: number): void {
  delivery.state = 'leased'
  delivery.attempts += 1
  delivery.due = now + consumer.ackDeadlineMs
  delivery.consumer = consumer
  consumer.outstanding += 1
  consumer.outstandingBytes += delivery.message.body.length
}

function takeNext(subscription: Subscription, consumer: Consumer): Delivery | undefined {
  for (const line of consumer.lines) {
    if (canGive(line)) return takeFromLine(line, consumer)
    consumer.lines.delete(line)
  }
  for (;;) {
    const waiting = shift(subscription.again) ?? shift(subscription.fresh)
    if (!waiting) return undefined
    if (waiting.kind === 'delivery') {
      if (waiting.state === 'ready') return waiting
      continue
    }
    waiting.tokens -= 1
    if (!canGive(waiting)) continue
    if (!waiting.owner || waiting.owner === consumer) return takeFromLine(waiting, consumer)
    // It goes on where its outstanding messages are; when that consumer is gone, after they are settled.
    if (!waiting.owner.closed) {
      waiting.owner.lines.add(waiting)
      schedulePump(subscription)
    }
  }
}
