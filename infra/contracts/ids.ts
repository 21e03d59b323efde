import { hash, randomUUIDv7 } from 'node:crypto'

declare const brand: unique symbol
/** A string that only its own constructor or parser makes; two kinds of ids cannot be swapped. */
export type Id<Name extends string> = string & { readonly [brand]: Name }

export type IntentId = Id<'IntentId'>
export type RecipientId = Id<'RecipientId'>
export type SetId = Id<'SetId'>
export type BatchId = Id<'BatchId'>
export type HoldId = Id<'HoldId'>
export type DigestId = Id<'DigestId'>
export type DeliveryId = Id<'DeliveryId'>
/** Milliseconds since 1970-01-01T00:00Z. */
export type EpochMs = number

/**
 * The intent's id is computed from who says it and under which key, so a repeated publish is the same intent.
 * UUID version 8 (RFC 9562) over the first 122 bits of sha256(producer NUL key).
 */
export function intentId({ producer, key }: { producer: string; key: string }): IntentId {
  const hex = hash('sha256', `${producer}\0${key}`)
  const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 3]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}` as IntentId
}

/** One intent to one endpoint: APNs collapse id, FCM tag and device receipts carry it. 22 characters, url-safe. */
export function deliveryId(of: { intent: IntentId; recipient: RecipientId; endpoint: string }): DeliveryId {
  // The first 16 bytes; going by hex is half the cost of a hash object.
  const hex = hash('sha256', `${of.intent}\0${of.recipient}\0${of.endpoint}`).slice(0, 32)
  return Buffer.from(hex, 'hex').toString('base64url') as DeliveryId
}

/** One provider call for a delivery: the batch and the slot in it. A retry is a new batch, so it gets a new id. */
export const attemptId = (of: Attempt): string => `${of.batch}.${of.slot}`
export type Attempt = { batch: BatchId; slot: number }

/** The batch and slot of an attempt id that we made. */
export function attemptOf(id: string): Attempt {
  const [batch, slot] = id.split('.') as [BatchId, string]
  return { batch, slot: Number(slot) }
}

/** Whether a text has the form of an attempt id. */
export const isAttempt = (text: string): boolean => {
  const [batch, slot, ...rest] = text.split('.')
  return isUuid(batch) && /^\d{1,4}$/.test(slot ?? '') && rest.length === 0
}

/** A new id that sorts by time of making (UUIDv7, RFC 9562): sets, batches, holds, digests. */
export const newSetId = (): SetId => randomUUIDv7() as SetId
export const newBatchId = (): BatchId => randomUUIDv7() as BatchId
export const newHoldId = (): HoldId => randomUUIDv7() as HoldId
export const newDigestId = (): DigestId => randomUUIDv7() as DigestId

/** The UTC day (`2026-11-21`) that a UUIDv7 was made on: the partition of a batch or set, never stored apart. */
export const dayOf = (uuidV7: string): string => new Date(madeAt(uuidV7)).toISOString().slice(0, 10)

/** When a UUIDv7 was made. */
export const madeAt = (uuidV7: string): EpochMs => Number.parseInt(uuidV7.slice(0, 8) + uuidV7.slice(9, 13), 16)

/** A uuid in its canonical lower-case text form. */
export const isUuid = (text: unknown): text is string =>
  typeof text === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text)

/**
 * What an opaque name (recipient, audience, tenant, thread, actor, key …) may look like: 1–200 characters without
 * control characters, quotes, backslashes, or unpaired surrogates.
 */
export const isName = (text: unknown): text is string =>
  // oxlint-disable-next-line no-control-regex
  typeof text === 'string' && /^[^\u0000-\u001f\u007f"\\\u2028\u2029]{1,200}$/.test(text) && text.isWellFormed()
