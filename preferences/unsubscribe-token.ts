import { createCipheriv, createDecipheriv, createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { EpochMs } from '#contracts/ids.ts'

/** What a mail says by its token: whose it is, what it was about, when it was sent. */
export type Unsubscribe = { recipient: string; categories: readonly string[]; issued: EpochMs }

/*
 * version · check value · sealed (seconds since 1970, recipient NUL category NUL …)
 * Sealed by SIV (RFC 5297): the check value over the text is the start of the cipher, so no counter is kept and none used
 * twice. Nothing is stored, nothing expires: a token is good as long as the installation's secret. Base64url; 200 characters
 * hold names of 128 bytes together.
 */
const version = 1
const checkBytes = 16
const headBytes = 1 + checkBytes
const secondsBytes = 4
const blockBytes = 16
const charsMax = 1_800

/**
 * The tokens of a set of mails, in their order. Sealed together: a cipher object for each would cost several times as
 * much as everything else here.
 */
export function unsubscribeTokens(mails: readonly Unsubscribe[], secret: string): string[] {
  const keys = keysOf(secret)
  const texts = mails.map(textOf)
  const checks = texts.map(text => checkOf(text, keys.check))
  const pad = padOf({ texts, checks, key: keys.cipher })
  let at = 0
  return texts.map((text, mail) => {
    const token = Buffer.allocUnsafe(headBytes + text.length)
    token[0] = version
    token.write(checks[mail]!, 1, 'hex')
    for (let n = 0; n < text.length; n++) token[headBytes + n] = text[n]! ^ pad[at + n]!
    at += blocksOf(text) * blockBytes
    return token.toString('base64url')
  })
}

type Sealing = { texts: readonly Buffer[]; checks: readonly string[]; key: Buffer }

/** What the texts are combined with. Counter mode by hand: the block cipher over the counters of all of them at once. */
function padOf({ texts, checks, key }: Sealing): Buffer {
  const counters = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + blocksOf(text), 0) * blockBytes)
  let at = 0
  for (const [mail, text] of texts.entries()) {
    const start = at
    counters.write(checks[mail]!, at, 'hex')
    counters[at + carryAt] = counters[at + carryAt]! & carryMask
    const low = counters.readUInt32BE(at + carryAt)
    at += blockBytes
    for (let n = 1; n < blocksOf(text); n++, at += blockBytes) {
      counters.copyWithin(at, start, start + carryAt)
      counters.writeUInt32BE(low + n, at + carryAt)
    }
  }
  return createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(counters)
}

/** What a token says that was made with `secret`, or undefined for any other text. */
export function unsubscribeOf(token: string, secret: string): Unsubscribe | undefined {
  if (token.length > charsMax) return undefined
  const bytes = Buffer.from(token, 'base64url')
  // Only the one spelling that we write: decoders pass over what is no Base64.
  if (bytes[0] !== version || bytes.length <= headBytes + secondsBytes || bytes.toString('base64url') !== token)
    return undefined
  const keys = keysOf(secret)
  const check = bytes.subarray(1, headBytes)
  const start = Buffer.from(check)
  start[carryAt] = start[carryAt]! & carryMask
  const cipher = createDecipheriv('aes-256-ctr', keys.cipher, start)
  const text = Buffer.concat([cipher.update(bytes.subarray(headBytes)), cipher.final()])
  if (!timingSafeEqual(check, Buffer.from(checkOf(text, keys.check), 'hex'))) return undefined
  const [recipient, ...categories] = text.toString('utf8', secondsBytes).split('\0') as [string, ...string[]]
  return { recipient, categories, issued: text.readUInt32BE() * 1_000 }
}

function textOf({ recipient, categories, issued }: Unsubscribe): Buffer {
  const names = [recipient, ...categories].join('\0')
  const text = Buffer.allocUnsafe(secondsBytes + Buffer.byteLength(names))
  text.writeUInt32BE(Math.floor(issued / 1_000))
  text.write(names, secondsBytes)
  return text
}

/** SHA-512/256 tells nobody how to go on from its value, so a key before the text makes it a check that only we can write. */
const checkOf = (text: Buffer, key: string): string =>
  hash('sha512-256', key + text.toString('latin1')).slice(0, 2 * checkBytes)

const blocksOf = (text: Buffer): number => Math.ceil(text.length / blockBytes)
/** The bit that RFC 5297 clears as well: counting on from a check value never carries over. */
const carryAt = 12
const carryMask = 0x7f

const keysOf = (secret: string): { check: string; cipher: Buffer } => ({
  check: keyOf('unsubscribe check', secret).toString('hex'),
  cipher: keyOf('unsubscribe cipher', secret),
})
const keyOf = (use: string, secret: string): Buffer => createHmac('sha256', secret).update(use).digest()
