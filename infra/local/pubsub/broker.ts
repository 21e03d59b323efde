import { status } from '@grpc/grpc-js'
import type { StoredMessage } from './journal-records.ts'
import { unplace } from './journal-records.ts'
import { Journal } from './journal.ts'
import { acknowledge, settle, sweep } from './leases.ts'
import { limits } from './limits.ts'
import { attributesOf, encodePublishTime, parsePublished, publishTimeOf, seal, withAttributes } from './message.ts'
import type { PublishedMessage } from './message.ts'
import { enqueue } from './pump.ts'
import type { Refusal } from './refusal.ts'
import { invalid, notFound, refusal } from './refusal.ts'
import type { SubscriptionSettings, TopicSettings } from './resources.ts'
import type { Delivery, Subscription } from './subscription.ts'
import { createSubscription, emptySubscription, endConsumers } from './subscription.ts'

/** All topics and subscriptions; changed only as a whole, and stored before it counts. Subscription ids are never used again. */
export type Config = {
  lastSubscriptionId: number
  topics: Record<string, TopicSettings>
  subscriptions: Record<string, { id: number; settings: SubscriptionSettings }>
}

const emptyConfig: Config = { lastSubscriptionId: 0, topics: {}, subscriptions: {} }

/** What the server knows: its configuration, the messages that await acknowledgement, and the journal that keeps both. */
export class Broker {
  #journal: Journal
  #config: Config = emptyConfig
  #subscriptions = new Map<string, Subscription>()
  #byTopic = new Map<string, Subscription[]>()
  #lastNumber: number
  #backlogBytes = 0
  #changes: Promise<unknown> = Promise.resolve()
  #sweeping: NodeJS.Timeout

  private constructor(journal: Journal, lastNumber: number) {
    this.#journal = journal
    this.#lastNumber = lastNumber
    this.#sweeping = setInterval(() => {
      const now = performance.now()
      for (const subscription of this.#subscriptions.values()) sweep(subscription, now)
    }, limits.sweepMs)
    this.#sweeping.unref()
  }

  /** Continues with what the folder's journal holds. Every message not known as acknowledged is to be delivered again. */
  static async open(dir: string): Promise<Broker> {
    const { journal, recovered } = await Journal.open(dir)
    await using opened = new AsyncDisposableStack()
    const broker = opened.use(new Broker(opened.use(journal), recovered.lastNumber))
    if (recovered.configJson !== undefined) broker.#use(JSON.parse(recovered.configJson) as Config)
    const present = Array.from(broker.#subscriptions.values()).filter(({ settings }) => !settings.detached)
    const takers = new Map(present.map(each => [each.id, each]))
    for (const message of recovered.messages) {
      broker.#backlogBytes += memoryBytesOf(message)
      broker.#deliver(message, takers)
    }
    opened.move()
    return broker
  }

  get config(): Config {
    return this.#config
  }

  /** The named subscription; throws NOT_FOUND, and FAILED_PRECONDITION when it is detached. */
  subscription(name: string): Subscription {
    const subscription = this.#subscriptions.get(name)
    if (!subscription) throw notFound(name)
    if (subscription.settings.detached) throw detached(name)
    return subscription
  }

  /** Changes the configuration, one change after another; resolves when it is stored and in use, with what `plan` returns. */
  change<T>(plan: (config: Config) => { config: Config; result: T }): Promise<T> {
    const changed = this.#changes.then(async () => {
      const { config, result } = plan(this.#config)
      await this.#journal.appendConfig(JSON.stringify(config))
      this.#use(config)
      return result
    })
    this.#changes = changed.catch(() => undefined)
    return changed
  }

  /**
   * Stores messages, as encoded by the publisher, and resolves with their ids when they are on disk. Throws NOT_FOUND,
   * INVALID_ARGUMENT for a message or request beyond the limits, RESOURCE_EXHAUSTED when the memory for the backlog is full.
   */
  async publish(topic: string, raw: Buffer[]): Promise<string[]> {
    if (!this.#config.topics[topic]) throw notFound(topic)
    checkRequest(raw)
    if (this.#backlogBytes > limits.backlogBytes) {
      throw refusal(
        status.RESOURCE_EXHAUSTED,
        `More than ${limits.backlogBytes} bytes wait to be acknowledged; the local Pub/Sub server keeps them in memory. Start a consumer, or delete unused subscriptions.`,
      )
    }
    const messages = await this.#store(topic, raw.map(parsePublished))
    return messages.map(message => String(message.number))
  }

  /** Acknowledges; resolves when that is on disk. */
  async acknowledge(subscription: Subscription, ackIds: string[]): Promise<void> {
    await this.#finish(subscription, acknowledge(subscription, ackIds))
  }

  /** Ends the streams with UNAVAILABLE, which clients retry, and closes the journal after what is being written. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweeping)
    this.endStreams()
    await this.#journal[Symbol.asyncDispose]()
  }

  /** Ends all pulls that are under way; messages stay. */
  endStreams(): void {
    const reason = refusal(status.UNAVAILABLE, 'The local Pub/Sub server is shutting down.')
    for (const subscription of this.#subscriptions.values()) endConsumers(subscription, reason)
  }

  async #store(topic: string, published: PublishedMessage[]): Promise<StoredMessage[]> {
    const publishTime = encodePublishTime(Date.now())
    const targets = this.#byTopic.get(topic) ?? []
    const filtered = targets.some(subscription => subscription.filter)
    const messages = published.map(({ content, orderingKey }) => {
      const attributes = filtered ? attributesOf(content) : undefined
      const takers = attributes ? targets.filter(({ filter }) => !filter || filter(attributes)) : targets
      const number = (this.#lastNumber += 1)
      const holders = takers.map(({ id }) => id)
      return { number, body: seal(content, number, publishTime), orderingKey, holders, segment: undefined }
    })
    for (const message of messages) this.#backlogBytes += memoryBytesOf(message)
    try {
      await this.#journal.appendMessages(messages, this.#lastNumber)
    } catch (error) {
      for (const message of messages) this.#backlogBytes -= memoryBytesOf(message)
      throw error
    }
    const present = targets.filter(
      each => this.#subscriptions.get(each.settings.name) === each && !each.settings.detached,
    )
    const takers = new Map(present.map(each => [each.id, each]))
    for (const message of messages) this.#deliver(message, takers)
    return messages
  }

  #deliver(message: StoredMessage, takers: Map<number, Subscription>): void {
    if (message.holders.length === 0) this.#backlogBytes -= memoryBytesOf(message)
    // A copy, as dropping takes from the list.
    for (const holder of message.holders.slice()) {
      const subscription = takers.get(holder)
      if (subscription) enqueue(subscription, message)
      else this.#drop(message, holder)
    }
  }

  async #finish(subscription: Subscription, settled: Delivery[]): Promise<void> {
    if (settled.length === 0) return
    for (const { message } of settled) this.#drop(message, subscription.id)
    await this.#journal.appendAcks(
      subscription.id,
      settled.map(({ message }) => message.number),
    )
  }

  #drop(message: StoredMessage, holder: number): void {
    const at = message.holders.indexOf(holder)
    if (at >= 0) message.holders.splice(at, 1)
    if (message.holders.length > 0) return
    this.#backlogBytes -= memoryBytesOf(message)
    unplace(message)
  }

  // The message is forwarded before the acknowledgement is written, so a crash between them repeats it and loses nothing.
  #takeDead(subscription: Subscription, delivery: Delivery): boolean {
    const policy = subscription.settings.deadLetterPolicy
    if (!policy || delivery.attempts < policy.maxDeliveryAttempts) return false
    if (!this.#config.topics[policy.deadLetterTopic]) return false
    const [, project = '', , id = ''] = subscription.settings.name.split('/')
    const { body, orderingKey } = delivery.message
    const content = withAttributes(body, {
      CloudPubSubDeadLetterSourceDeliveryCount: String(delivery.attempts),
      CloudPubSubDeadLetterSourceSubscription: id,
      CloudPubSubDeadLetterSourceSubscriptionProject: project,
      CloudPubSubDeadLetterSourceTopicPublishTime: new Date(publishTimeOf(body)).toISOString(),
    })
    const stored = this.#store(policy.deadLetterTopic, [{ content, orderingKey }])
    const finished = this.#finish(subscription, settle(subscription, delivery))
    Promise.all([stored, finished]).catch((error: unknown) => {
      process.emitWarning(`A message could not be forwarded to ${policy.deadLetterTopic}: ${String(error)}`)
    })
    return true
  }

  #use(config: Config): void {
    this.#config = config
    for (const [name, subscription] of this.#subscriptions) {
      const found = config.subscriptions[name]
      if (found?.id === subscription.id) continue
      this.#subscriptions.delete(name)
      this.#empty(subscription, notFound(name))
    }
    for (const [name, { id, settings }] of Object.entries(config.subscriptions)) {
      const known = this.#subscriptions.get(name)
      if (known) this.#update(known, settings)
      else {
        const created = createSubscription({ id, settings, takeDead: delivery => this.#takeDead(created, delivery) })
        this.#subscriptions.set(name, created)
      }
    }
    const attached = Array.from(this.#subscriptions.values()).filter(({ settings }) => !settings.detached)
    this.#byTopic = Map.groupBy(attached, ({ settings }) => settings.topic)
  }

  #update(subscription: Subscription, settings: SubscriptionSettings): void {
    const detaches = settings.detached && !subscription.settings.detached
    subscription.settings = settings
    if (detaches) this.#empty(subscription, detached(settings.name))
  }

  #empty(subscription: Subscription, reason: Refusal): void {
    endConsumers(subscription, reason)
    for (const message of emptySubscription(subscription)) this.#drop(message, subscription.id)
  }
}

function checkRequest(raw: Buffer[]): void {
  if (raw.length === 0) throw invalid('A publish request must have at least one message.')
  if (raw.length > limits.publishRequestMessages) {
    throw invalid(`A publish request has ${raw.length} messages; at most ${limits.publishRequestMessages} are allowed.`)
  }
  const bytes = raw.reduce((sum, message) => sum + message.length, 0)
  if (bytes > limits.publishRequestBytes) {
    throw invalid(`A publish request has ${bytes} bytes; at most ${limits.publishRequestBytes} are allowed.`)
  }
}

function memoryBytesOf(message: StoredMessage): number {
  return message.body.length + limits.messageOverheadBytes
}

function detached(name: string): Refusal {
  return refusal(status.FAILED_PRECONDITION, `The subscription ${name} is detached from its topic; delete it.`)
}
