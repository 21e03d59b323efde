import { randomBytes } from 'node:crypto'
import type { LocalCredentials } from '#local/credentials.ts'
import { refusal, settle, verdict } from './answers.ts'
import type { Details, ProviderAnswers } from './answers.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { Receipts } from './receipts.ts'
import type { MessageLine, RequestLog } from './request-log.ts'
import type { Script } from './script.ts'
import type { SmsReceipt } from './twilio-callbacks.ts'

type Deps = { credentials: LocalCredentials; script: Script; log: RequestLog; receipts: Receipts }

/** Twilio's message creation (https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource). */
export function serveTwilio({ credentials, script, log, receipts }: Deps) {
  const { accountSid, authToken } = credentials.twilio
  const path = `/2010-04-01/Accounts/${accountSid}/Messages.json`
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`

  return (exchange: Exchange): void => {
    const form = new URLSearchParams(exchange.tooLarge ? '' : exchange.body.toString())
    const record = { lines: [lineOf(form)], log }
    const no = (code: TwilioAnswer) => settle(exchange, refusal(code, twilioAnswers[code]({ index: 0 })), record)
    if (exchange.headers.authorization !== authorization) return no('20003')
    if (exchange.path !== path || exchange.method !== 'POST') return no('20404')
    const fault = faultOf(form)
    if (fault !== undefined) return no(fault)
    const decision = script.decide('twilio', [record.lines[0]!.address])
    const sid = `SM${randomBytes(16).toString('hex')}`
    const ok = () => created(form, { accountSid, sid })
    const said = verdict(decision, { answers: twilioAnswers, ok, failures })
    settle(exchange, said, record)
    if (said.accepted) receipts.smsTaken(takenOf(form, sid))
  }
}

const contentType = { 'content-type': 'application/json' }

const codes = {
  '20003': [401, 'Authenticate'],
  '20005': [403, 'Account not active'],
  '20404': [404, 'The requested resource was not found'],
  '20429': [429, 'Too Many Requests'],
  '21211': [400, "Invalid 'To' Phone Number"],
  '21212': [400, "Invalid 'From' Number"],
  '21214': [400, "'To' phone number cannot be reached"],
  '21217': [400, 'Phone number does not appear to be valid'],
  '21408': [400, 'Permission to send an SMS has not been enabled for the region indicated by the To number'],
  '21602': [400, 'Message body is required.'],
  '21603': [400, "A 'From' phone number is required."],
  '21604': [400, "A 'To' phone number is required."],
  '21606': [400, "The 'From' phone number provided is not a valid, message-capable Twilio phone number."],
  '21608': [400, 'The number is unverified. Trial accounts cannot send messages to unverified numbers.'],
  '21609': [400, "The 'StatusCallback' URL is not a valid URL."],
  '21610': [400, 'Attempt to send to unsubscribed recipient'],
  '21611': [400, "This 'From' number has exceeded the maximum number of queued messages"],
  '21612': [400, "The 'To' phone number is not currently reachable using the 'From' phone number"],
  '21614': [400, "'To' number is not a valid mobile number"],
  '21617': [400, 'The concatenated message body exceeds the 1600 character limit'],
  '21635': [400, "'To' number cannot be a landline"],
  '21659': [400, "'From' is not a Twilio phone number or Short Code country mismatch"],
  '21660': [400, "Mismatch between the 'From' number and the account"],
  '21661': [400, "'From' number is not SMS-capable"],
  internal: [500, 'An internal server error has occurred'],
  unavailable: [503, 'Service unavailable'],
} as const
export type TwilioAnswer = keyof typeof codes

/** The codes of https://www.twilio.com/docs/api/errors that a creation can answer at once, by number. */
export const twilioAnswers = Object.fromEntries(
  Object.entries(codes).map(([name, [status, message]]) => [name, answerOf({ name, status, message })]),
) as Record<TwilioAnswer, ProviderAnswers[string]>

function answerOf({ name, status, message }: { name: string; status: number; message: string }) {
  const code = /^\d+$/.test(name) ? Number(name) : 20500
  const body = JSON.stringify({ code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status })
  return ({ retryAfterSeconds }: Details): Reply => ({
    status,
    headers:
      retryAfterSeconds === undefined ? contentType : { ...contentType, 'retry-after': String(retryAfterSeconds) },
    body,
  })
}

const failures = { 500: twilioAnswers.internal({ index: 0 }), 503: twilioAnswers.unavailable({ index: 0 }) }

/** The callback's address carries our ids: `a` the attempt, `d` the delivery. */
function lineOf(form: URLSearchParams): MessageLine {
  const callback = form.get('StatusCallback') ?? ''
  const query = new URLSearchParams(callback.slice(callback.indexOf('?') + 1))
  const links = form.get('Body')?.match(/https?:\/\/\S+/g)
  return {
    provider: 'twilio',
    address: form.get('To') ?? '',
    deliveryId: query.get('d') ?? undefined,
    attemptId: query.get('a') ?? undefined,
    ...(links && { links: [...links] }),
  }
}

const bodyCharactersMax = 1600
const phoneNumber = /^\+[1-9]\d{6,14}$/
/** A sender may be a number, a short code, or a name of up to 11 characters. */
const senderPattern = /^(\+[1-9]\d{6,14}|\d{3,8}|[A-Za-z0-9 ]{1,11})$/

function faultOf(form: URLSearchParams): TwilioAnswer | undefined {
  const to = form.get('To')
  if (!to) return '21604'
  if (!phoneNumber.test(to)) return '21211'
  const from = form.get('From')
  if (!from && !form.get('MessagingServiceSid')) return '21603'
  if (from && !senderPattern.test(from)) return '21212'
  const body = form.get('Body')
  if (!body && !form.has('MediaUrl') && !form.has('ContentSid')) return '21602'
  if (body !== null && body.length > bodyCharactersMax) return '21617'
  const callback = form.get('StatusCallback')
  return callback !== null && !URL.canParse(callback) ? '21609' : undefined
}

const takenOf = (form: URLSearchParams, sid: string): SmsReceipt => ({
  sid,
  to: form.get('To') ?? '',
  from: form.get('MessagingServiceSid') ?? form.get('From') ?? '',
  callback: form.get('StatusCallback') ?? undefined,
})

function created(form: URLSearchParams, { accountSid, sid }: { accountSid: string; sid: string }): Reply {
  const date = new Date().toUTCString()
  const message = {
    account_sid: accountSid,
    api_version: '2010-04-01',
    body: form.get('Body') ?? '',
    date_created: date,
    date_sent: null,
    date_updated: date,
    direction: 'outbound-api',
    error_code: null,
    error_message: null,
    from: form.get('From'),
    messaging_service_sid: form.get('MessagingServiceSid'),
    num_media: '0',
    num_segments: '1',
    price: null,
    price_unit: 'USD',
    sid,
    to: form.get('To'),
    // A messaging service picks the sender later.
    status: form.has('MessagingServiceSid') ? 'accepted' : 'queued',
    subresource_uris: { media: `/2010-04-01/Accounts/${accountSid}/Messages/${sid}/Media.json` },
    uri: `/2010-04-01/Accounts/${accountSid}/Messages/${sid}.json`,
  }
  return { status: 201, headers: contentType, body: JSON.stringify(message) }
}
