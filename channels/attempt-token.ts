import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Attempt, attemptOf, type BatchId } from '#contracts/ids.ts'

/*
 * What a device tells us of an attempt by. It names the attempt (batch and slot, nothing about a person) under a
 * signature of the installation's secret, so nothing need be stored and it is good for as long as the secret is.
 *   receipt: version · batch · slot · signature                      47 characters
 */
const version = 1
const batchBytes = 16
const headBytes = 1 + batchBytes + 2
const signatureBytes = 16
/** Longer ones are of nobody. */
const tokenCharsMax = 1_800

/** What a push carries, for its device to report with. Says nothing to who has it. */
export function receiptToken(attempt: string, secret: string): string {
  const head = headOf(attempt)
  return Buffer.concat([head, signature(head, secret)]).toString('base64url')
}

/** The attempt of a push that was sent with `secret`, or undefined for any other text. */
export function receiptAttempt(token: string, secret: string): Attempt | undefined {
  const bytes = bytesOf(token)
  if (bytes?.length !== headBytes + signatureBytes) return undefined
  const { head, signed } = partsOf(bytes)
  return timingSafeEqual(signed, signature(head, secret)) ? named(head) : undefined
}

/** The use has a name: what is signed for another is no token of this. */
const signature = (head: Buffer, secret: string): Buffer =>
  createHmac('sha256', secret).update('receipt\0').update(head).digest().subarray(0, signatureBytes)

function headOf(attempt: string): Buffer {
  const { batch, slot } = attemptOf(attempt)
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
  signed: bytes.subarray(headBytes),
})
