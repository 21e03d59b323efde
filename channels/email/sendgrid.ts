import { createHash, randomBytes } from 'node:crypto'
import sendgrid from '@sendgrid/mail'
import type { ContentOf } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { DeadlineError, withDeadline } from '#runtime/deadline.ts'
import { forAll } from '../answer-table.ts'
import { type ClickLinks, clickTargets, clickUrl, clickUrlChars, withLinks } from '../click-links.ts'
import type { OutMessage, Provider, SendOptions } from '../provider.ts'
import { unsubscribeHeaders, unsubscribeUrls } from './unsubscribe.ts'
import { blamesRecipient, sendgridAnswer, type SendgridFailure } from './sendgrid-answers.ts'

export type SendgridOptions = {
  /** The route, where it is not the provider's only account. */
  name?: string
  apiKey: string
  /** The verified sender. */
  from: string
  /** Where the links of mails lead first, and where they are unsubscribed from. Absent: links stay as they are, and there are no other. */
  links?: ClickLinks
  /** SendGrid publishes no limit. Absent: none of ours. */
  perSecond?: number | undefined
  /** Another server than SendGrid's: `http://127.0.0.1:8025/`. */
  baseUrl?: string
}

/** Personalizations that one request takes (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations). */
const callSizeMax = 1000
const callsAtOnce = 64
/**
 * What may differ between the personalizations of a request: each brings its own subject and bodies as substitutions
 * (https://www.twilio.com/docs/sendgrid/for-developers/sending-email/substitution-tags), at most 10,000 bytes of them.
 * The tags take their share.
 */
const ownBytesMax = 9_500
/** In every tag, so that no text that somebody wrote can hold one. */
const mark = randomBytes(8).toString('hex')
const fields = ['subject', 'text', 'html'] as const
/** The library gives up a request after this time, later than any caller waits. */
const requestTimeoutMs = 20_000

/** SendGrid would lead links of ours, and who unsubscribes, to its own pages. */
const trackingSettings = { clickTracking: { enable: false }, subscriptionTracking: { enable: false } }

type Mail = Exclude<Parameters<typeof sendgrid.send>[0], unknown[]>
// The package's export is one shared instance; its class is not among the types, nor is its client.
const MailService = sendgrid.constructor as new () => typeof sendgrid
type WithClient = { client: { setDefaultRequest(name: string, value: unknown): void } }

/** SendGrid by its official library: one request for many mails, each with an attempt id and, if need be, a text of its own. */
export function sendgridProvider({
  name = 'sendgrid',
  apiKey,
  from,
  links,
  baseUrl,
  perSecond,
}: SendgridOptions): Provider<'email'> {
  const service = new MailService()
  service.setApiKey(apiKey)
  service.setTimeout(requestTimeoutMs)
  // Setting the key resets it, so after.
  if (baseUrl !== undefined) (service as unknown as WithClient).client.setDefaultRequest('baseUrl', baseUrl)
  return {
    name,
    channel: 'email',
    callSizeMax,
    callsAtOnce,
    pauses: 'lane',
    ...(perSecond !== undefined && { limit: { account: accountOf(apiKey), rate: { units: perSecond, perMs: 1_000 } } }),
    mixes: content => ownBytes(partsOf(content)) + linkBytes(content, links) <= ownBytesMax,
    send: (messages, options) => {
      const untilMs = performance.now() + options.deadlineMs
      const mail = { from, links, now: options.now }
      const sending = { ...options, untilMs, post: (part: Messages) => service.send(mailOf(part, mail)) }
      return inRounds(messages, sending)
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Names the account without giving the key away. */
const accountOf = (apiKey: string): string => createHash('sha256').update(apiKey).digest('hex').slice(0, 16)

type Messages = readonly OutMessage<'email'>[]
type Sending = SendOptions & {
  untilMs: number
  post: (messages: Messages) => Promise<[{ headers: unknown }, unknown]>
}

/**
 * An address may stand in a request once: who gets two mails gets the second one by a second request, after the first. No
 * request but the first begins in the second half of the time: cut off, it would be in doubt.
 */
async function inRounds(messages: Messages, sending: Sending): Promise<Answer[]> {
  const answers: Answer[] = []
  const startUntilMs = sending.untilMs - sending.deadlineMs / 2
  let all: Answer | undefined
  for (const places of roundsOf(messages)) {
    const round = places.map(at => messages[at]!)
    const found = all ? forAll(round, all) : await sendParts(round, sending)
    places.forEach((at, position) => (answers[at] = found[position]!))
    // What stops one round is not about its mails.
    all ??= found.find(({ kind }) => kind === 'pause' || kind === 'config')
    if (performance.now() > startUntilMs) all ??= noTime
  }
  return answers
}

const noTime: Answer = { kind: 'retry', afterMs: 0, reason: 'no time left for another mail to the same address' }

/** The places of the first mail of each address, those of the second mails, and so on. */
function roundsOf(messages: Messages): number[][] {
  const rounds: number[][] = []
  const seen = new Map<string, number>()
  messages.forEach(({ endpoint }, at) => {
    const address = endpoint.address.toLowerCase()
    const round = seen.get(address) ?? 0
    seen.set(address, round + 1)
    ;(rounds[round] ??= []).push(at)
  })
  return rounds
}

/** One request; where it is refused for one of its recipients each half goes again, until that one is alone. */
async function sendParts(messages: Messages, sending: Sending): Promise<Answer[]> {
  const ms = sending.untilMs - performance.now()
  // The refusal before said that none of these was sent.
  if (ms <= 0) return forAll(messages, { kind: 'retry', afterMs: 0, reason: 'no time left to find the bad recipient' })
  try {
    const [response] = await withDeadline(sending.post(messages), { ms, what: 'SendGrid' })
    const id = (response.headers as Readonly<Record<string, unknown>>)['x-message-id']
    if (typeof id !== 'string') return forAll(messages, { kind: 'doubt', reason: 'no message id' })
    return forAll(messages, { kind: 'accepted', providerId: id })
  } catch (error) {
    if (error instanceof DeadlineError) return forAll(messages, { kind: 'doubt', reason: 'deadline' })
    const failure = error as SendgridFailure
    if (messages.length === 1 || !blamesRecipient(failure))
      return forAll(messages, sendgridAnswer(failure, sending.now))
    const half = Math.ceil(messages.length / 2)
    const first = await sendParts(messages.slice(0, half), sending)
    return [...first, ...(await sendParts(messages.slice(half), sending))]
  }
}

type Sender = { from: string; links: ClickLinks | undefined; now: EpochMs }

function mailOf(messages: Messages, { from, links, now }: Sender): Mail {
  const first = messages[0]!
  const alike = messages.every(({ content }) => content === first.content)
  const linked = (message: OutMessage<'email'>) => withLinks(message.content, hrefsOf(message, links))
  // What differs between mails of one content is where their links lead first.
  const content = messages.length === 1 ? linked(first) : withLinks(first.content, linkTagsOf(first.content, links))
  const { subject, text, html } = alike ? partsOf(content) : tags
  const ownOf = (message: OutMessage<'email'>): Record<string, string> => {
    if (!alike) return substitutionsOf(partsOf(linked(message)))
    return messages.length === 1 ? {} : linksOf(message, links)
  }
  const leaves = unsubscribeUrls(messages, { links, now })
  return {
    ...{ from, subject, text, html, trackingSettings },
    // SendGrid keeps custom arguments for long and cannot redact them: nothing but the attempt goes there.
    personalizations: messages.map((message, at) => {
      const substitutions = ownOf(message)
      const leave = leaves[at]
      return {
        to: message.endpoint.address,
        customArgs: { attempt_id: message.attemptId },
        ...(Object.keys(substitutions).length > 0 && { substitutions }),
        ...(leave !== undefined && { headers: unsubscribeHeaders(leave) }),
      }
    }),
  }
}

type Email = ContentOf['email']
const targetsOf = (content: Email, links?: ClickLinks): readonly string[] => (links ? clickTargets(content, links) : [])

/** By where the links of a mail lead, where they are to lead first. */
const hrefsOf = ({ content, attemptId: attempt }: OutMessage<'email'>, links?: ClickLinks): Map<string, string> =>
  new Map(targetsOf(content, links).map(target => [target, clickUrl(links!, { attempt, target })]))
const linkTag = (n: number): string => `link${n}-${mark}`
const linkTagsOf = (content: Email, links?: ClickLinks): Map<string, string> =>
  new Map(targetsOf(content, links).map((target, n) => [target, `{{${linkTag(n)}}}`]))
const linksOf = (message: OutMessage<'email'>, links?: ClickLinks): Record<string, string> =>
  Object.fromEntries([...hrefsOf(message, links).values()].map((href, n) => [linkTag(n), href]))
/** What links add to a mail, in its HTML and in its text. */
const linkBytes = (content: Email, links?: ClickLinks): number =>
  targetsOf(content, links).reduce((sum, target) => sum + 2 * clickUrlChars(links!, target), 0)

type Parts = Record<(typeof fields)[number], string>
// The library puts the braces around the names of substitutions.
const tags: Parts = { subject: `{{subject-${mark}}}`, text: `{{text-${mark}}}`, html: `{{html-${mark}}}` }

const partsOf = ({ subject, text, html }: ContentOf['email']): Parts => ({ subject, text, html: html.html })
const substitutionsOf = (parts: Parts) => Object.fromEntries(fields.map(field => [`${field}-${mark}`, parts[field]]))
const ownBytes = (parts: Parts) => fields.reduce((sum, field) => sum + Buffer.byteLength(parts[field]), 0)
