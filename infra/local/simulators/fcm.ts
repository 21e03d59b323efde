import type { LocalCredentials } from '#local/credentials.ts'
import { refusal, settle, verdict } from './answers.ts'
import type { ProviderAnswers } from './answers.ts'
import type { Exchange, Reply } from './exchange.ts'
import { createTokens } from './google-oauth.ts'
import type { RequestLog } from './request-log.ts'
import type { Script } from './script.ts'

/**
 * FCM HTTP v1 (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send) and Google's OAuth token
 * endpoint. Takes requests in full, gives none an answer that is not logged first.
 */
export function serveFcm(deps: { credentials: LocalCredentials; script: Script; log: RequestLog }) {
  const { credentials, script, log } = deps
  const tokens = createTokens(credentials.fcm)
  const path = `/v1/projects/${credentials.fcm.projectId}/messages:send`
  let sent = 0
  const ok = () => json(200, { name: `projects/${credentials.fcm.projectId}/messages/0:${Date.now()}%${++sent}` })

  return (exchange: Exchange): void => {
    if (exchange.path === '/token') {
      const { answer, reply } = tokens.issue(exchange.body.toString())
      return settle(exchange, { ...refusal(answer, reply), accepted: answer === 'accept' }, oauthLine(log))
    }
    const request = parseJson(exchange)
    const message = asRecord(request?.message)
    const record = { lines: [lineOf(message)], log }
    const no = (answer: string, reply: Reply) => settle(exchange, refusal(answer, reply), record)
    if (!exchange.path.endsWith('/messages:send') || exchange.method !== 'POST') return no('badPath', notFound)
    if (!tokens.allow(exchange.headers.authorization)) return no('unauthenticated', fcmAnswers.unauthenticated())
    if (exchange.path !== path) return no('wrongProject', fcmAnswers.wrongProject())
    const fault = message === undefined ? notJson : faultOf(message, exchange.body.length)
    if (fault !== undefined) return no('invalidArgument', invalidArgument(fault))
    if (!tokenPattern.test(asText(message?.token) ?? 'none')) return no('invalidToken', fcmAnswers.invalidToken())
    const decision = script.decide('fcm', [record.lines[0]!.address])
    if (request?.validate_only === true && decision.answer === 'accept') return no('validateOnly', ok())
    settle(exchange, verdict(decision, { answers: fcmAnswers, ok, failures }), record)
  }
}

/** Letters, digits and what stands between them in registration tokens. */
const tokenPattern = /^[\w:.-]+$/

const fcmErrorType = 'type.googleapis.com/google.firebase.fcm.v1.FcmError'

type Failure = { code: number; status: string; message: string; fcm?: string; details?: object[] }

const failed = ({ code, status, message, fcm, details = [] }: Failure, headers?: Record<string, string>): Reply =>
  json(
    code,
    {
      error: {
        code,
        message,
        status,
        details: [...(fcm === undefined ? [] : [{ '@type': fcmErrorType, errorCode: fcm }]), ...details],
      },
    },
    headers,
  )

const invalidArgument = ({ message, field }: { message: string; field: string }): Reply =>
  failed({
    code: 400,
    status: 'INVALID_ARGUMENT',
    message,
    fcm: 'INVALID_ARGUMENT',
    details: [
      {
        '@type': 'type.googleapis.com/google.rpc.BadRequest',
        fieldViolations: [{ field, description: message }],
      },
    ],
  })

const quota = (subject: string, description: string, headers?: Record<string, string>): Reply =>
  failed(
    {
      code: 429,
      status: 'RESOURCE_EXHAUSTED',
      message: description,
      fcm: 'QUOTA_EXCEEDED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ subject, description }] }],
    },
    headers,
  )

const retryAfter = (seconds: number | undefined): Record<string, string> =>
  seconds === undefined ? {} : { 'retry-after': String(seconds) }

/** Errors of https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode, and of Google's front end (no FcmError). */
export const fcmAnswers = {
  invalidToken: () =>
    failed({
      code: 400,
      status: 'INVALID_ARGUMENT',
      fcm: 'INVALID_ARGUMENT',
      message: 'The registration token is not a valid FCM registration token',
    }),
  invalidArgument: () => invalidArgument({ field: 'message.data', message: 'Invalid value in the message.' }),
  thirdPartyAuth: () =>
    failed({
      code: 401,
      status: 'UNAUTHENTICATED',
      fcm: 'THIRD_PARTY_AUTH_ERROR',
      message: 'Auth error from APNS or Web Push Service',
    }),
  unauthenticated: () =>
    failed({
      code: 401,
      status: 'UNAUTHENTICATED',
      message: 'Request had invalid authentication credentials. Expected OAuth 2 access token.',
    }),
  senderMismatch: () =>
    failed({ code: 403, status: 'PERMISSION_DENIED', message: 'SenderId mismatch', fcm: 'SENDER_ID_MISMATCH' }),
  permissionDenied: () =>
    failed({
      code: 403,
      status: 'PERMISSION_DENIED',
      message: "Permission 'cloudmessaging.messages.create' denied on the project (or it may not exist).",
    }),
  unregistered: () =>
    failed({ code: 404, status: 'NOT_FOUND', message: 'Requested entity was not found.', fcm: 'UNREGISTERED' }),
  wrongProject: () => failed({ code: 404, status: 'NOT_FOUND', message: 'Requested entity was not found.' }),
  quota: ({ retryAfterSeconds }) =>
    quota('project', "Quota exceeded for quota metric 'Send requests'.", retryAfter(retryAfterSeconds)),
  deviceQuota: () => quota('device', 'Message rate exceeded for the device.'),
  internal: () => failed({ code: 500, status: 'INTERNAL', message: 'Internal error encountered.', fcm: 'INTERNAL' }),
  unavailable: ({ retryAfterSeconds }) =>
    failed(
      { code: 503, status: 'UNAVAILABLE', message: 'The service is currently unavailable.', fcm: 'UNAVAILABLE' },
      retryAfter(retryAfterSeconds),
    ),
} as const satisfies ProviderAnswers
export type FcmAnswer = keyof typeof fcmAnswers
const failures = { 500: fcmAnswers.internal(), 503: fcmAnswers.unavailable({ index: 0 }) }

const notFound: Reply = { status: 404, headers: { 'content-type': 'text/html' }, body: '<title>404</title>' }

function json(status: number, body: object, headers?: Record<string, string>): Reply {
  const contentType = { 'content-type': 'application/json; charset=UTF-8' }
  return { status, headers: { ...contentType, ...headers }, body: JSON.stringify(body) }
}

type Json = Record<string, unknown>

function parseJson({ body, tooLarge }: Exchange): Json | undefined {
  if (tooLarge) return undefined
  try {
    return asRecord(JSON.parse(body.toString()))
  } catch {
    return undefined
  }
}

const asRecord = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const oauthLine = (log: RequestLog) => ({ lines: [{ provider: 'oauth' as const, address: '' }], log })

function lineOf(message: Json | undefined) {
  const target = message?.token ?? message?.fid ?? message?.topic ?? message?.condition
  const data = asRecord(message?.data)
  const tag = asText(asRecord(asRecord(message?.android)?.notification)?.tag)
  const badge = asText(data?.badge)
  return {
    provider: 'fcm' as const,
    address: asText(target) ?? '',
    deliveryId: tag ?? asText(data?.nid),
    receipt: asText(data?.receipt),
    ...(data?.carillon === 'remove' && { removes: (asText(data.ids) ?? '').split(',') }),
    ...(badge !== undefined && { badge: Number(badge) }),
    ...(message !== undefined && message.notification === undefined && { silent: true as const }),
  }
}

type Fault = { message: string; field: string }
const notJson: Fault = { field: 'message', message: 'Invalid JSON payload received.' }

// Google's JSON takes lowerCamelCase and the proto's snake_case names alike.
const messageFields = new Set(
  'name data notification android webpush apns fcm_options fcmOptions token fid topic condition'.split(' '),
)
const targets = ['token', 'fid', 'topic', 'condition'] as const
const payloadBytesMax = 4096

/** The checks of the Message reference: one target, known fields, text data under allowed keys, the size limit. */
function faultOf(message: Json, bytes: number): Fault | undefined {
  for (const field in message)
    if (!messageFields.has(field))
      return { field: 'message', message: `Invalid JSON payload received. Unknown name "${field}": Cannot find field.` }
  if (targets.filter(name => asText(message[name])).length !== 1)
    return { field: 'message', message: 'Exactly one of token, fid, topic or condition is required.' }
  const data = message.data ?? {}
  if (asRecord(data) === undefined) return { field: 'message.data', message: 'data must be an object.' }
  for (const [key, value] of Object.entries(data)) {
    if (typeof value !== 'string') return { field: `message.data.${key}`, message: 'Data values must be text.' }
    if (key === 'from' || key === 'message_type' || key.startsWith('google.') || key.startsWith('gcm.'))
      return { field: `message.data.${key}`, message: `Invalid data payload key: ${key}` }
  }
  const android = asRecord(message.android)
  if (android?.ttl !== undefined && !/^\d+(\.\d{1,9})?s$/.test(asText(android.ttl) ?? ''))
    return { field: 'message.android.ttl', message: 'Invalid time to live.' }
  const link = asText(asRecord(asRecord(message.webpush)?.fcm_options ?? asRecord(message.webpush)?.fcmOptions)?.link)
  if (link !== undefined && !link.startsWith('https://'))
    return { field: 'message.webpush.fcm_options.link', message: 'The link must be an HTTPS URL.' }
  // A request that is smaller as a whole needs no measuring.
  if (bytes <= payloadBytesMax) return undefined
  const tooBig = Object.entries(payloadsOf(message)).find(
    ([, payload]) => Buffer.byteLength(JSON.stringify(payload)) > payloadBytesMax,
  )
  return (
    tooBig && { field: 'message', message: `${tooBig[0]} message is too big: the limit is ${payloadBytesMax} bytes.` }
  )
}

/** What a device of each platform is sent. */
function payloadsOf({
  notification,
  data,
  android,
  apns,
  webpush,
}: Json): Record<'Android' | 'APNs' | 'Webpush', Json> {
  const shown = asRecord(notification)
  const on = (platform: unknown) => ({ ...shown, ...asRecord(asRecord(platform)?.notification) })
  const payload = asRecord(asRecord(apns)?.payload)
  const alert = shown && { title: shown.title, body: shown.body }
  return {
    Android: { notification: on(android), data },
    APNs: {
      ...asRecord(data),
      ...payload,
      aps: { ...(alert && { alert }), ...asRecord(payload?.aps) },
      fcm_options: { image: shown?.image },
    },
    Webpush: { notification: on(webpush), data, ...asRecord(asRecord(webpush)?.fcm_options) },
  }
}
