import { createHmac } from 'node:crypto'
import { type Channel, type Provider, providers } from '#contracts/channel.ts'
import { isEmail, isPhone } from '#contracts/intent.ts'

/**
 * What the directory and the suppressions know of an address: a keyed hash (HMAC-SHA256), since numbers and mailboxes can
 * be guessed. The key must stay the same for ever, or suppressed addresses are forgotten.
 */
export const addressHash = (key: string, { channel, address }: { channel: Channel; address: string }): string =>
  createHmac('sha256', key).update(channel).update('\0').update(oneSpelling(channel, address)).digest('base64url')

/** Enough of an address for its owner to know it by. */
export function masked({ channel, address }: { channel: Channel; address: string }): string {
  const at = address.lastIndexOf('@')
  if (channel === 'email') return `${address.slice(0, 1)}…${address.slice(at)}`
  return `…${address.slice(-4)}`
}

/** Whether a provider takes an address of this form. */
export const isAddress = (provider: Provider, address: unknown): address is string => forms[provider](address)

/** Where a channel has one provider, it need not be named. */
export function providerOf(channel: Channel): Provider | undefined {
  const serving = (Object.keys(providers) as Provider[]).filter(provider => providers[provider] === channel)
  return serving.length === 1 ? serving[0] : undefined
}

const forms: Record<Provider, (address: unknown) => boolean> = {
  fcm: address => typeof address === 'string' && /^[\w:.-]{1,4096}$/.test(address),
  // The client library would silently drop what is no hex digit. Apple: tokens vary in length.
  apns: address => typeof address === 'string' && /^[0-9a-f]{64,200}$/.test(address),
  sendgrid: isEmail,
  twilio: isPhone,
  inbox: () => false,
  webpush: isSubscription,
}

/**
 * The JSON of a browser's `PushSubscription`. Any https URL of a named host is one: which push services we talk to is
 * configured where they are called.
 */
function isSubscription(address: unknown): boolean {
  if (typeof address !== 'string' || address.length > subscriptionCharsMax) return false
  try {
    const { endpoint, keys } = JSON.parse(address) as {
      endpoint?: unknown
      keys?: { p256dh?: unknown; auth?: unknown }
    }
    const { protocol, hostname, port, username, password, hash } = new URL(endpoint as string)
    const named = protocol === 'https:' && /\.[a-z]/.test(hostname) && `${port}${username}${password}${hash}` === ''
    return named && isKey(keys?.p256dh, 65) && isKey(keys?.auth, 16)
  } catch {
    return false
  }
}

const subscriptionCharsMax = 4_096
const isKey = (key: unknown, bytes: number): boolean =>
  typeof key === 'string' && /^[\w-]+=*$/.test(key) && Buffer.from(key, 'base64url').length === bytes

/** No mail server in use tells mailboxes apart by case, and people write them either way. */
const oneSpelling = (channel: Channel, address: string): string =>
  channel === 'email' ? address.toLowerCase() : address
