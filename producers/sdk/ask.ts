import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Duration } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Contact } from '#contracts/intent.ts'
import type { EntryOf } from './define-notification.ts'

/** An instant: milliseconds since 1970, a Date, or RFC 3339 text with its offset. */
export type When = EpochMs | Date | string

/** Whom to tell: a person by id, with a reason if there is one; everybody of an audience; an address given inline. */
export type Recipient =
  | string
  | { id: string; reason?: string; audience?: never; contact?: never }
  | { audience: string; reason?: string; id?: never; contact?: never }
  | { contact: Contact; locale?: string; reason?: string; id?: never; audience?: never }

export type NotifyOptions<Data> = {
  /** 1 to 1,000 entries; doubled ones count once. More people belong in an audience. */
  to: readonly Recipient[]
  data: Data
  /** Idempotency key: the same key again, for ever, is the same intent. Derive it from the event, never randomly. */
  key: string
  /** Who did it: is not notified of it. */
  actor?: string
  tenant?: string
  /** The chat channel of the tenant where it happened: people set a level for it. */
  room?: string
  thread?: string
  /** After this time from `occurredAt` it is worthless. Default: what the type says. */
  expiresIn?: Duration
  /** Not before this instant. */
  sendAt?: When
  /**
   * People are told one after the other, evenly over this time, each always at the same place: an audience does not come
   * all at once. At most `24h`. Not for critical types.
   */
  spreadOver?: Duration
  /** Key of an earlier intent of this producer that this one takes the place of: what was not sent of it will not be. */
  supersedes?: string
  /**
   * Everything is decided as if it were sent, and told in trace and status (`dry_run`): nobody is told, nothing is used up.
   * It is an intent by itself: what is to be sent afterwards needs another key.
   */
  dryRun?: boolean
  /** When it happened. Default: now. */
  occurredAt?: When
  /**
   * Intents of one lane with the same ordering key are decided in the order they were stored in, one set after the other.
   * Slower: 1 MB/s a key at most. Not ordered: members of audiences, what was held, and what providers do with it.
   */
  orderingKey?: string
}

/** A typed call of `notify`, to be passed on: `notifyMany([ask(a, …), ask(b, …)])`, or written to an outbox. */
export type Ask = { readonly type: string; readonly options: NotifyOptions<unknown> }

export const ask = <Schema extends StandardSchemaV1>(
  type: EntryOf<Schema>,
  options: NotifyOptions<StandardSchemaV1.InferInput<Schema>>,
): Ask => ({ type: type.type, options })
