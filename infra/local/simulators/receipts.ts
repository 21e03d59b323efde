import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalCredentials } from '#local/credentials.ts'
import { eventOf, type MailReceipt, mailReceipts, signedEvents } from './sendgrid-events.ts'
import { inboundForm, type SmsReceipt, smsReceipts, signedForm, statusForm } from './twilio-callbacks.ts'

/**
 * Where receipts are posted; what is not named gets none. Only loopback: nothing leaves this machine.
 * `twilio`: an origin that takes the status callbacks in place of the one in each StatusCallback, which stays the one that
 * is signed · `sendgrid`: the URL of the event webhook · `inbound`: the URL for messages that people send.
 */
export type ReceiptTargets = { twilio?: string; sendgrid?: string; inbound?: string }

/**
 * What becomes of the messages to an address, to all with a prefix (`u1*`), or to all. `receipts`: the events in the order
 * in which they happen, none when they are lost; a word after the event is its error code or reason (`undelivered 30003`,
 * `dropped Spam Reporting`). `lateMs` before the first, `copies` of each, `reversed`: the last one comes first.
 */
export type ReceiptRule = {
  provider: 'twilio' | 'sendgrid'
  address?: string
  receipts: readonly string[]
  lateMs?: number
  copies?: number
  reversed?: boolean
}

/** One receipt that was posted; `status` is what its taker said, 0 when it could not be reached. */
export type PostedReceipt = { provider: 'twilio' | 'sendgrid'; receipts: string[]; status: number }

export type Receipts = Disposable & {
  /** Replaces the targets. Throws an error that says which is no URL on this machine. */
  pointTo(targets: ReceiptTargets): void
  /** Replaces the rule of the same provider and address. */
  set(rule: ReceiptRule): void
  clear(): void
  /** A text was taken: its callbacks follow. */
  smsTaken(sms: SmsReceipt): void
  /** Mails of one request were taken: their events follow. */
  mailTaken(mails: readonly MailReceipt[]): void
  /** A person answers a text. Gives the taker's status. */
  inbound(text: { from: string; body: string }): Promise<number>
  /** The last ones. */
  posted(): PostedReceipt[]
}

/** Between two events of one message. */
const stepMs = 10
const postLimitMs = 5_000
const postedMax = 10_000
/** SendGrid posts again what was not taken with 2xx (for a day, there). Twilio does not. */
const repeatMs = [100, 200, 400, 800, 1_600]
const usual = { twilio: ['sent', 'delivered'], sendgrid: ['processed', 'delivered'] } as const

export function createReceipts({ twilio, sendgrid }: LocalCredentials): Receipts {
  const rules = new Map<string, ReceiptRule>()
  const { post, later, posted, end } = createPoster()
  let targets: ReceiptTargets = {}

  return {
    pointTo: to => {
      for (const [name, url] of Object.entries(to)) if (url !== undefined) onLoopback(name, url)
      targets = { ...to }
    },
    set: rule => void rules.set(`${rule.provider} ${rule.address ?? '*'}`, rule),
    clear: () => rules.clear(),
    smsTaken: sms => {
      if (!targets.twilio || !sms.callback) return
      const { pathname, search } = new URL(sms.callback)
      const url = new URL(pathname + search, targets.twilio).href
      // Each arrives before the next is sent.
      let before: Promise<unknown> = Promise.resolve()
      for (const { word, ms } of planOf(rules, { provider: 'twilio', address: sms.to, usual: usual.twilio }))
        later(ms, () => {
          const form = statusForm(sms, word, twilio.accountSid)
          const of = { provider: 'twilio' as const, receipts: [word] }
          const signed = signedForm({ url: sms.callback!, form, authToken: twilio.authToken })
          return (before = before.then(() => post(of, { url, ...signed })))
        })
    },
    mailTaken: mails => {
      const url = targets.sendgrid
      if (!url) return
      const plans = mails.flatMap(mail =>
        planOf(rules, { provider: 'sendgrid', address: mail.email, usual: usual.sendgrid }).map(step => ({
          ...step,
          mail,
        })),
      )
      // What happens at one time is told by one request.
      for (const [ms, steps] of Map.groupBy(plans, step => step.ms))
        later(ms, () => {
          const body = JSON.stringify(steps.map(({ mail, ...step }) => eventOf(mail, step)))
          const of = { provider: 'sendgrid' as const, receipts: steps.map(({ word }) => word) }
          return post(of, { url, ...signedEvents(body, sendgrid.webhook.privateKey) }, repeatMs)
        })
    },
    inbound: async ({ from, body }) => {
      const url = targets.inbound
      if (!url) throw new Error('no target takes inbound messages: point to one first')
      const form = inboundForm({ from, to: twilio.from, body, accountSid: twilio.accountSid })
      return post(
        { provider: 'twilio', receipts: ['inbound'] },
        { url, ...signedForm({ url, form, authToken: twilio.authToken }) },
      )
    },
    posted,
    [Symbol.dispose]: end,
  }
}

/** Posts receipts now or later, and again after each of `pausesMs` while they are not taken; `end` gives up what is left. */
function createPoster() {
  const posted: PostedReceipt[] = []
  const ended = new AbortController()
  const wait = (ms: number) => sleep(ms, undefined, { ref: false, signal: ended.signal })

  async function post(
    of: Omit<PostedReceipt, 'status'>,
    request: Posting,
    pausesMs: readonly number[] = [],
  ): Promise<number> {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(postLimitMs)])
    const init = { method: 'POST', headers: request.headers, body: request.body, signal }
    // Not reached, or cut off at our end.
    const status = await fetch(request.url, init)
      .then(response => response.arrayBuffer().then(() => response.status))
      .catch(() => 0)
    posted.push({ ...of, status })
    if (posted.length > postedMax) posted.shift()
    const [pauseMs, ...rest] = pausesMs
    if ((status >= 200 && status < 300) || pauseMs === undefined) return status
    await wait(pauseMs)
    return post(of, request, rest)
  }
  return {
    post,
    later: (ms: number, work: () => Promise<unknown>) =>
      void wait(ms)
        .then(work)
        .catch(() => {}),
    posted: () => [...posted],
    end: () => ended.abort(),
  }
}

/** A rule from another process. Throws an error that says what is wrong with it. */
export function parseReceiptRule(said: unknown): ReceiptRule {
  const { provider, address, receipts, ...rest } = (said ?? {}) as Record<string, unknown>
  if (provider !== 'twilio' && provider !== 'sendgrid') throw new Error('provider must be twilio or sendgrid')
  if (address !== undefined && typeof address !== 'string') throw new Error('address must be text')
  const known: readonly string[] = provider === 'twilio' ? smsReceipts : mailReceipts
  if (!Array.isArray(receipts) || !receipts.every(one => typeof one === 'string' && known.includes(one.split(' ')[0]!)))
    throw new Error(`receipts of ${provider} are a list of ${known.join(', ')}`)
  for (const [name, value] of Object.entries(rest)) {
    const fits = name === 'reversed' ? typeof value === 'boolean' : Number.isInteger(value) && (value as number) >= 0
    if (!['lateMs', 'copies', 'reversed'].includes(name)) throw new Error(`a rule of receipts has no field ${name}`)
    if (!fits) throw new Error(`${name} must be ${name === 'reversed' ? 'true or false' : 'a whole number'}`)
  }
  return said as ReceiptRule
}

type Posting = { url: string; headers: Record<string, string>; body: string }
/** `number`: which event of the message it is, the same in each copy. */
type Step = { word: string; number: number; ms: number }
type Whose = { provider: 'twilio' | 'sendgrid'; address: string; usual: readonly string[] }

/** The most specific rule wins: address, prefix, all. */
function planOf(rules: ReadonlyMap<string, ReceiptRule>, { provider, address, usual }: Whose): Step[] {
  const prefixes = [...rules.values()].filter(
    rule => rule.provider === provider && rule.address?.endsWith('*') && address.startsWith(rule.address.slice(0, -1)),
  )
  const longest = prefixes.toSorted((a, b) => b.address!.length - a.address!.length)[0]
  const rule = rules.get(`${provider} ${address}`) ?? longest ?? rules.get(`${provider} *`)
  const { receipts = usual, lateMs = 0, copies = 1, reversed = false } = rule ?? {}
  const steps = receipts.map((word, number) => ({ word, number }))
  return (reversed ? steps.toReversed() : steps).flatMap((step, at) =>
    Array.from({ length: copies }, (_, copy) => ({ ...step, ms: lateMs + stepMs * (at * copies + copy + 1) })),
  )
}

function onLoopback(name: string, url: string): void {
  if (!URL.canParse(url) || !['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname))
    throw new Error(`${name} must be a URL on this machine: http://127.0.0.1:…`)
}
