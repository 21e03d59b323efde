import { once } from 'node:events'
import type { Subscription, SubscriptionOptions } from '@google-cloud/pubsub'
import { PubSub, SubscriptionCloseBehaviors, v1 } from '@google-cloud/pubsub'
import { credentials } from '@grpc/grpc-js'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { startPubSubServer } from './server.ts'

// Without it the client library looks for a Google metadata server before its first call.
process.env.METADATA_SERVER_DETECTION = 'none'

export const project = 'projects/carillon'

/** How long a test waits for something that must happen. */
export const waitMs = 120_000

export function topicName(id: string): string {
  return `${project}/topics/${id}`
}

export function subscriptionName(id: string): string {
  return `${project}/subscriptions/${id}`
}

/** Google's own clients against one server: the library people use, and the calls of the API one by one. */
export type Clients = AsyncDisposable & {
  pubsub: PubSub
  publisher: v1.PublisherClient
  subscriber: v1.SubscriberClient
}

export function connect(address: string): Clients {
  const [servicePath = '', port = ''] = address.split(':')
  const options = { servicePath, port: Number(port), sslCreds: credentials.createInsecure(), projectId: 'carillon' }
  const pubsub = new PubSub({ projectId: 'carillon', apiEndpoint: address, emulatorMode: true })
  const publisher = new v1.PublisherClient(options)
  const subscriber = new v1.SubscriberClient(options)
  return {
    pubsub,
    publisher,
    subscriber,
    async [Symbol.asyncDispose]() {
      await Promise.all([pubsub.close(), publisher.close(), subscriber.close()])
    },
  }
}

export type World = AsyncDisposable & Omit<Clients, typeof Symbol.asyncDispose> & { address: string; dataDir: string }

/** A server of its own with a topic `topic-a` and a subscription `sub-a`, and clients for it. */
export async function startWorld(settings: Record<string, unknown> = {}): Promise<World> {
  await using parts = new AsyncDisposableStack()
  const folder = parts.use(await temporaryFolder())
  const server = parts.use(await startPubSubServer({ dataDir: folder.path }))
  const clients = parts.use(connect(server.address))
  await clients.publisher.createTopic({ name: topicName('topic-a') })
  await clients.subscriber.createSubscription({
    name: subscriptionName('sub-a'),
    topic: topicName('topic-a'),
    ...settings,
  })
  const kept = parts.move()
  const { pubsub, publisher, subscriber } = clients
  return {
    pubsub,
    publisher,
    subscriber,
    address: server.address,
    dataDir: folder.path,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** The client library's subscriber on `sub-a`; closing it waits for what is being processed. */
export function subscribe(clients: Pick<Clients, 'pubsub'>, options: SubscriptionOptions = {}): Subscriber {
  const closeOptions = { behavior: SubscriptionCloseBehaviors.WaitForProcessing }
  const subscription = clients.pubsub.subscription('sub-a', { closeOptions, ...options })
  return Object.assign(subscription, { [Symbol.asyncDispose]: () => subscription.close() })
}

export type Subscriber = Subscription & AsyncDisposable

/** Publishes texts to `topic-a` in one request; gives the message ids. */
export async function publish(world: World, texts: string[], orderingKey = ''): Promise<string[]> {
  const messages = texts.map(text => ({ data: Buffer.from(text), orderingKey }))
  const [{ messageIds }] = await world.publisher.publish({ topic: topicName('topic-a'), messages })
  return messageIds ?? []
}

export type Received = { text: string; id: string; ackId: string; attempt: number }

type RawMessage = {
  ackId?: string | null
  deliveryAttempt?: number | null
  message?: { data?: Uint8Array | string | null; messageId?: string | null } | null
}

export function readMessage({ ackId, deliveryAttempt, message }: RawMessage): Received {
  return {
    text: Buffer.from(message?.data ?? '').toString(),
    id: message?.messageId ?? '',
    ackId: ackId ?? '',
    attempt: deliveryAttempt ?? 0,
  }
}

/** One unary pull of `sub-a` that does not wait. */
export async function pullNow(world: World, maxMessages = 1_000): Promise<Received[]> {
  const request = { subscription: subscriptionName('sub-a'), maxMessages, returnImmediately: true }
  const [{ receivedMessages }] = await world.subscriber.pull(request)
  return (receivedMessages ?? []).map(readMessage)
}

/** One unary pull of `sub-a` that waits for something. */
export async function pullNext(world: World, maxMessages = 1_000): Promise<Received[]> {
  const [{ receivedMessages }] = await world.subscriber.pull({ subscription: subscriptionName('sub-a'), maxMessages })
  return (receivedMessages ?? []).map(readMessage)
}

export function ackOf(world: World, messages: Received[]): Promise<unknown> {
  return world.subscriber.acknowledge({
    subscription: subscriptionName('sub-a'),
    ackIds: messages.map(({ ackId }) => ackId),
  })
}

export function modifyOf(world: World, messages: Received[], ackDeadlineSeconds: number): Promise<unknown> {
  return world.subscriber.modifyAckDeadline({
    subscription: subscriptionName('sub-a'),
    ackIds: messages.map(({ ackId }) => ackId),
    ackDeadlineSeconds,
  })
}

/** A streaming pull of `sub-a`, driven by hand. */
export type Stream = Disposable & {
  received: Received[]
  /** Resolves when that many messages have come since the stream was opened. */
  until: (count: number) => Promise<Received[]>
  /** Resolves when the server has answered an empty request: everything it could send by then has come. */
  settled: () => Promise<void>
  write: (request: Record<string, unknown>) => void
  failure: Promise<{ code: number; message: string }>
}

export function openStream(world: World, first: Record<string, unknown> = {}): Stream {
  const call = world.subscriber.streamingPull()
  const received: Received[] = []
  const changed = new EventTarget()
  const failed = Promise.withResolvers<{ code: number; message: string }>()
  let answers = 0
  call.on('data', (response: { receivedMessages?: RawMessage[] }) => {
    const messages = response.receivedMessages ?? []
    if (messages.length === 0) answers += 1
    received.push(...messages.map(readMessage))
    changed.dispatchEvent(new Event('change'))
  })
  call.on('error', (error: { code: number; message: string }) => failed.resolve(error))
  const waitFor = async (isTrue: () => boolean): Promise<void> => {
    const signal = AbortSignal.timeout(waitMs)
    while (!isTrue()) await once(changed, 'change', { signal })
  }
  call.write({ subscription: subscriptionName('sub-a'), streamAckDeadlineSeconds: 10, ...first })
  let asked = 1
  return {
    received,
    until: async count => {
      await waitFor(() => received.length >= count)
      return received.slice(0, count)
    },
    settled: async () => {
      asked += 1
      call.write({})
      await waitFor(() => answers >= asked)
    },
    write: request => void call.write(request),
    failure: failed.promise,
    [Symbol.dispose]: () => call.cancel(),
  }
}

export function textsOf(messages: Received[]): string[] {
  return messages.map(({ text }) => text)
}

/** `['1', … 'count']` */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1))
}
