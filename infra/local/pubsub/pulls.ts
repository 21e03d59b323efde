import type { ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js'
import type { Broker } from './broker.ts'
import { ackIdOf, modifyDeadline } from './leases.ts'
import { limits } from './limits.ts'
import { pump, schedulePump } from './pump.ts'
import { invalid, toStatus } from './refusal.ts'
import { checkAckDeadline } from './resources.ts'
import { checkDeadline } from './subscription-calls.ts'
import type { Consumer, Delivery, Subscription } from './subscription.ts'
import { createConsumer, removeConsumer } from './subscription.ts'

type ReceivedMessage = { ackId: string; message: Buffer; deliveryAttempt: number }

export type PullRequest = { subscription: string; returnImmediately: boolean; maxMessages: number }
export type PullResponse = { receivedMessages: ReceivedMessage[] }

/**
 * Answers one pull with what is there, or waits for the first message, up to 10 s, then answers with none. Messages of
 * one ordering key go to the next pull only when those of this one are settled.
 */
export function pullOnce(broker: Broker, call: ServerUnaryCall<PullRequest, PullResponse>): Promise<PullResponse> {
  const { maxMessages, returnImmediately } = call.request
  if (maxMessages <= 0) throw invalid('max_messages must be above 0.')
  const subscription = broker.subscription(call.request.subscription)
  return new Promise((resolve, reject) => {
    const finish = (deliveries: Delivery[]): void => {
      clearTimeout(patience)
      removeConsumer(subscription, consumer)
      resolve({ receivedMessages: deliveries.map(delivery => received(subscription, delivery)) })
    }
    const patience = setTimeout(finish, limits.pullWaitMs, [])
    const consumer = createConsumer({
      maxMessages: Math.min(maxMessages, limits.pullMessages),
      maxBytes: Infinity,
      ackDeadlineMs: subscription.settings.ackDeadlineSeconds * 1_000,
      writable: () => !call.cancelled && !consumer.closed,
      send: finish,
      end: reason => {
        clearTimeout(patience)
        reject(reason)
      },
    })
    call.on('cancelled', () => finish([]))
    subscription.consumers.add(consumer)
    pump(subscription)
    if (returnImmediately && !consumer.closed) finish([])
  })
}

export type StreamingPullRequest = {
  subscription: string
  ackIds: string[]
  modifyDeadlineSeconds: number[]
  modifyDeadlineAckIds: string[]
  streamAckDeadlineSeconds: number
  maxOutstandingMessages: number
  maxOutstandingBytes: number
}
export type StreamingPullResponse = {
  receivedMessages?: ReceivedMessage[]
  subscriptionProperties?: { exactlyOnceDeliveryEnabled: boolean; messageOrderingEnabled: boolean }
}
export type StreamingPullCall = ServerDuplexStream<StreamingPullRequest, StreamingPullResponse>

/**
 * Serves one streaming pull: the first request names the subscription and the flow control limits, later ones may
 * acknowledge, change deadlines, or say nothing; each is answered, as clients drop a stream that stays silent. The
 * stream stays open until the client or the server ends it.
 */
export function streamPull(broker: Broker, call: StreamingPullCall): void {
  let opened: { subscription: Subscription; consumer: Consumer } | undefined
  let over = false
  const close = (): void => {
    over = true
    if (opened) removeConsumer(opened.subscription, opened.consumer)
  }
  const fail = (error: unknown): void => {
    close()
    call.emit('error', toStatus(error))
  }
  call.on('data', (request: StreamingPullRequest) => {
    if (over) return
    try {
      if (opened) followUp({ broker, ...opened }, request).catch(fail)
      else {
        opened = openStream(broker, call, request)
        schedulePump(opened.subscription)
      }
      call.write({ subscriptionProperties: propertiesOf(opened.subscription) })
    } catch (error) {
      fail(error)
    }
  })
  call.on('end', () => {
    close()
    call.end()
  })
  call.on('cancelled', close)
  call.on('error', close)
}

function openStream(
  broker: Broker,
  call: StreamingPullCall,
  request: StreamingPullRequest,
): { subscription: Subscription; consumer: Consumer } {
  const subscription = broker.subscription(request.subscription)
  checkAckDeadline(request.streamAckDeadlineSeconds)
  let writesPending = 0
  const consumer = createConsumer({
    maxMessages: request.maxOutstandingMessages > 0 ? request.maxOutstandingMessages : Infinity,
    maxBytes: request.maxOutstandingBytes > 0 ? request.maxOutstandingBytes : Infinity,
    ackDeadlineMs: request.streamAckDeadlineSeconds * 1_000,
    writable: () => !call.cancelled && writesPending < limits.streamWritesPending,
    send: deliveries => {
      writesPending += 1
      call.write({ receivedMessages: deliveries.map(delivery => received(subscription, delivery)) }, () => {
        writesPending -= 1
        schedulePump(subscription)
      })
    },
    end: reason => call.emit('error', reason),
  })
  subscription.consumers.add(consumer)
  return { subscription, consumer }
}

type OpenStream = { broker: Broker; subscription: Subscription; consumer: Consumer }

async function followUp({ broker, subscription, consumer }: OpenStream, request: StreamingPullRequest): Promise<void> {
  if (request.subscription !== '' || request.maxOutstandingMessages !== 0 || request.maxOutstandingBytes !== 0) {
    throw invalid('Subscription and flow control limits can only be set in the first request of a streaming pull.')
  }
  if (request.streamAckDeadlineSeconds !== 0) {
    checkAckDeadline(request.streamAckDeadlineSeconds)
    consumer.ackDeadlineMs = request.streamAckDeadlineSeconds * 1_000
  }
  const { modifyDeadlineAckIds: ids, modifyDeadlineSeconds: seconds, ackIds } = request
  if (ids.length !== seconds.length)
    throw invalid('modify_deadline_ack_ids and modify_deadline_seconds differ in length.')
  seconds.forEach(checkDeadline)
  ids.forEach((id, index) => modifyDeadline(subscription, [id], seconds[index]!))
  if (ackIds.length > 0) await broker.acknowledge(subscription, ackIds)
}

function received(subscription: Subscription, delivery: Delivery): ReceivedMessage {
  return {
    ackId: ackIdOf(subscription, delivery),
    message: delivery.message.body,
    deliveryAttempt: subscription.settings.deadLetterPolicy ? delivery.attempts : 0,
  }
}

function propertiesOf({ settings }: Subscription): StreamingPullResponse['subscriptionProperties'] {
  return { exactlyOnceDeliveryEnabled: false, messageOrderingEnabled: settings.enableMessageOrdering }
}
