import { limits } from './limits.ts'
import { leaveOwner, queueAgain, rewindLine, settleFront } from './ordering.ts'
import { schedulePump } from './pump.ts'
import { invalid } from './refusal.ts'
import type { RetryPolicy } from './resources.ts'
import { milliseconds } from './resources.ts'
import type { Delivery, Subscription } from './subscription.ts'
import { takeDue, wake } from './wakes.ts'

/** The ack id of the delivery's current lease: it names the server's run, the message and the delivery attempt. */
export function ackIdOf(subscription: Subscription, delivery: Delivery): string {
  return `${subscription.epoch}.${delivery.message.number}.${delivery.attempts}`
}

/**
 * Acknowledges; gives the deliveries that are thereby done with for good. Unknown ids are passed over. An id whose lease
 * has ended still counts, as the message was processed, except under an ordering key, where all that follows a redelivered
 * message comes again. Throws INVALID_ARGUMENT for something that is no ack id, before anything is changed.
 */
export function acknowledge(subscription: Subscription, ackIds: string[]): Delivery[] {
  const settled: Delivery[] = []
  for (const { delivery, current } of findLeases(subscription, ackIds)) {
    if (delivery.state === 'acked' || (delivery.line && !current)) continue
    settled.push(...settle(subscription, delivery))
  }
  schedulePump(subscription)
  return settled
}

/** Marks one delivery as acknowledged; gives those done with for good: none while an earlier one of its key is not. */
export function settle(subscription: Subscription, delivery: Delivery): Delivery[] {
  releaseLease(delivery)
  delivery.state = 'acked'
  const { line } = delivery
  const settled = line ? settleFront(line) : [delivery]
  for (const each of settled) subscription.deliveries.delete(each.message.number)
  if (line) {
    leaveOwner(subscription, line)
    if (line.tokens === 0) queueAgain(subscription, line)
  }
  return settled
}

/** Sets what is left of the leases, from now; 0 gives the messages back. Ids whose lease has ended are passed over. */
export function modifyDeadline(subscription: Subscription, ackIds: string[], seconds: number): void {
  const now = performance.now()
  for (const { delivery, current } of findLeases(subscription, ackIds)) {
    // Checked one by one: giving back one message of an ordering key ends the leases of those after it.
    if (!current || delivery.state !== 'leased') continue
    if (seconds === 0) giveBack(subscription, delivery, now)
    else {
      delivery.due = now + seconds * 1_000
      wake(subscription, delivery)
    }
  }
  schedulePump(subscription)
}

/** Gives back messages whose lease has ended and resumes those whose back-off is over. */
export function sweep(subscription: Subscription, now: number): void {
  const due = takeDue(subscription, now)
  for (const delivery of due) {
    if (delivery.state === 'leased') giveBack(subscription, delivery, now)
    else if (delivery.state === 'delayed') resume(subscription, delivery)
  }
  if (due.length > 0) schedulePump(subscription)
}

/** The wait before a message is handed out again after `attempts` deliveries, in milliseconds. */
function backoffMs(policy: RetryPolicy | null, attempts: number): number {
  if (!policy) return 0
  const shortest = milliseconds(policy.minimumBackoff)
  return Math.min(milliseconds(policy.maximumBackoff), shortest * 2 ** Math.min(attempts - 1, 30))
}

type Found = { delivery: Delivery; current: boolean }

function findLeases(subscription: Subscription, ackIds: string[]): Found[] {
  const found: Found[] = []
  let bytes = 0
  for (const ackId of ackIds) {
    bytes += ackId.length
    const first = ackId.indexOf('.')
    const second = ackId.indexOf('.', first + 1)
    const number = Number(ackId.slice(first + 1, second))
    const attempt = Number(ackId.slice(second + 1))
    if (first < 1 || second < 0 || !Number.isSafeInteger(number) || !Number.isSafeInteger(attempt)) {
      throw invalid('Some of the ack ids were not given out by this server.')
    }
    const delivery = subscription.deliveries.get(number)
    if (!delivery) continue
    const current = delivery.attempts === attempt && delivery.state === 'leased' && ackId.startsWith(subscription.epoch)
    found.push({ delivery, current })
  }
  if (bytes > limits.ackRequestBytes) {
    throw invalid(`The request has ${bytes} bytes of ack ids; at most ${limits.ackRequestBytes} are allowed.`)
  }
  return found
}

function giveBack(subscription: Subscription, delivery: Delivery, now: number): void {
  if (subscription.takeDead(delivery)) return
  const delayMs = backoffMs(subscription.settings.retryPolicy, delivery.attempts)
  const { line } = delivery
  if (line) for (const each of rewindLine(line, delivery)) releaseLease(each)
  else releaseLease(delivery)
  if (delayMs > 0) {
    delivery.state = 'delayed'
    delivery.due = now + delayMs
    if (line) line.delayed = delivery
    wake(subscription, delivery)
  } else delivery.state = 'ready'
  if (line) {
    leaveOwner(subscription, line)
    queueAgain(subscription, line)
  } else if (delivery.state === 'ready') subscription.again.entries.push(delivery)
}

function resume(subscription: Subscription, delivery: Delivery): void {
  delivery.state = 'ready'
  const { line } = delivery
  if (!line) subscription.again.entries.push(delivery)
  else if (line.delayed === delivery) {
    line.delayed = undefined
    queueAgain(subscription, line)
  }
}

function releaseLease(delivery: Delivery): void {
  const { consumer, line } = delivery
  if (!consumer) return
  consumer.outstanding -= 1
  consumer.outstandingBytes -= delivery.message.body.length
  delivery.consumer = undefined
  if (line) line.outstanding -= 1
}
