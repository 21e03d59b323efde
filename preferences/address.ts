import { createHmac } from 'node:crypto'
import { type Channel, type Provider, providers } from '#contracts/channel.ts'
import { readMailbox, travelling } from './mailbox.ts'
import { readPhone } from './phone.ts'

/**
 * What the directory and the suppressions know of an address: a keyed hash (HMAC-SHA256), since numbers and mailboxes can
 * be guessed. The key must stay the same for ever, or suppressed addresses are forgotten.
 */
export const addressHash = (key: string, { channel, address }: Address): string =>
  createHmac('sha256', key).update(channel).update('\0').update(oneSpelling(channel, address)).digest('base64url')

type Address = { channel: Channel; address: string }

/** Whether two are one address, however they are written. */
export const isSameAddress = (a: Address, b: Address): boolean =>
  a.channel === b.channel && oneSpelling(a.channel, a.address) === oneSpelling(b.channel, b.address)

/** Enough of an address for its owner to know it by. */
export function masked({ channel, address }: Address): string {
  const at = address.lastIndexOf('@')
  if (channel === 'email') return `${address.slice(0, 1)}…${address.slice(at)}`
  // A browser's subscription: only its push service says anything to anybody.
  if (address.startsWith('{')) return new URL((JSON.parse(address) as { endpoint: string }).endpoint).host
  return `…${address.slice(-4)}`
}

/** An address as it is kept; or why it cannot be used, in words that do not repeat it. */
export type ReadAddress = { address: string; detail?: never } | { detail: string; address?: never }

/** Reads an address that a provider is to take. */
export const readAddress = (provider: Provider, value: unknown): ReadAddress =>
  typeof value === 'string'
    ? readers[provider](value)
    : { detail: value === undefined ? 'is missing' : `is not text, as ${provider} takes it` }

/** Where a channel has one provider, it need not be named. */
export function providerOf(channel: Channel): Provider | undefined {
  const [one, ...more] = serving(channel)
  return more.length === 0 ? one : undefined
}

/** The providers of a channel. */
export const serving = (channel: Channel): Provider[] =>
  (Object.keys(providers) as Provider[]).filter(provider => providers[provider] === channel)

const readers: Record<Provider, (text: string) => ReadAddress> = {
  fcm: text => (/^[\w:.-]{1,4096}$/.test(text) ? { address: text } : { detail: 'is not a registration token of fcm' }),
  // The client library would silently drop what is no hex digit. Apple: tokens vary in length.
  apns: text =>
    /^[0-9a-f]{64,200}$/i.test(text)
      ? { address: text.toLowerCase() }
      : { detail: 'is not a device token of apns: 64 to 200 hex digits' },
  sendgrid: readMailbox,
  twilio: readPhone,
  inbox: () => ({ detail: 'an inbox has no address' }),
  webpush: text => {
    const address = subscriptionIn(text)
    return address === undefined ? { detail: 'is not the JSON of a subscription that a browser gave' } : { address }
  },
}

/**
 * What identifies a browser's `PushSubscription`, of its JSON, in one spelling: the same subscription is the same text. Any
 * https URL of a named host is one: which push services we talk to is configured where they are called.
 */
function subscriptionIn(text: string): string | undefined {
  if (text.length > subscriptionCharsMax) return undefined
  try {
    const { endpoint, keys } = JSON.parse(text) as {
      endpoint?: unknown
      keys?: { p256dh?: unknown; auth?: unknown }
    }
    const { href, protocol, hostname, port, username, password, hash } = new URL(endpoint as string)
    const named = protocol === 'https:' && /\.[a-z]/.test(hostname) && `${port}${username}${password}${hash}` === ''
    const [p256dh, auth] = [keyIn(keys?.p256dh, 65), keyIn(keys?.auth, 16)]
    return named && p256dh && auth ? JSON.stringify({ endpoint: href, keys: { p256dh, auth } }) : undefined
  } catch {
    return undefined
  }
}

const subscriptionCharsMax = 4_096

function keyIn(text: unknown, bytes: number): string | undefined {
  if (typeof text !== 'string' || !/^[\w-]+=*$/.test(text)) return undefined
  const key = Buffer.from(text, 'base64url')
  return key.length === bytes ? key.toString('base64url') : undefined
}

/** No mail server in use tells mailboxes apart by case, and people write them either way. */
function oneSpelling(channel: Channel, address: string): string {
  if (channel !== 'email') return address
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1)
  return address.slice(0, at + 1).toLowerCase() + (travelling(domain) || domain.toLowerCase())
}
