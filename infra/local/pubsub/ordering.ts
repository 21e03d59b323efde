import type { Consumer, Delivery, KeyLine, Subscription } from './subscription.ts'

const compactFrom = 1_024

/** Puts the delivery at the end of its ordering key's line and gives the line. */
export function joinLine(subscription: Subscription, delivery: Delivery): KeyLine {
  const key = delivery.message.orderingKey
  let line = subscription.lines.get(key)
  if (!line) {
    line = emptyLine(key)
    subscription.lines.set(key, line)
  }
  delivery.line = line
  delivery.position = line.base + line.entries.length
  line.entries.push(delivery)
  return line
}

/** Whether the line has something to give now. */
export function canGive(line: KeyLine): boolean {
  return line.next < line.entries.length && !line.delayed
}

/** The next delivery of the line, for the consumer that owns it from now on. */
export function takeFromLine(line: KeyLine, consumer: Consumer): Delivery {
  const delivery = line.entries[line.next]!
  line.next += 1
  line.outstanding += 1
  line.owner = consumer
  // Queue entries may be fewer than messages after a redelivery; the owner then draws from the line itself.
  if (line.tokens === 0 && canGive(line) && !consumer.closed) consumer.lines.add(line)
  return delivery
}

/**
 * Everything of the line from `delivery` on is to be handed out again, in order, also what was acknowledged already
 * (https://cloud.google.com/pubsub/docs/ordering#considerations). Gives the deliveries that were still leased.
 */
export function rewindLine(line: KeyLine, delivery: Delivery): Delivery[] {
  const from = delivery.position - line.base
  const leased: Delivery[] = []
  for (const entry of line.entries.slice(from, line.next)) {
    if (entry.state === 'leased') leased.push(entry)
    entry.state = 'ready'
  }
  line.next = from
  line.delayed = undefined
  return leased
}

/** Takes the acknowledged deliveries off the front of the line: only those are done with for good. */
export function settleFront(line: KeyLine): Delivery[] {
  const from = line.start
  while (line.start < line.next && line.entries[line.start]!.state === 'acked') line.start += 1
  const settled = line.entries.slice(from, line.start)
  if (line.start >= compactFrom && line.start * 2 > line.entries.length) {
    line.entries = line.entries.slice(line.start)
    line.base += line.start
    line.next -= line.start
    line.start = 0
  }
  return settled
}

/** Lets the line go when nothing of it is outstanding: any consumer may continue it. */
export function leaveOwner(subscription: Subscription, line: KeyLine): void {
  if (line.outstanding > 0) return
  line.owner?.lines.delete(line)
  line.owner = undefined
  if (line.start === line.entries.length) subscription.lines.delete(line.key)
}

/** Puts the line among what comes next, for its owner if it has one. */
export function queueAgain(subscription: Subscription, line: KeyLine): void {
  if (!canGive(line)) return
  if (!line.owner) {
    line.tokens += 1
    subscription.again.entries.push(line)
  } else if (!line.owner.closed) line.owner.lines.add(line)
}

function emptyLine(key: string): KeyLine {
  return {
    kind: 'line',
    key,
    entries: [],
    start: 0,
    next: 0,
    base: 0,
    outstanding: 0,
    owner: undefined,
    delayed: undefined,
    tokens: 0,
  }
}
