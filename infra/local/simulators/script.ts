import type { CommonAnswer, ProviderName } from './answers.ts'
import type { ApnsAnswer } from './apns.ts'
import type { Reply } from './exchange.ts'
import type { FcmAnswer } from './fcm.ts'
import type { SendgridAnswer } from './sendgrid.ts'
import type { TwilioAnswer } from './twilio.ts'
import type { WebPushAnswer } from './web-push.ts'

/**
 * An order to a simulator: how to answer requests to an address, to all addresses with a prefix (`tok-*`), or to all.
 * `times` limits it to the next n requests, `fromMs` and `forMs` to a time: it begins so long after it was given and
 * lasts so long; without any the order stands. `ms` delays the answer. `retryAfterSeconds` is what the answers that carry
 * such a header say. `reply` is the answer of that name, word for word.
 */
export type Rule = Limits & { address?: string; ms?: number; retryAfterSeconds?: number; reply?: Reply } & (
    | { provider: 'fcm'; answer: FcmAnswer | CommonAnswer }
    | { provider: 'apns'; answer: ApnsAnswer | CommonAnswer }
    | { provider: 'sendgrid'; answer: SendgridAnswer | CommonAnswer }
    | { provider: 'twilio'; answer: TwilioAnswer | CommonAnswer }
    | { provider: 'webpush'; answer: WebPushAnswer | CommonAnswer }
  )

type Limits = { times?: number; fromMs?: number; forMs?: number }

export type Decision = { answer: string; ms: number; retryAfterSeconds?: number; reply?: Reply; index: number }

export type Script = {
  /**
   * Replaces what was ordered for the same provider and address; an order for a time stands before those without one. The
   * most specific order in force wins: address, prefix, all.
   */
  set(rule: Rule): void
  /** Forgets every order, and which flaky addresses have failed already. */
  clear(): void
  /** What to answer a request to these addresses; `index` is the address it is about. One order counts once. */
  decide(provider: ProviderName, addresses: readonly string[]): Decision
}

/** `now` is a monotonic clock in milliseconds. */
export function createScript(now: () => number = () => performance.now()): Script {
  let orders = noOrders()
  let failedOnce = new Set<string>()

  const ordered = (provider: ProviderName, address: string): Order | undefined => {
    const { exact, prefixes } = orders[provider]
    return spend(exact, address, now()) ?? spend(prefixes, longestPrefix({ prefixes, address, at: now() }), now())
  }

  return {
    set: rule => {
      const { exact, prefixes, all } = orders[rule.provider]
      const order = orderOf(rule, now())
      if (rule.address === undefined) add(all, '', order)
      else if (rule.address.endsWith('*')) add(prefixes, rule.address.slice(0, -1), order)
      else add(exact, rule.address, order)
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
          if (order !== undefined) return { ...order.said, index }
        }
      const forAll = all.size > 0 ? spend(all, '', now()) : undefined
      if (forAll) return { ...forAll.said, index: 0 }
      for (let index = 0; index < addresses.length; index++) {
        const order = demoOrder({ provider, address: addresses[index]! }, failedOnce)
        if (order !== undefined) return { ...order, index }
      }
      return { answer: 'accept', ms: 0, index: 0 }
    },
  }
}

type Order = { said: Omit<Decision, 'index'>; timed: boolean; from: number; until: number; left: number }
type Orders = Map<string, Order[]>
type ProviderOrders = { exact: Orders; prefixes: Orders; all: Orders }

const empty = (): ProviderOrders => ({ exact: new Map(), prefixes: new Map(), all: new Map() })
const noOrders = (): Record<ProviderName, ProviderOrders> => ({
  fcm: empty(),
  apns: empty(),
  sendgrid: empty(),
  twilio: empty(),
  webpush: empty(),
})

const never = Number.POSITIVE_INFINITY

function orderOf({ answer, ms = 0, retryAfterSeconds, reply, ...limits }: Rule, at: number): Order {
  const { times = never, fromMs = 0, forMs = never } = limits
  const timed = limits.fromMs !== undefined || limits.forMs !== undefined
  const from = at + fromMs
  return { said: { answer, ms, retryAfterSeconds, reply }, timed, from, until: from + forMs, left: times }
}

function add(orders: Orders, key: string, order: Order): void {
  const others = (orders.get(key) ?? []).filter(({ timed }) => timed || order.timed)
  orders.set(key, order.timed ? [order, ...others] : [...others, order])
}

const inForce = (at: number) => (order: Order) => order.from <= at && at < order.until

function spend(orders: Orders, key: string | undefined, at: number): Order | undefined {
  const found = key === undefined ? undefined : orders.get(key)
  const order = found?.find(inForce(at))
  if (order && --order.left <= 0) {
    const rest = found!.filter(one => one !== order)
    if (rest.length > 0) orders.set(key!, rest)
    else orders.delete(key!)
  }
  return order
}

type Asked = { prefixes: Orders; address: string; at: number }

function longestPrefix({ prefixes, address, at }: Asked): string | undefined {
  let longest: string | undefined
  for (const [prefix, found] of prefixes)
    if (address.startsWith(prefix) && prefix.length >= (longest?.length ?? 0) && found.some(inForce(at)))
      longest = prefix
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
  webpush: { dead: 'dead', hang: 'hang', flaky: 'flaky' },
} as const satisfies Record<ProviderName, { dead: string; hang: string; flaky: string }>

const demoAnswers = {
  fcm: { dead: 'unregistered', flaky: 'internal' },
  apns: { dead: 'Unregistered', flaky: 'ServiceUnavailable' },
  sendgrid: { dead: 'badPersonalization', flaky: 'tooManyRequests' },
  twilio: { dead: '21211', flaky: '20429' },
  webpush: { dead: 'gone', flaky: 'unavailable' },
} as const satisfies Record<ProviderName, { dead: string; flaky: string }>

type To = { provider: ProviderName; address: string }

function demoOrder({ provider, address }: To, failedOnce: Set<string>): Omit<Decision, 'index'> | undefined {
  const { dead, hang, flaky } = demoAddresses[provider]
  const within = provider !== 'apns' && provider !== 'twilio'
  const says = (word: string) => (within ? address.includes(word) : address.startsWith(word))
  if (says(dead)) return { answer: demoAnswers[provider].dead, ms: 0 }
  if (says(hang)) return { answer: 'hang', ms: 0 }
  if (!says(flaky) || failedOnce.has(address)) return undefined
  failedOnce.add(address)
  return { answer: demoAnswers[provider].flaky, ms: 0, retryAfterSeconds: 1 }
}
