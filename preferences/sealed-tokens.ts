import { createCipheriv, createDecipheriv, createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { EpochMs } from '#contracts/ids.ts'

/** What tokens are for: no text that is sealed for one use opens another. `version`: the first byte of each. */
export type Sealing = { use: string; version: number; secret: string }

/*
 * version · check value · sealed (seconds since 1970, names with NUL between them)
 * Sealed by SIV (RFC 5297): the check value over the text is the start of the cipher, so no counter is kept and none used
 * twice. Nothing is stored. Base64url; 200 characters hold names of 128 bytes together.
 */
const checkBytes = 16
const headBytes = 1 + checkBytes
const secondsBytes = 4
const blockBytes = 16
const charsMax = 1_800

/** When something was said, and of whom and what. No name holds a NUL. */
export type Named = { at: EpochMs; names: readonly string[] }

/**
 * Tokens of a set, in their order. Sealed together: a cipher object for each would cost several times as much as
 * everything else here.
 */
export function sealedTokens(set: readonly Named[], sealing: Sealing): string[] {
  const keys = keysOf(sealing)
  const texts = set.map(textOf)
  const checks = texts.map(text => checkOf(text, keys.check))
  const pad = padOf({ texts, checks, key: keys.cipher })
  let at = 0
  return texts.map((text, nth) => {
    const token = Buffer.allocUnsafe(headBytes + text.length)
    token[0] = sealing.version
    token.write(checks[nth]!, 1, 'hex')
    for (let n = 0; n < text.length; n++) token[headBytes + n] = text[n]! ^ pad[at + n]!
    at += blocksOf(text) * blockBytes
    return token.toString('base64url')
  })
}

/** What a token says that was sealed so, to the second, or undefined for any other text. */
export function unsealed(token: string, sealing: Sealing): Named | undefined {
  if (token.length > charsMax) return undefined
  const bytes = Buffer.from(token, 'base64url')
  // Only the one spelling that we write: decoders pass over what is no Base64.
  if (bytes[0] !== sealing.version || bytes.length <= headBytes + secondsBytes || bytes.toString('base64url') !== token)
    return undefined
  const keys = keysOf(sealing)
  const check = bytes.subarray(1, headBytes)
  const start = Buffer.from(check)
  start[carryAt] = start[carryAt]! & carryMask
  const cipher = createDecipheriv('aes-256-ctr', keys.cipher, start)
  const text = Buffer.concat([cipher.update(bytes.subarray(headBytes)), cipher.final()])
  if (!timingSafeEqual(check, Buffer.from(checkOf(text, keys.check), 'hex'))) return undefined
  return { at: text.readUInt32BE() * 1_000, names: text.toString('utf8', secondsBytes).split('\0') }
}

type Padding = { texts: readonly Buffer[]; checks: readonly string[]; key: Buffer }

/** What the texts are combined with. Counter mode by hand: the block cipher over the counters of all of them at once. */
function padOf({ texts, checks, key }: Padding): Buffer {
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

function textOf({ at, names }: Named): Buffer {
  const said = names.join('\0')
  const text = Buffer.allocUnsafe(secondsBytes + Buffer.byteLength(said))
  text.writeUInt32BE(Math.floor(at / 1_000))
  text.write(said, secondsBytes)
  return text
}

/** SHA-512/256 tells nobody how to go on from its value, so a key before the text makes it a check that only we can write. */
const checkOf = (text: Buffer, key: string): string =>
  hash('sha512-256', key + text.toString('latin1')).slice(0, 2 * checkBytes)

const blocksOf = (text: Buffer): number => Math.ceil(text.length / blockBytes)
/** The bit that RFC 5297 clears as well: counting on from a check value never carries over. */
const carryAt = 12
const carryMask = 0x7f

const keysOf = ({ use, secret }: Sealing): { check: string; cipher: Buffer } => ({
  check: keyOf(`${use} check`, secret).toString('hex'),
  cipher: keyOf(`${use} cipher`, secret),
})
const keyOf = (use: string, secret: string): Buffer => createHmac('sha256', secret).update(use).digest()
