import type { Channel, Lane, Platform } from './channel.ts'
import type { Why } from './decision.ts'
import type { BatchId, EpochMs, IntentId, SetId } from './ids.ts'
import type { OutcomeOrMoved } from './outcome.ts'
import type { ToldStanding } from './standing.ts'

/** The facts of an intent that its events carry; never its data. */
export type IntentFacts = {
  id: IntentId
  type: string
  category: string
  producer: string
  lane: Lane
  occurredAt: EpochMs
  tenant?: string
  thread?: string
  /** decided: whether its type names a success, so that `acted` may follow. */
  success?: boolean
}

/** `decided`: the router's verdict. `settled`: an outcome, or `moved` (a retry follows). `standing`: what a receipt says became of
 * it. `engaged`: seen, opened, acted. */
export type EventKind = 'decided' | 'settled' | 'standing' | 'engaged'

/** What is done with a notification, by its person or (`machine_opened`) by what opens every link of a mail. */
export type Deed = 'seen' | 'opened' | 'read' | 'acted' | 'dismissed' | 'machine_opened'

/** One line of a pack: one (intent, recipient, channel) or one delivery, and what became of it. */
export type EventSlot = {
  /** Position in `intents`. */
  i: number
  recipient: string
  channel: Channel
  endpoint?: string
  /** decided: `deliver`, `held`, or the outcome of a refusal; settled: the outcome; standing: a word of
   * `standing.ts`, `delivered` where a device or a person says it. */
  what: 'deliver' | 'held' | OutcomeOrMoved | Deed | ToldStanding
  /** Position in `whys`. */
  w?: number
  /** settled: a provider was called for it, or may have been; a connection that could not be made is a call.
   * What was accepted says so by itself. Packs of before this field
   * do not have it: theirs is known where no rule closed or moved it. */
  called?: true
  /** Of a type with arms the one that the person is in, after the experiment's name: `subject-line/b`. */
  arm?: string
  /** decided: the language of the person (BCP 47), where it is known. */
  locale?: string
  /** settled: what the device runs and the version of its app, where they are known. */
  platform?: Platform
  version?: string
}
/** A version, a language, a platform: what a code may look like, so that no text of anybody is one. */
export const isCode = (text: unknown): text is string => typeof text === 'string' && /^[\w.+-]{1,64}$/.test(text)
/** What is told of a delivery besides its outcome. */
export type SlotFacts = Pick<EventSlot, 'arm' | 'platform' | 'version'>

/**
 * Events travel packed: one message for one transition of one set or batch. `pack` is unique for ever, so that a pack
 * that arrives twice is stored once; `day` (of the pack's making) names the partition, never the day of arrival.
 */
export type EventPack = {
  v: 1
  pack: string
  day: string
  at: EpochMs
  kind: EventKind
  set?: SetId
  batch?: BatchId
  provider?: string
  /** True where the fact was made up at a stated rate (the example community's opens), not observed. */
  simulated?: boolean
  intents: IntentFacts[]
  whys: Why[]
  slots: EventSlot[]
}

/**
 * What a pack's message says of it to those who know CloudEvents: version 1.0 in binary mode, by the Pub/Sub protocol binding
 * (github.com/googleapis/google-cloudevents, docs/spec/pubsub.md). The body is `event-pack.schema.json`; another shape gets
 * another `ce-type`.
 */
export const packAttributes = (pack: string, prefix: string): Record<string, string> => ({
  'Content-Type': 'application/json',
  'ce-specversion': '1.0',
  'ce-type': 'carillon.events.v1',
  'ce-source': `//${prefix}/events`,
  'ce-id': pack,
})
