import type { ContentOf } from '#contracts/catalogue.ts'
import type { Channel, Lane } from '#contracts/channel.ts'
import type { DeliveryId, EpochMs, RecipientId } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import type { Endpoint } from '#preferences/preferences.ts'
import type { RateLimit } from './pace/bucket.ts'
import type { Target } from './recheck.ts'

/** One rendered delivery, on its way to its provider. Messages of one intent and language share one `content` object. */
export type OutMessage<C extends Channel = Channel> = {
  /** The slot of the batch that it comes from. */
  place: number
  recipient: RecipientId
  endpoint: Endpoint
  intent: CarriedIntent
  content: ContentOf[C]
  /** The language that it is in. */
  locale: string
  /** Of a mail: what it is about that its person may switch off. Absent: it must be told. */
  categories?: readonly string[]
  /** Why this person is told: `mention`, `role` … */
  reason?: string
  /** What is told with it. */
  others?: readonly Target[]
  deliveryId: DeliveryId
  attemptId: string
  /** Of a push: what its device reports with, to be put into the payload as `receipt`. */
  receipt?: string
  /** The number for the app's icon, where a push changes it. */
  badge?: number
}

/** A silent message that takes deliveries off a device's screen and says what its badge is now. It is nobody's delivery. */
export type Removal = {
  endpoint: Endpoint
  deliveries: readonly DeliveryId[]
  badge: number
  /** Until when it is worth something to a device that is off. */
  expiresAt?: EpochMs
}

/**
 * `deadlineMs`: how long the caller waits; what has no answer by then is in doubt. `startUntilMs` (of `performance.now()`): a call
 * begins at once, and whatever else it takes, another request or a turn on a connection, by then. What had no request by then is
 * `notBegun`, what would need another one is tried again. Absent: by the deadline.
 */
export type SendOptions = { lane: Lane; now: EpochMs; deadlineMs: number; startUntilMs?: number | undefined }

/**
 * One vendor's client. `send` makes one call: at most `callSizeMax` messages, all of one content unless `mixes` allows
 * each to stand beside others. It gives one answer for each message, in their order, by the deadline or shortly after, and never rejects
 * for anything that a provider or a network can do. No answer's reason holds an address or a secret.
 */
export type Provider<C extends Channel = Channel> = AsyncDisposable & {
  /** The route: the provider's name, and for another account of it `_` and a word more. */
  readonly name: string
  readonly channel: C
  readonly callSizeMax: number
  /** Calls that a process may have under way, over all its batches. */
  readonly callsAtOnce: number
  /** What the vendor allows `account` (no secret: it names the bucket that all workers share). Absent: its answers tell. */
  readonly limit?: { account: string; rate: RateLimit }
  /** Whom a `pause` stops: the lane that met it and those less urgent, or all of this process. */
  readonly pauses: 'lane' | 'all'
  /** Units of the limit that a message costs. Absent: 1. */
  costOf?(content: ContentOf[C]): number
  mixes(content: ContentOf[C]): boolean
  /** What is wrong with a content that this installation cannot send, in words without data. */
  faultIn?(content: ContentOf[C]): string | undefined
  send(messages: readonly OutMessage<C>[], options: SendOptions): Promise<Answer[]>
  /** The same for removals, at most `callSizeMax`. Only push has a screen to take things off, and browsers let nothing be silent. */
  remove?(removals: readonly Removal[], options: SendOptions): Promise<Answer[]>
}
