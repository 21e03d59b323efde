import { type Channel, channels, type Lane, lanes } from '#contracts/channel.ts'
import type { Why } from '#contracts/decision.ts'
import {
  type BatchId,
  dayOf,
  type DigestId,
  type EpochMs,
  type IntentId,
  type RecipientId,
  type SetId,
} from '#contracts/ids.ts'
import type { JsonObject } from '#contracts/intent.ts'
import type { Stop } from '#contracts/stop.ts'
import type { Outcome } from '#contracts/outcome.ts'
import type { Tombstones } from '#contracts/retraction.ts'
import type { WaitReason } from '#contracts/wait.ts'

/** What a batch, a hold or an expansion carries of an intent: what deciding again, rendering and claiming need. */
export type CarriedIntent = {
  id: IntentId
  producer: string
  type: string
  category: string
  catalogue: string
  occurredAt: EpochMs
  expiresAt?: EpochMs
  sendAt?: EpochMs
  /** From when on, and over how long, its people are told one after the other. */
  spread?: { from: EpochMs; overMs: number }
  tenant?: string
  room?: string
  thread?: string
  actor?: string
  /** The type asks nobody: wishes do not apply. */
  mandatory?: true
  /** What the person reads elsewhere cancels nothing. */
  ignoresReads?: true
  /** Nothing of it is sent, held or used up. */
  dryRun?: boolean
  data: JsonObject
  /** With what it is told as one. */
  digest?: CarriedDigest
}

/**
 * What of one person names the same `id` is told as one message, of what is left of it at its claim; by the templates of
 * `into`, or of the type of the last.
 */
export type CarriedDigest = { id: DigestId; into?: string }

/** One delivery in a batch: one intent (its position in `intents`) to one endpoint of one recipient, who may have a reason. */
export type Slot = { recipient: RecipientId; endpoint: string; intent: number; reason?: string }

/** The ledger's row before it is stored: up to 500 deliveries of one lane, channel and provider route; more where all of them are told as one. */
export type NewBatch = {
  id: BatchId
  set: SetId
  lane: Lane
  channel: Channel
  provider: string
  sensitive: boolean
  /** From when it is written, by the clock of the database, which claims go by. */
  dueInMs: number
  intents: CarriedIntent[]
  slots: Slot[]
  whys: Packed<Why>
  /** A batch born closed: refusals by a rule, each with its outcome. */
  outcomes?: Outcome[]
  /** Why it is not due now. */
  waitsFor?: WaitReason
  /** Provider calls made before for these deliveries. Absent: none. */
  tries?: number
  /** An earlier call may have been carried out. Absent: none was made, or each said that it was not. */
  maybeSent?: boolean
  /** A worker was lost that had claimed them, and nobody has found out since what it sent. */
  lapsed?: boolean
  /** Nobody knows whether these were sent: waits for receipts until it is due. */
  doubt?: boolean
  /** The earlier batch that these slots come from, and their places in it. */
  from?: { batch: BatchId; places: number[] }
}

export type ClaimedBatch = {
  id: BatchId
  set: SetId
  lane: Lane
  channel: Channel
  provider: string
  sensitive: boolean
  /** Provider calls made before for these deliveries, those that lost workers may have made among them. */
  tries: number
  /** An earlier call for these deliveries may have been carried out, by whomever. */
  maybeSent: boolean
  /** They come from an earlier batch. */
  moved: boolean
  /** Which claim this is; the fence that record checks. */
  attempt: number
  /** An earlier worker claimed it and was lost: it may have sent any of it. */
  lapsed: boolean
  claimedAt: EpochMs
  /** What operators had stopped when it was claimed, by the claim's own snapshot. */
  stops: readonly Stop[]
  /** Why it was not due until now. */
  waitedFor?: WaitReason
  intents: CarriedIntent[]
  slots: Slot[]
  /** Of its intents, as the claim saw them. */
  tombstones: Tombstones
}

/**
 * What the worker found out about one slot. Waits are counted from the record on: the worker's clock may be wrong. `called`: a
 * provider was called for it, or may have been; what it accepted, and a doubt, say so by themselves.
 */
export type SlotResult =
  | { kind: 'closed'; outcome: Outcome; why?: Why; providerId?: string; called?: true }
  /**
   * Try again after `dueInMs`: the slot moves into a new batch. `spent` says whether a provider call was made, `maybeSent`
   * whether that call may have been carried out, `why` that there was none, `reason` what it waits for, `route` where it goes
   * by another route from now on.
   */
  | {
      kind: 'retry'
      dueInMs: number
      reason?: WaitReason
      spent: boolean
      maybeSent?: true
      why?: Why
      route?: string
      called?: true
    }
  /** Sent or not, nobody knows: wait `dueInMs` for a receipt, then send again. Not `spent`: the call is counted already. */
  | { kind: 'doubt'; dueInMs: number; spent: boolean; why?: Why }

/** Deliveries that one batch may hold: what `sendEach` takes, and little where a lost worker's doubt would hurt. */
export const batchSizeMax = (lane: Lane, channel: Channel): number =>
  lane === 'critical' || channel === 'sms' ? 50 : batchMax
/** Only deliveries that are told as one are more. */
export const batchMax = 500

/** A list with few distinct values: the values once, and for each place which one it is (absent: always the first). */
export type Packed<T> = { values: T[]; picks?: number[] }

export function pack<T>(items: readonly T[], keyOf: (item: T) => string): Packed<T> {
  const positions = new Map<string, number>()
  const values: T[] = []
  const picks = items.map(item => {
    const key = keyOf(item)
    let position = positions.get(key)
    if (position === undefined) {
      position = values.push(item) - 1
      positions.set(key, position)
    }
    return position
  })
  return values.length > 1 ? { values, picks } : { values }
}

/** The reasons of slots as they are stored; null where nobody has one. */
export function joinReasons(slots: readonly Slot[]): string | null {
  if (slots.every(slot => slot.reason === undefined)) return null
  return JSON.stringify(
    pack(
      slots.map(slot => slot.reason ?? ''),
      reason => reason,
    ),
  )
}

/** The reason of a slot by its place. */
export function splitReasons(text: string | null): (place: number) => string | undefined {
  if (text === null) return () => undefined
  const { values, picks } = JSON.parse(text) as Packed<string>
  return place => values[picks?.[place] ?? 0] || undefined
}

// JSON escapes control characters, so U+001F never stands inside an item.
const unit = '\u001f'
export const joinJson = (items: readonly unknown[]): string => items.map(item => JSON.stringify(item)).join(unit)
export const splitJson = <T>(text: string): T[] => text.split(unit).map(item => JSON.parse(item) as T)

/** What is left of intents that need no data any more: what the audit, a trace, and whoever asks what was told with them look at. */
export const joinFacts = (intents: readonly CarriedIntent[]): string =>
  joinJson(
    intents.map(({ data: _data, digest, ...facts }) => ({ ...facts, ...(digest && { digest: { id: digest.id } }) })),
  )

export const laneCode = (lane: Lane): number => lanes.indexOf(lane)
export const channelCode = (channel: Channel): number => channels.indexOf(channel)
export const batchKey = (id: BatchId): readonly [day: string, id: string] => [dayOf(id), id]
