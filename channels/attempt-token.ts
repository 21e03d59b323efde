import { createCipheriv, createDecipheriv, createHmac, hash, timingSafeEqual } from 'node:crypto'
import { type Attempt, attemptOf, type BatchId } from '#contracts/ids.ts'

/*
 * What a device or a mail tells us of an attempt by. It names the attempt (batch and slot, nothing about a person) under a
 * signature of the installation's secret, so nothing need be stored and it is good for as long as the secret is.
 *   receipt: version · batch · slot · signature                      47 characters
 *   click:   version · batch · slot · signature · sealed target      the target can be neither read nor changed
 */
const version = 1
const batchBytes = 16
const headBytes = 1 + batchBytes + 2
const signatureBytes = 16
/** Longer ones are of nobody; every route's paths may be so long. */
const tokenCharsMax = 1_800
/** Longer targets would make tokens that no path can hold. */
export const targetBytesMax = 1_300

/** What the pushes of a batch carry, each by its slot, for their devices to report with. Says nothing to who has it. */
export function receiptTokens(batch: BatchId, secret: string): (slot: number) => string {
  const token = Buffer.alloc(headBytes + signatureBytes)
  headOf({ batch, slot: 0 }).copy(token)
  const key = receiptKey(batch, secret)
  return slot => {
    token.writeUInt16BE(slot, 1 + batchBytes)
    token.write(receiptSignature(slot, key), headBytes, 'hex')
    return token.toString('base64url')
  }
}

/** The attempt of a push that was sent with `secret`, or undefined for any other text. */
export function receiptAttempt(token: string, secret: string): Attempt | undefined {
  const bytes = bytesOf(token)
  if (bytes?.length !== headBytes + signatureBytes) return undefined
  const { head, signed } = partsOf(bytes)
  const attempt = named(head)
  const expected = receiptSignature(attempt.slot, receiptKey(attempt.batch, secret))
  return timingSafeEqual(signed, Buffer.from(expected, 'hex')) ? attempt : undefined
}

const receiptKey = (batch: BatchId, secret: string): string =>
  createHmac('sha256', secret).update(`receipt\0${batch}`).digest('hex')

/** Behind a key of its batch's own, a slot of fixed length and half of the hash need no HMAC, which costs seven times as much. */
const receiptSignature = (slot: number, key: string): string =>
  hash('sha256', `${key}${slot.toString().padStart(5, '0')}`).slice(0, 2 * signatureBytes)

/** What a mail's link carries: the attempt and where it leads. The same link of the same attempt is the same token. */
export function clickToken({ attempt, target }: { attempt: string; target: string }, secret: string): string {
  const head = headOf(attemptOf(attempt))
  const text = Buffer.from(target)
  // The signature is the cipher's start (SIV, RFC 5297): no counter to keep, no start that is used for two texts.
  const signed = clickSignature(head, text, secret)
  const cipher = createCipheriv(cipherName, cipherKey(secret), signed)
  return Buffer.concat([head, signed, cipher.update(text), cipher.final()]).toString('base64url')
}

/** What a link that was made with `secret` names, or undefined for any other text. */
export function clickOf(token: string, secret: string): { attempt: Attempt; target: string } | undefined {
  const bytes = bytesOf(token)
  if (bytes === undefined || bytes.length <= headBytes + signatureBytes) return undefined
  const { head, signed, rest } = partsOf(bytes)
  const cipher = createDecipheriv(cipherName, cipherKey(secret), signed)
  const text = Buffer.concat([cipher.update(rest), cipher.final()])
  if (!timingSafeEqual(signed, clickSignature(head, text, secret))) return undefined
  return { attempt: named(head), target: text.toString() }
}

/** How long the token of a link to `target` is. */
export const clickTokenChars = (target: string): number =>
  Math.ceil(((headBytes + signatureBytes + Buffer.byteLength(target)) * 4) / 3)

const cipherName = 'aes-256-ctr'
const cipherKey = (secret: string): Buffer => createHmac('sha256', secret).update('click target').digest()

const clickSignature = (head: Buffer, text: Buffer, secret: string): Buffer =>
  createHmac('sha256', secret).update('click\0').update(head).update(text).digest().subarray(0, signatureBytes)

function headOf({ batch, slot }: Attempt): Buffer {
  const head = Buffer.alloc(headBytes)
  head.writeUInt8(version)
  head.write(batch.replaceAll('-', ''), 1, 'hex')
  head.writeUInt16BE(slot, 1 + batchBytes)
  return head
}

function named(head: Buffer): Attempt {
  const hex = head.toString('hex', 1, 1 + batchBytes)
  const batch = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') as BatchId
  return { batch, slot: head.readUInt16BE(1 + batchBytes) }
}

/** Only the one spelling that we write: decoders pass over what is no Base64. */
function bytesOf(token: string): Buffer | undefined {
  if (token.length > tokenCharsMax) return undefined
  const bytes = Buffer.from(token, 'base64url')
  return bytes[0] === version && bytes.toString('base64url') === token ? bytes : undefined
}

const partsOf = (bytes: Buffer) => ({
  head: bytes.subarray(0, headBytes),
  signed: bytes.subarray(headBytes, headBytes + signatureBytes),
  rest: bytes.subarray(headBytes + signatureBytes),
})
