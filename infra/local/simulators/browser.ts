import { createDecipheriv, createECDH, createHash, hkdfSync } from 'node:crypto'
import { pushServiceHost } from '#local/credentials.ts'

/** The JSON of the `PushSubscription` of a browser that only exists here: its keys follow from its name. */
export function subscriptionOf(name: string): string {
  const { pair, auth } = keysOf(name)
  return JSON.stringify({
    endpoint: `https://${pushServiceHost}/push/${encodeURIComponent(name)}`,
    expirationTime: null,
    keys: { p256dh: pair.getPublicKey('base64url'), auth: auth.toString('base64url') },
  })
}

/**
 * What that browser makes of a body in `aes128gcm` of one record (https://www.rfc-editor.org/rfc/rfc8291), undefined when
 * it cannot read it.
 */
export function decrypted(name: string, body: Buffer): Buffer | undefined {
  try {
    const { pair, auth } = keysOf(name)
    const salt = body.subarray(0, 16)
    const recordBytes = body.readUInt32BE(16)
    const keyId = body.subarray(21, 21 + body[20]!)
    const record = body.subarray(21 + keyId.length)
    if (record.length > recordBytes) return undefined
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), pair.getPublicKey(), keyId])
    const secret = Buffer.from(hkdfSync('sha256', pair.computeSecret(keyId), auth, info, 32))
    const derived = (what: string, bytes: number) =>
      Buffer.from(hkdfSync('sha256', secret, salt, `Content-Encoding: ${what}\0`, bytes))
    const decipher = createDecipheriv('aes-128-gcm', derived('aes128gcm', 16), derived('nonce', 12))
    decipher.setAuthTag(record.subarray(-16))
    const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()])
    // After the text comes a 2, the mark of the last record, and zeros.
    return padded.subarray(0, padded.lastIndexOf(2))
  } catch {
    return undefined
  }
}

function keysOf(name: string) {
  const pair = createECDH('prime256v1')
  pair.setPrivateKey(createHash('sha256').update(`browser ${name}`).digest())
  return { pair, auth: createHash('sha256').update(`auth ${name}`).digest().subarray(0, 16) }
}
