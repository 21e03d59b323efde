import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { LocalCredentials } from '#local/credentials.ts'
import { refusal, settle, verdict } from './answers.ts'
import type { ProviderAnswers } from './answers.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { Receipts } from './receipts.ts'
import type { MessageLine, RequestLog } from './request-log.ts'
import type { Script } from './script.ts'
import type { MailReceipt } from './sendgrid-events.ts'

type Deps = { credentials: LocalCredentials; script: Script; log: RequestLog; receipts: Receipts }

/** SendGrid's mail send (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send). */
export function serveSendgrid({ credentials, script, log, receipts }: Deps) {
  const authorization = Buffer.from(`Bearer ${credentials.sendgrid.apiKey}`)

  return (exchange: Exchange): void => {
    const mail = parseMail(exchange)
    const lines = mail === undefined ? [unknownLine] : linesOf(mail)
    const no = (answer: SendgridAnswer, reply = sendgridAnswers[answer]({ index: 0 })) =>
      settle(exchange, refusal(answer, reply), { lines, log })
    const given = Buffer.from(exchange.headers.authorization ?? '')
    if (given.length !== authorization.length || !timingSafeEqual(given, authorization)) return no('unauthorized')
    if (exchange.path !== '/v3/mail/send') return no('notFound')
    if (exchange.method !== 'POST') return no('methodNotAllowed')
    if (exchange.tooLarge) return no('tooLarge')
    if (!exchange.headers['content-type']?.startsWith('application/json')) return no('unsupportedMediaType')
    if (mail === undefined) return no('badRequest', failed(400, { message: 'Bad Request', field: null }))
    const fault = faultOf(mail)
    if (fault !== undefined) return no('badRequest', failed(400, fault))
    const decision = script.decide(
      'sendgrid',
      lines.map(line => line.address),
    )
    const messageId = randomBytes(16).toString('base64url')
    const said = verdict(decision, { answers: sendgridAnswers, ok: () => taken(messageId), failures })
    settle(exchange, said, { lines, log })
    if (said.accepted) receipts.mailTaken(mailsOf(mail, messageId))
  }
}

const taken = (messageId: string): Reply => ({ status: 202, headers: { 'x-message-id': messageId }, body: '' })

const mailsOf = ({ personalizations = [], custom_args }: Mail, messageId: string): MailReceipt[] =>
  personalizations.map((one, place) => ({
    ...{ messageId, place },
    email: asText(one.to?.[0]?.email) ?? '',
    args: { ...custom_args, ...one.custom_args },
  }))

type Fault = { message: string; field: string | null }

const failed = (status: number, { message, field }: Fault, headers?: Record<string, string>): Reply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ errors: [{ message, field, help: null }] }),
})

const rateLimit = { 'x-ratelimit-limit': '600', 'x-ratelimit-remaining': '0' }
const rateLimitSeconds = 60

/**
 * The statuses of the mail send reference. `badPersonalization` names the one that the order's address is in;
 * `tooManyRequests` says the end of the pause as epoch seconds, `retryAfterSeconds` from now.
 */
export const sendgridAnswers = {
  badRequest: () => failed(400, { message: 'The from email does not contain a valid address.', field: 'from.email' }),
  badPersonalization: ({ index }) =>
    failed(400, { message: 'Does not contain a valid address.', field: `personalizations.${index}.to.0.email` }),
  unauthorized: () =>
    failed(401, { message: 'The provided authorization grant is invalid, expired, or revoked', field: null }),
  forbidden: () =>
    failed(403, {
      message:
        'The from address does not match a verified Sender Identity. Mail cannot be sent until this is resolved.',
      field: 'from',
    }),
  notFound: () => failed(404, { message: 'not found', field: null }),
  methodNotAllowed: () => failed(405, { message: 'method not allowed', field: null }),
  tooLarge: () => failed(413, { message: 'content too large', field: null }),
  unsupportedMediaType: () => failed(415, { message: 'unsupported media type', field: null }),
  tooManyRequests: ({ retryAfterSeconds = rateLimitSeconds }) =>
    failed(
      429,
      { message: 'too many requests', field: null },
      { ...rateLimit, 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + retryAfterSeconds) },
    ),
  internal: () => failed(500, { message: 'internal server error', field: null }),
  unavailable: () => failed(503, { message: 'service unavailable', field: null }),
} as const satisfies ProviderAnswers
export type SendgridAnswer = keyof typeof sendgridAnswers
const failures = { 500: sendgridAnswers.internal(), 503: sendgridAnswers.unavailable() }

type Address = { email?: unknown }
type Args = Record<string, unknown>
type Personalization = {
  to?: Address[]
  cc?: Address[]
  bcc?: Address[]
  subject?: unknown
  custom_args?: Args
  substitutions?: Args
  headers?: Args
}
type Mail = {
  personalizations?: Personalization[]
  from?: Address
  subject?: unknown
  content?: { type?: unknown; value?: unknown }[]
  template_id?: unknown
  custom_args?: Args
  headers?: Args
}

function parseMail({ body, tooLarge }: Exchange): Mail | undefined {
  if (tooLarge) return undefined
  try {
    const mail = JSON.parse(body.toString()) as Mail | null
    return typeof mail === 'object' && mail !== null ? mail : undefined
  } catch {
    return undefined
  }
}

const unknownLine: MessageLine = { provider: 'sendgrid', address: '' }
const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

function linesOf({ personalizations, custom_args, content }: Mail): MessageLine[] {
  if (!Array.isArray(personalizations) || personalizations.length === 0) return [unknownLine]
  const html = Array.isArray(content) ? asText(content.find(part => part?.type === 'text/html')?.value) : undefined
  return personalizations.map(one => ({
    provider: 'sendgrid',
    address: asText(one?.to?.[0]?.email) ?? '',
    deliveryId: asText((one?.custom_args ?? custom_args)?.delivery_id),
    attemptId: asText((one?.custom_args ?? custom_args)?.attempt_id),
    links: linksIn(html, one?.substitutions),
    ...(one?.headers && { headers: one.headers }),
  }))
}

/** Where the links of a mail lead, as one person gets it. */
function linksIn(html: string | undefined, substitutions: Args = {}): string[] | undefined {
  if (html === undefined) return undefined
  const filled = Object.entries(substitutions).reduce(
    (said, [tag, own]) => said.replaceAll(tag, () => String(own)),
    html,
  )
  const links = [...filled.matchAll(/href="([^"]*)"/g)].map(([, url]) => url!.replaceAll('&amp;', '&'))
  return links.length > 0 ? links : undefined
}

const personalizationsMax = 1000
const recipientsMax = 1000
const customArgsBytesMax = 10_000
const substitutionsBytesMax = 10_000
const reservedHeaders = new Set(
  ['x-sg-id', 'x-sg-eid', 'received', 'dkim-signature', 'content-type', 'content-transfer-encoding'].concat([
    'to',
    'from',
    'subject',
    'reply-to',
    'cc',
    'bcc',
  ]),
)

/** The checks of https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors that our requests could fail. */
function faultOf(mail: Mail): Fault | undefined {
  const { personalizations, from, content } = mail
  if (!Array.isArray(personalizations) || personalizations.length === 0)
    return {
      field: 'personalizations',
      message: 'The personalizations field is required and must have at least one personalization.',
    }
  if (personalizations.length > personalizationsMax)
    return { field: 'personalizations', message: `At most ${personalizationsMax} personalizations are allowed.` }
  if (!isAddress(from)) return { field: 'from.email', message: 'The from email does not contain a valid address.' }
  const templated = asText(mail.template_id) !== undefined
  if (!templated && (!Array.isArray(content) || content.length === 0))
    return { field: 'content', message: 'Unless a valid template_id is provided, the content parameter is required.' }
  for (const [index, part] of (Array.isArray(content) ? content : []).entries())
    if (!asText(part?.type) || !asText(part?.value))
      return { field: `content.${index}.value`, message: 'The content value must be a string at least one character.' }
  const fault = headersFault(mail.headers, 'headers')
  if (fault) return fault
  return personalizationFault(personalizations, templated || asText(mail.subject) !== undefined)
}

function personalizationFault(personalizations: Personalization[], hasSubject: boolean): Fault | undefined {
  let recipients = 0
  for (const [index, personalization] of personalizations.entries()) {
    const field = `personalizations.${index}`
    if (typeof personalization !== 'object' || personalization === null)
      return { field, message: 'Invalid type. Expected: object.' }
    const { to, cc = [], bcc = [], subject, custom_args, substitutions = {} } = personalization
    if (!Array.isArray(cc) || !Array.isArray(bcc)) return { field, message: 'Invalid type. Expected: array.' }
    if (!Array.isArray(to) || to.length === 0)
      return {
        field: `${field}.to`,
        message:
          'The to array is required for all personalization objects, and must have at least one email object with a valid email address.',
      }
    const all = [...to, ...cc, ...bcc]
    const bad = all.findIndex(address => !isAddress(address))
    if (bad !== -1) return { field: `${field}.to.${bad}.email`, message: 'Does not contain a valid address.' }
    if (all.length > 1 && new Set(all.map(address => String(address.email).toLowerCase())).size < all.length)
      return {
        field,
        message: 'Each email address in the personalization block should be unique between to, cc, and bcc.',
      }
    const fault = headersFault(personalization.headers, `${field}.headers`)
    if (fault) return fault
    recipients += all.length
    if (!hasSubject && asText(subject) === undefined)
      return { field: 'subject', message: 'The subject is required. You can get around this requirement by templates.' }
    if (custom_args !== undefined && Buffer.byteLength(JSON.stringify(custom_args)) > customArgsBytesMax)
      return { field: `${field}.custom_args`, message: `custom_args must be smaller than ${customArgsBytesMax} bytes.` }
    if (
      Object.entries(substitutions).reduce((sum, [tag, text]) => sum + bytesOf(tag) + bytesOf(text), 0) >
      substitutionsBytesMax
    )
      return { field: `${field}.substitutions`, message: `At most ${substitutionsBytesMax} bytes of substitutions.` }
  }
  return recipients > recipientsMax
    ? { field: 'personalizations', message: `At most ${recipientsMax} recipients are allowed.` }
    : undefined
}

function headersFault(headers: unknown, field: string): Fault | undefined {
  if (headers === undefined) return undefined
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    return { field, message: 'The headers param must be an object of key/value pairs.' }
  for (const [name, value] of Object.entries(headers)) {
    if (reservedHeaders.has(name.toLowerCase()))
      return { field: `${field}.${name}`, message: 'The header is reserved and cannot be set.' }
    if (!/^[!-9;-~]+$/.test(name)) return { field, message: 'Header names must be ASCII and cannot contain spaces.' }
    if (typeof value !== 'string' || /[^\t -~]/.test(value))
      return { field: `${field}.${name}`, message: 'The header value must be a string of one line of ASCII.' }
  }
  return undefined
}

const bytesOf = (text: unknown): number => Buffer.byteLength(String(text))

const isAddress = (address: Address | undefined): boolean => {
  const email = asText(address?.email)
  return email !== undefined && email.length <= 320 && /^[^\s@<>",;]+@[^\s@<>",;]+\.[^\s@<>",;]+$/.test(email)
}
