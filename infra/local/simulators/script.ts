import type { ApnsAnswer } from './apns.ts'
import type { CommonAnswer, ProviderName } from './answers.ts'
import type { FcmAnswer } from './fcm.ts'
import type { SendgridAnswer } from './sendgrid.ts'
import type { TwilioAnswer } from './twilio.ts'

/**
 * An order to a simulator: how to answer requests to an address, to all addresses with a prefix (`tok-*`), or to all.
 * `times` limits it to the next n requests, without it the order stands. `ms` delays the answer.
 * `retryAfterSeconds` is what the answers that carry such a header say.
 */
export type Rule = { address?: string; times?: number; ms?: number; retryAfterSeconds?: number } & (
  | { provider: 'fcm'; answer: FcmAnswer | CommonAnswer }
  | { provider: 'apns'; answer: ApnsAnswer | CommonAnswer }
  | { provider: 'sendgrid'; answer: SendgridAnswer | CommonAnswer }
  | { provider: 'twilio'; answer: TwilioAnswer | CommonAnswer }
)

export type Decision = { answer: string; ms: number; retryAfterSeconds?: number; index: number }

export type Script = {
  /** Replaces what was ordered for the same provider and address. The most specific order wins: address, prefix, all. */
  set(rule: Rule): void
  /** Forgets every order, and which flaky addresses have failed already. */
  clear(): void
  /** What to answer a request to these addresses; `index` is the address it is about. One order counts once. */
  decide(provider: ProviderName, addresses: readonly string[]): Decision
}

export function createScript(): Script {
  let orders = noOrders()
  let failedOnce = new Set<string>()

  const ordered = (provider: ProviderName, address: string): Order | undefined => {
    const { exact, prefixes } = orders[provider]
    if (exact.has(address)) return spend(exact, address)
    const prefix = prefixes.size === 0 ? undefined : longestPrefix(prefixes, address)
    return prefix === undefined ? undefined : spend(prefixes, prefix)
  }

  return {
    set: rule => {
      const { exact, prefixes, all } = orders[rule.provider]
      const order: Order = { ...rule, left: rule.times ?? Number.POSITIVE_INFINITY, ms: rule.ms ?? 0 }
      if (rule.address === undefined) all.set('', order)
      else if (rule.address.endsWith('*')) prefixes.set(rule.address.slice(0, -1), order)
      else exact.set(rule.address, order)
    },
    clear: () => {
      orders = noOrders()
      failedOnce = new Set()
    },
    decide: (provider, addresses) => {
      const { exact, prefixes, all } = orders[provider]
      if (exact.size > 0 || prefixes.size > 0)
        for (let index = 0; index < addresses.length; index++) {
          const order = ordered(provider, addresses[index]!)
          if (order !== undefined) return decisionOf(order, index)
        }
      if (all.has('')) return decisionOf(spend(all, ''), 0)
      for (let index = 0; index < addresses.length; index++) {
        const order = demoOrder({ provider, address: addresses[index]! }, failedOnce)
        if (order !== undefined) return { ...order, index }
      }
      return { answer: 'accept', ms: 0, index: 0 }
    },
  }
}

type Order = { answer: string; left: number; ms: number; retryAfterSeconds?: number }
type Orders = Map<string, Order>
type ProviderOrders = { exact: Orders; prefixes: Orders; all: Orders }

const empty = (): ProviderOrders => ({ exact: new Map(), prefixes: new Map(), all: new Map() })
const noOrders = (): Record<ProviderName, ProviderOrders> => ({
  fcm: empty(),
  apns: empty(),
  sendgrid: empty(),
  twilio: empty(),
})

const decisionOf = ({ answer, ms, retryAfterSeconds }: Order, index: number): Decision => ({
  answer,
  ms,
  retryAfterSeconds,
  index,
})

function spend(orders: Orders, key: string): Order {
  const order = orders.get(key)!
  if (--order.left <= 0) orders.delete(key)
  return order
}

function longestPrefix(prefixes: Orders, address: string): string | undefined {
  let longest: string | undefined
  for (const prefix of prefixes.keys())
    if (address.startsWith(prefix) && prefix.length >= (longest?.length ?? 0)) longest = prefix
  return longest
}

/**
 * Addresses that fail by themselves, so that a demonstration shows several outcomes without any order: those that
 * contain the word, or start with it on APNs and Twilio. Hexadecimal tokens and numbers cannot spell every word, so
 * theirs are dialled on a phone's keys, long enough that no token hits one by chance; nobody has country code +999.
 */
const demoAddresses = {
  fcm: { dead: 'dead', hang: 'hang', flaky: 'flaky' },
  sendgrid: { dead: 'dead', hang: 'hang', flaky: 'flaky' },
  apns: { dead: 'deaddead', hang: '42644264', flaky: '35259352' },
  twilio: { dead: '+9993323', hang: '+9994264', flaky: '+99935259' },
} as const satisfies Record<ProviderName, { dead: string; hang: string; flaky: string }>

const demoAnswers = {
  fcm: { dead: 'unregistered', flaky: 'internal' },
  apns: { dead: 'Unregistered', flaky: 'ServiceUnavailable' },
  sendgrid: { dead: 'badPersonalization', flaky: 'tooManyRequests' },
  twilio: { dead: '21211', flaky: '20429' },
} as const satisfies Record<ProviderName, { dead: string; flaky: string }>

type To = { provider: ProviderName; address: string }

function demoOrder({ provider, address }: To, failedOnce: Set<string>): Omit<Decision, 'index'> | undefined {
  const { dead, hang, flaky } = demoAddresses[provider]
  const within = provider === 'fcm' || provider === 'sendgrid'
  const says = (word: string) => (within ? address.includes(word) : address.startsWith(word))
  if (says(dead)) return { answer: demoAnswers[provider].dead, ms: 0 }
  if (says(hang)) return { answer: 'hang', ms: 0 }
  if (!says(flaky) || failedOnce.has(address)) return undefined
  failedOnce.add(address)
  return { answer: demoAnswers[provider].flaky, ms: 0, retryAfterSeconds: 1 }
}
