import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { EpochMs } from '#contracts/ids.ts'
import type { User } from '#runtime/user-tokens.ts'

const version = 'p'
const ivBytes = 12
const tagBytes = 16
const charsMax = 1_800

/** A link opens its person's page for so long; then they need a new one. */
const pageLinkLifeMs = 90 * 86_400_000

/**
 * What a link to a person's page bears: who it is and when it was made, sealed (AES-256-GCM) with the installation's secret,
 * so that it tells nobody anything and nobody can make one. It opens the preferences of that person and nothing else.
 */
export function pageLinkToken({ recipient, tenant }: User, { secret, now }: { secret: string; now: EpochMs }): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), iv)
  const text = JSON.stringify([Math.floor(now / 1_000), recipient, ...(tenant === undefined ? [] : [tenant])])
  const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return version + sealed.toString('base64url')
}

/** Whose page it is, or undefined for every other text, and for a link that is too old. */
export function pageLinkUser(token: string, { secret, now }: { secret: string; now: EpochMs }): User | undefined {
  if (!token.startsWith(version) || token.length > charsMax) return undefined
  const sealed = Buffer.from(token.slice(version.length), 'base64url')
  if (sealed.length <= ivBytes + tagBytes) return undefined
  const cipher = createDecipheriv('aes-256-gcm', keyOf(secret), sealed.subarray(0, ivBytes))
  cipher.setAuthTag(sealed.subarray(-tagBytes))
  try {
    const text = Buffer.concat([cipher.update(sealed.subarray(ivBytes, -tagBytes)), cipher.final()]).toString('utf8')
    const [madeS, recipient, tenant] = JSON.parse(text) as [number, string, string?]
    if (now - madeS * 1_000 > pageLinkLifeMs) return undefined
    return { recipient, ...(tenant !== undefined && { tenant }) }
  } catch {
    return undefined
  }
}

const keyOf = (secret: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', 'carillon preferences page', 32))
