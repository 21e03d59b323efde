import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Catalogue } from '#contracts/catalogue.ts'
import { type IntentId, isName } from '#contracts/ids.ts'
import { type Api, apiClient, type ApiOptions } from './api-client.ts'
import { type Ask, ask, type NotifyOptions } from './ask.ts'
import { type Clock, systemClock } from './clock.ts'
import type { EntryOf } from './define-notification.ts'
import { NotStoredError, RefusedError, UnknownError } from './errors.ts'
import { type MadeIntent, makeIntent } from './make-intent.ts'
import { type PublisherLogLine, publisherLogLine } from './publisher-log.ts'
import { messageOf, openPublisher, type Publisher, type PublisherOptions } from './publisher.ts'

export type NotifierOptions = {
  /** Name of the service. Intents of one key and one producer are the same intent. */
  producer: string
  catalogue: Catalogue
  pubsub: PublisherOptions
  /** Carillon's HTTP API, for `status`, `retract`, `recipients`, `preferences`, `tenants`, `audiences` and the like. */
  api?: ApiOptions
  clock?: Clock
  /** Told of every stored intent: what an audit compares the pipeline with. Must not throw. */
  publisherLog?: (line: PublisherLogLine) => void
}

export type Notified = { intentId: IntentId }

export type Notifier = AsyncDisposable &
  Api & {
    /**
     * Resolves when the intent is stored. Rejects with RefusedError (nothing sent, every problem named), NotStoredError
     * (surely not stored), UnknownError (may be stored; the same key again is safe). No call waits beyond the deadline.
     */
    notify<Schema extends StandardSchemaV1>(
      type: EntryOf<Schema>,
      options: NotifyOptions<StandardSchemaV1.InferInput<Schema>>,
    ): Promise<Notified>
    /** Many at once, in few requests, in this order. One bad ask refuses all before anything is sent. */
    notifyMany(asks: readonly Ask[]): Promise<Notified[]>
    /** Sends what waits, then lets the connection go. */
    close(): Promise<void>
  }

/** The SDK of a product service. Opens its connection at the first `notify`; throws when `producer` is not a name. */
export function createNotifier(options: NotifierOptions): Notifier {
  const publisher = openPublisher(options.pubsub)
  return notifierOver(publisher, options)
}

/** The same over any publisher: the HTTP API and the outbox relay share one. */
export function notifierOver(
  publisher: Publisher,
  { producer, catalogue, api, clock = systemClock, publisherLog }: Omit<NotifierOptions, 'pubsub'>,
): Notifier {
  if (!isName(producer)) throw new Error('createNotifier: producer must be a name of 1 to 200 characters')
  const made = async (asks: readonly Ask[]): Promise<MadeIntent[]> => {
    const now = clock.now()
    const all = await Promise.all(asks.map(one => makeIntent(one, { producer, catalogue, now })))
    const problems = all.flatMap((one, at) =>
      one.ok ? [] : one.problems.map(problem => (asks.length > 1 ? `[${at}] ${problem}` : problem)),
    )
    if (problems.length > 0) throw new RefusedError(problems)
    return all.filter(one => one.ok)
  }
  const store = async (made: MadeIntent, orderingKey: string | undefined): Promise<Notified> => {
    await publisher.publish(messageOf(made, orderingKey))
    publisherLog?.(publisherLogLine(made.intent, clock.now()))
    return { intentId: made.intent.id }
  }
  const close = async (): Promise<void> => publisher[Symbol.asyncDispose]()
  return {
    ...apiClient(api),
    async notify(type, said) {
      const [intent] = await made([ask(type, said)])
      return storeAll([intent!], one => store(one, said.orderingKey)).then(all => all[0]!)
    },
    async notifyMany(asks) {
      const intents = await made(asks)
      return storeAll(intents, (one, at) => store(one, asks[at]!.options.orderingKey))
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Waits for all, then fails with the worst of what happened, naming the keys it happened to. */
async function storeAll(
  intents: readonly MadeIntent[],
  store: (one: MadeIntent, at: number) => Promise<Notified>,
): Promise<Notified[]> {
  const results = await Promise.allSettled(intents.map((one, at) => store(one, at)))
  const failures = results.flatMap((result, at) =>
    result.status === 'rejected' ? [{ error: result.reason as unknown, key: intents[at]!.intent.key }] : [],
  )
  if (failures.length === 0) return results.map(result => (result as PromiseFulfilledResult<Notified>).value)
  const worst = (failures.find(({ error }) => error instanceof UnknownError) ?? failures[0]!).error
  if (!(worst instanceof UnknownError || worst instanceof NotStoredError)) throw worst
  const named = worst instanceof UnknownError ? new UnknownError(worst.message) : new NotStoredError(worst.message)
  named.keys = failures.map(({ key }) => key)
  named.cause = worst.cause
  throw named
}
