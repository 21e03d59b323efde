import { PubSub, type SubscriptionMetadata } from '@google-cloud/pubsub'
import { avoidMetadataServer } from './config.ts'
import { withDeadline } from './deadline.ts'
import { openPublisher, type Publisher, type PublisherOptions } from './pubsub-publisher.ts'
import {
  openSubscription,
  type PulledMessage,
  type SubscribeOptions,
  type Subscription,
} from './pubsub-subscription.ts'

export { PublishError } from './pubsub-publisher.ts'
export type { Publisher, PublisherOptions, PulledMessage, SubscribeOptions, Subscription }

/** How a subscription delivers. `ordering` and `topic` cannot be changed once it exists; the others are left as found. */
export type SubscriptionSetup = {
  topic: string
  ordering: boolean
  /** Delay before a nacked message comes again: from, growing to (0–600 s). */
  retryMinS: number
  retryMaxS: number
  /** Time for the first ack, 10–600 s; the client extends it while it holds the message. */
  ackDeadlineS: number
}

/** Google Cloud Pub/Sub, or the local server that speaks its protocol. Disposing closes publishers and subscriptions. */
export type PubSubPort = AsyncDisposable & {
  /** Makes the topic where it is missing. Needs no right to create where it exists. */
  ensureTopic(name: string): Promise<void>
  /**
   * Makes the subscription where it is missing: it never expires and keeps messages for 31 days. One that keeps them for
   * less is changed (needs the right to update it). Rejects when it exists with another topic or order.
   */
  ensureSubscription(name: string, setup: SubscriptionSetup): Promise<void>
  publisher(topic: string, options: PublisherOptions): Publisher
  subscribe(subscription: string, options: SubscribeOptions, onMessage: (message: PulledMessage) => void): Subscription
}

const adminLimitMs = 30_000
const closeLimitMs = 5_000
/** The longest that Pub/Sub keeps what nobody acked (https://cloud.google.com/pubsub/quotas); its default is 7 days. */
const retentionS = 31 * 86_400
const notFound = 5
const alreadyExists = 6

/** Opens a client; no call is made yet. `emulator` is the `host:port` of a local server, without credentials. */
export function openPubSub({ projectId, emulator }: { projectId: string; emulator?: string | undefined }): PubSubPort {
  if (emulator !== undefined) avoidMetadataServer()
  const pubsub = new PubSub({
    projectId,
    ...(emulator !== undefined && { apiEndpoint: emulator, emulatorMode: true }),
  })
  const publishers: Publisher[] = []
  const subscriptions: Subscription[] = []
  return {
    ensureTopic: async name => {
      if (await exists(() => pubsub.topic(name).getMetadata())) return
      await ensured(() => pubsub.createTopic(name), `topic ${name}`)
    },
    ensureSubscription: (name, setup) => ensureSubscription(pubsub, name, setup),
    publisher: (topic, options) => {
      const publisher = openPublisher(pubsub, topic, options)
      publishers.push(publisher)
      return publisher
    },
    subscribe: (name, options, onMessage) => {
      const subscription = openSubscription(pubsub, { name, ...options, onMessage })
      subscriptions.push(subscription)
      return subscription
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(subscriptions.map(subscription => subscription.close()))
      await Promise.all(publishers.map(publisher => publisher.close()))
      await withDeadline(pubsub.close(), { ms: closeLimitMs, what: 'closing Pub/Sub' }).catch(() => {})
    },
  }
}

async function ensureSubscription(pubsub: PubSub, name: string, setup: SubscriptionSetup): Promise<void> {
  const { topic, ordering, retryMinS, retryMaxS, ackDeadlineS } = setup
  const subscription = pubsub.subscription(name)
  const verify = async () => {
    const [found] = await subscription.getMetadata()
    if (found.topic?.split('/').at(-1) !== topic)
      throw new Error(`subscription ${name} belongs to ${found.topic}, not to ${topic}: delete it or change the prefix`)
    if ((found.enableMessageOrdering ?? false) !== ordering)
      throw new Error(
        `subscription ${name} exists ${ordering ? 'without' : 'with'} ordering: delete it, it is made anew`,
      )
    if (Number(found.messageRetentionDuration?.seconds ?? 0) < retentionS)
      await subscription.setMetadata({ messageRetentionDuration: retentionS })
  }
  if (await exists(verify)) return
  const metadata: SubscriptionMetadata = {
    enableMessageOrdering: ordering,
    ackDeadlineSeconds: ackDeadlineS,
    retryPolicy: { minimumBackoff: { seconds: retryMinS }, maximumBackoff: { seconds: retryMaxS } },
    messageRetentionDuration: retentionS,
    // No time to live: a subscription that nobody pulled for 31 days would be deleted with what it holds.
    expirationPolicy: {},
  }
  await ensured(() => pubsub.createSubscription(topic, name, metadata), `subscription ${name}`)
}

/** False when there is nothing of that name; any other trouble is thrown. */
async function exists(read: () => Promise<unknown>): Promise<boolean> {
  try {
    await withDeadline(read(), { ms: adminLimitMs, what: 'Pub/Sub' })
    return true
  } catch (error) {
    if (codeOf(error) === notFound) return false
    throw error
  }
}

async function ensured(create: () => Promise<unknown>, what: string): Promise<void> {
  try {
    await withDeadline(create(), { ms: adminLimitMs, what: `creating ${what}` })
  } catch (error) {
    // Another process was faster.
    if (codeOf(error) !== alreadyExists) throw error
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)
