import { createHash, randomBytes } from 'node:crypto'
import sendgrid from '@sendgrid/mail'
import type { ContentOf } from '#contracts/catalogue.ts'
import type { Transport } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Answer } from '#contracts/outcome.ts'
import { DeadlineError } from '#runtime/deadline.ts'
import { forAll, isTooLate, notBegun, tooLate } from '../answer-table.ts'
import { type ClickLinks, clickTargets, clickUrl, clickUrlChars, withLinks } from '../click-links.ts'
import { callLeftMs, callWithin, graceMs } from '../call-deadline.ts'
import { http1Client, jsonOf } from '../http1-client.ts'
import type { OutMessage, Provider, SendOptions } from '../provider.ts'
import { type Brand, plainBrand } from './layout.ts'
import { letterFields, letterOf, type LetterParts, letterParts } from './letter.ts'
import { type ReplyTo, replyFault } from './reply-to.ts'
import { type Leave, leavesOf, unsubscribeHeaders } from './unsubscribe.ts'
import { blamesRecipient, sendgridAnswer, type SendgridFailure } from './sendgrid-answers.ts'

export type SendgridOptions = {
  /** The route, where it is not the provider's only account. */
  name?: string
  apiKey: string
  /** The verified sender: an address, or `Name <address>`. */
  from: string
  /** Where answers go, written alike, by the names that contents choose from; `default` where they choose none. */
  replyTo?: ReplyTo
  brand?: Brand
  /** Where the links of mails lead first, and where they are unsubscribed from. Absent: links stay as they are, and there are no other. */
  links?: ClickLinks
  /** SendGrid publishes no limit. Absent: none of ours. */
  perSecond?: number | undefined
  /** Another server than SendGrid's: `http://127.0.0.1:8025/`. */
  baseUrl?: string | undefined
  transport?: Transport | undefined
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

/** SendGrid would lead links of ours, and who unsubscribes, to its own pages. */
const trackingSettings = { clickTracking: { enable: false }, subscriptionTracking: { enable: false } }

type Mail = Exclude<Parameters<typeof sendgrid.send>[0], unknown[]>
// The package's export is one shared instance; its class is not among the types, nor is its client.
const MailService = sendgrid.constructor as new () => typeof sendgrid
type WithClient = {
  client: { setDefaultRequest(name: string, value: unknown): void }
  setClient(client: { request(request: { url: string; body: unknown }): Promise<unknown> }): void
}

/** SendGrid by its official library: one request for many mails, each with an attempt id and, if need be, a text of its own. */
export function sendgridProvider(options: SendgridOptions): Provider<'email'> {
  const { name = 'sendgrid', apiKey, from, replyTo = {}, brand = plainBrand, links, perSecond } = options
  const sender: Sender = { from, replyTo, links, letter: letterOf(brand) }
  const service = openService(options)
  return {
    name,
    channel: 'email',
    callSizeMax,
    callsAtOnce,
    pauses: 'lane',
    ...(perSecond !== undefined && { limit: { account: accountOf(apiKey), rate: { units: perSecond, perMs: 1_000 } } }),
    // A layout and an address for answers are the request's.
    mixes: content =>
      content.layout === undefined &&
      content.replyTo === undefined &&
      ownBytes(content) + footBytes(links) + linkBytes(content, links) <= ownBytesMax,
    faultIn: replyFault(replyTo),
    send: (messages, options) => {
      const untilMs = performance.now() + options.deadlineMs
      const compose = (part: Messages) => mailOf(part, sender, options.now)
      return inRounds(messages, { ...options, untilMs, compose, post: mail => service.send(mail) })
    },
    [Symbol.asyncDispose]: async () => service.close(),
  }
}

function openService({ apiKey, baseUrl, transport }: SendgridOptions) {
  const service = new MailService()
  const inside = service as unknown as WithClient
  if (transport === 'direct') {
    const client = http1Client()
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
    // The library makes the mail and hands it on; its own client spends most of its time.
    inside.setClient({
      async request({ url, body }) {
        const asked = { headers, body: JSON.stringify(body) }
        const found = await client.post(new URL(url, baseUrl ?? 'https://api.sendgrid.com/'), asked)
        const response = { headers: found.headers, body: jsonOf(found.body) }
        if (found.status >= 300) throw Object.assign(new Error('refused'), { code: found.status, response })
        return [response, response.body]
      },
    })
    return { send: (mail: Mail) => service.send(mail), close: () => client.close() }
  }
  service.setApiKey(apiKey)
  // Setting the key resets it, so after.
  if (baseUrl !== undefined) inside.client.setDefaultRequest('baseUrl', baseUrl)
  const send = (mail: Mail) => {
    // Read by the library as it sends, which is at once.
    service.setTimeout(callLeftMs() + graceMs)
    return service.send(mail)
  }
  return { send, close: () => {} }
}

/** Names the account without giving the key away. */
const accountOf = (apiKey: string): string => createHash('sha256').update(apiKey).digest('hex').slice(0, 16)

type Messages = readonly OutMessage<'email'>[]
type Sending = SendOptions & {
  untilMs: number
  compose: (messages: Messages) => Mail
  post: (mail: Mail) => Promise<[{ headers: unknown }, unknown]>
}

/**
 * An address may stand in a request once: who gets two mails gets the second one by a second request, after the first. No
 * request but the first begins in the second half of the time: cut off, it would be in doubt.
 */
async function inRounds(messages: Messages, sending: Sending): Promise<Answer[]> {
  const answers: Answer[] = []
  let over: Answer | undefined
  for (const places of roundsOf(messages)) {
    const round = places.map(at => messages[at]!)
    const found: readonly Answer[] = over ? forAll(round, over) : await sendParts(round, sending)
    places.forEach((at, position) => (answers[at] = found[position]!))
    over ??= meantForOthers(found) ?? (isTooLate(sending) || isHalfOver(sending) ? notBegun : undefined)
  }
  return answers
}

/** What is said of all mails, those of its request or others: a setting that is refused is not mended by the next one. */
function meantForOthers(found: readonly Answer[]): Answer | undefined {
  const refused = found.find(({ kind }) => kind === 'config')
  if (refused?.kind === 'config') return { ...refused, uncalled: true }
  return found.some(({ kind }) => kind === 'pause') ? notBegun : undefined
}
const isHalfOver = ({ untilMs, deadlineMs }: Sending): boolean => performance.now() > untilMs - deadlineMs / 2

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
  const mail = sending.compose(messages)
  try {
    const [response] = await callWithin({ ms, what: 'SendGrid' }, () => sending.post(mail))
    const id = (response.headers as Readonly<Record<string, unknown>>)['x-message-id']
    if (typeof id !== 'string') return forAll(messages, { kind: 'doubt', reason: 'no message id' })
    return forAll(messages, { kind: 'accepted', providerId: id })
  } catch (error) {
    if (error instanceof DeadlineError) return forAll(messages, { kind: 'doubt', reason: 'deadline' })
    const failure = error as SendgridFailure
    if (messages.length === 1 || !blamesRecipient(failure))
      return forAll(messages, sendgridAnswer(failure, sending.now))
    const half = Math.ceil(messages.length / 2)
    const first = await sendHalf(messages.slice(0, half), sending)
    return [...first, ...(await sendHalf(messages.slice(half), sending))]
  }
}

/** The refusal of the whole said that none of it was sent. */
const sendHalf = async (half: Messages, sending: Sending): Promise<Answer[]> =>
  isTooLate(sending) || performance.now() >= sending.untilMs ? forAll(half, tooLate) : sendParts(half, sending)

type Sender = {
  from: string
  replyTo: ReplyTo
  links: ClickLinks | undefined
  letter: ReturnType<typeof letterOf>
}

function mailOf(messages: Messages, { from, replyTo, links, letter }: Sender, now: EpochMs): Mail {
  const first = messages[0]!
  const { content } = first
  const alike = messages.every(message => message.content === content)
  const leaves = leavesOf(messages, { links, now })
  const own = (at: number): LetterParts => {
    const message = messages[at]!
    const linked = withLinks(message.content, new Map([...hrefsOf(message, links), ...leaveHrefs(leaves[at])]))
    return letterParts({ ...message, content: linked }, leaves[at])
  }
  const substitutionsOf = (at: number): Record<string, string> => {
    if (!alike) return tagged(own(at))
    if (messages.length === 1) return {}
    return { ...linksOf(messages[at]!, links), ...leavesTagged(leaves[at]) }
  }
  // What differs between mails of one content is where their links lead first, and where they are unsubscribed from.
  const said = !alike ? tags : messages.length === 1 ? own(0) : sharedParts(first, { links, leave: leaves[0] })
  const reply = content.replyTo === undefined ? replyTo.default : replyTo[content.replyTo]
  return {
    ...{ from, ...letter(said, content.layout), trackingSettings },
    ...(reply && { replyTo: reply }),
    // SendGrid keeps custom arguments for long and cannot redact them: nothing but the attempt goes there.
    personalizations: messages.map((message, at) => {
      const substitutions = substitutionsOf(at)
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
/** Where a link of a content's own leads that says so. */
const leaveHrefs = (leave: Leave | undefined): [string, string][] =>
  leave === undefined
    ? []
    : [
        ['#unsubscribe', leave.unsubscribe],
        ['#preferences', leave.page],
      ]
const linkTag = (n: number): string => `link${n}-${mark}`
const leaveTags: Leave = { unsubscribe: `leave-${mark}`, page: `page-${mark}` }
const leavesTagged = (leave: Leave | undefined): Record<string, string> =>
  leave === undefined ? {} : { [leaveTags.unsubscribe]: leave.unsubscribe, [leaveTags.page]: leave.page }
const linksOf = (message: OutMessage<'email'>, links?: ClickLinks): Record<string, string> =>
  Object.fromEntries([...hrefsOf(message, links).values()].map((href, n) => [linkTag(n), href]))

/** What all mails of one content say, with tags where each has an address of its own. */
function sharedParts(
  message: OutMessage<'email'>,
  { links, leave }: { links: ClickLinks | undefined; leave: Leave | undefined },
) {
  const { content } = message
  const { unsubscribe, page } = leaveTags
  const leaves = leave && { unsubscribe: `{{${unsubscribe}}}`, page: `{{${page}}}` }
  const hrefs = targetsOf(content, links).map((target, n): [string, string] => [target, `{{${linkTag(n)}}}`])
  return letterParts({ ...message, content: withLinks(content, new Map([...hrefs, ...leaveHrefs(leaves)])) }, leaves)
}

/** What links add to a mail, in its HTML and in its text. */
const linkBytes = (content: Email, links?: ClickLinks): number =>
  targetsOf(content, links).reduce((sum, target) => sum + 2 * clickUrlChars(links!, target), 0)
/** What a foot adds that names two or three categories, and where its two links lead, twice. */
const footBytes = (links?: ClickLinks): number => 600 + (links ? 4 * (links.url.length + 203) : 0)
const ownBytes = ({ subject, text, html, preview = '' }: Email) =>
  [subject, text, html.html, preview].reduce((sum, part) => sum + Buffer.byteLength(part), 0)

// The library puts the braces around the names of substitutions.
const tags = Object.fromEntries(letterFields.map(field => [field, `{{${field}-${mark}}}`])) as LetterParts
const tagged = (parts: LetterParts) => Object.fromEntries(letterFields.map(field => [`${field}-${mark}`, parts[field]]))
