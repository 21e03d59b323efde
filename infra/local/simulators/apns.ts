import { createPublicKey, randomUUID, verify } from 'node:crypto'
import type { LocalCredentials } from '#local/credentials.ts'
import { refusal, settle, verdict } from './answers.ts'
import type { Details, ProviderAnswers } from './answers.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { RequestLog } from './request-log.ts'
import type { Script } from './script.ts'

type Deps = { credentials: LocalCredentials; script: Script; log: RequestLog }

/** Tokens of development builds, which only the sandbox knows; it knows no others. */
const sandboxTokens = /^feedface/

/**
 * APNs with provider tokens
 * (https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns), production or sandbox.
 */
export function serveApns({ credentials, script, log, sandbox }: Deps & { sandbox: boolean }) {
  const tokenFault = providerTokens(credentials.apns)

  return (exchange: Exchange): void => {
    const { headers } = exchange
    const device = exchange.path.startsWith('/3/device/') ? exchange.path.slice('/3/device/'.length) : undefined
    const apnsId = text(headers['apns-id']) ?? randomUUID().toUpperCase()
    const payload = payloadOf(exchange.body)
    const line = {
      provider: 'apns' as const,
      address: device ?? '',
      deliveryId: text(headers['apns-collapse-id']) ?? payload?.nid,
      attemptId: text(headers['apns-id']),
      ...saidIn(payload),
      ...(headers['apns-push-type'] === 'background' && { silent: true as const }),
    }
    const expected = { device, payload, topic: credentials.apns.topic, sandbox }
    const reason = tokenFault(headers.authorization) ?? faultOf(exchange, expected)
    const outcome =
      reason === undefined
        ? verdict(script.decide('apns', [device!]), { answers: apnsAnswers, ok, failures })
        : refusal(reason, apnsAnswers[reason]({ index: 0 }))
    const reply = outcome.reply && { ...outcome.reply, headers: { ...outcome.reply.headers, 'apns-id': apnsId } }
    settle(exchange, { ...outcome, reply }, { lines: [line], log })
  }
}

const ok = (): Reply => ({ status: 200, headers: { 'apns-unique-id': randomUUID() }, body: '' })

type Because = { status: number; reason: string; retryAfterSeconds?: number; timestamp?: number }

const because = ({ status, reason, retryAfterSeconds, timestamp }: Because): Reply => ({
  status,
  headers: {
    'content-type': 'application/json',
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  },
  body: JSON.stringify({ reason, timestamp }),
})

const reasons = {
  BadCollapseId: 400,
  BadDeviceToken: 400,
  BadExpirationDate: 400,
  BadMessageId: 400,
  BadPriority: 400,
  BadTopic: 400,
  DeviceTokenNotForTopic: 400,
  DuplicateHeaders: 400,
  IdleTimeout: 400,
  InvalidPushType: 400,
  MissingDeviceToken: 400,
  MissingTopic: 400,
  PayloadEmpty: 400,
  TopicDisallowed: 400,
  BadCertificate: 403,
  BadCertificateEnvironment: 403,
  BadEnvironmentKeyIdInToken: 403,
  BadEnvironmentKeyInToken: 403,
  ExpiredProviderToken: 403,
  Forbidden: 403,
  InvalidProviderToken: 403,
  MissingProviderToken: 403,
  UnrelatedKeyIdInToken: 403,
  BadPath: 404,
  MethodNotAllowed: 405,
  ExpiredToken: 410,
  Unregistered: 410,
  PayloadTooLarge: 413,
  TooManyProviderTokenUpdates: 429,
  TooManyRequests: 429,
  InternalServerError: 500,
  ServiceUnavailable: 503,
  Shutdown: 503,
} as const
export type ApnsAnswer = keyof typeof reasons

/**
 * Every reason that Apple documents
 * (https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns), and one that
 * is only seen in the wild (BadEnvironmentKeyInToken).
 */
export const apnsAnswers = Object.fromEntries(
  Object.entries(reasons).map(([reason, status]) => [reason, answerOf(status, reason)]),
) as Record<ApnsAnswer, ProviderAnswers[string]>

function answerOf(status: number, reason: string): (details: Details) => Reply {
  // 410 says since when the token is known to be dead, in ms.
  if (status === 410) return () => because({ status, reason, timestamp: Date.now() })
  return ({ retryAfterSeconds }) => because({ status, reason, retryAfterSeconds })
}

const failures = {
  500: because({ status: 500, reason: 'InternalServerError' }),
  503: because({ status: 503, reason: 'ServiceUnavailable' }),
}

const text = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' ? header : undefined

const tokenSecondsMax = 60 * 60
const clockSkewSeconds = 60

/** Checks `bearer <JWT>`: signed with the team's key by ES256, at most an hour old. A good token is verified once. */
function providerTokens({ publicKey, keyId, teamId }: LocalCredentials['apns']) {
  const key = createPublicKey(publicKey)
  const known = new Map<string, number>()

  function issuedAt(token: string): number | undefined {
    const [header = '', payload = '', signature = ''] = token.split('.')
    const signed = Buffer.from(`${header}.${payload}`)
    if (!verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
      return undefined
    const { alg, kid } = decode(header)
    const { iss, iat } = decode(payload)
    return alg === 'ES256' && kid === keyId && iss === teamId && typeof iat === 'number' ? iat : undefined
  }

  return (authorization: string | undefined): ApnsAnswer | undefined => {
    if (authorization === undefined) return 'MissingProviderToken'
    const token = authorization.replace(/^bearer /i, '')
    const iat = known.get(token) ?? issuedAt(token)
    if (iat === undefined) return 'InvalidProviderToken'
    known.set(token, iat)
    const age = Date.now() / 1000 - iat
    return age > tokenSecondsMax || age < -clockSkewSeconds ? 'ExpiredProviderToken' : undefined
  }
}

const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>

const pushTypes = new Set(
  [
    'alert',
    'background',
    'location',
    'voip',
    'complication',
    'fileprovider',
    'mdm',
    'liveactivity',
    'pushtotalk',
  ].concat(['controls', 'widgets']),
)
const collapseIdBytesMax = 64
const payloadBytesMax = 4096
const voipPayloadBytesMax = 5120
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

type Expected = { device: string | undefined; topic: string; payload: Payload | undefined; sandbox: boolean }

function faultOf({ method, headers, body, tooLarge }: Exchange, expected: Expected): ApnsAnswer | undefined {
  const { device, topic, payload, sandbox } = expected
  if (device === undefined) return 'BadPath'
  if (method !== 'POST') return 'MethodNotAllowed'
  if (device === '') return 'MissingDeviceToken'
  if (!/^[0-9a-f]{64,200}$/i.test(device) || sandboxTokens.test(device) !== sandbox) return 'BadDeviceToken'
  const pushType = text(headers['apns-push-type']) ?? ''
  if (!pushTypes.has(pushType)) return 'InvalidPushType'
  const wanted = text(headers['apns-topic'])
  if (wanted === undefined) return 'MissingTopic'
  // Some push types name the app with a suffix: `.voip`, `.complication` …
  if (wanted !== topic && !wanted.startsWith(`${topic}.`)) return 'TopicDisallowed'
  const priority = text(headers['apns-priority']) ?? '10'
  // 10 is for what is shown.
  if (!['10', '5', '1'].includes(priority) || (pushType === 'background' && priority === '10')) return 'BadPriority'
  if (!/^\d{1,10}$/.test(text(headers['apns-expiration']) ?? '0')) return 'BadExpirationDate'
  if (!uuid.test(text(headers['apns-id']) ?? '00000000-0000-0000-0000-000000000000')) return 'BadMessageId'
  if (Buffer.byteLength(text(headers['apns-collapse-id']) ?? '') > collapseIdBytesMax) return 'BadCollapseId'
  if (tooLarge || body.length > (pushType === 'voip' ? voipPayloadBytesMax : payloadBytesMax)) return 'PayloadTooLarge'
  return payload ? undefined : 'PayloadEmpty'
}

type Payload = {
  aps: { badge?: unknown }
  nid?: string
  carillon?: unknown
  receipt?: unknown
  ids?: unknown
  badge?: unknown
}

/** The payload, if it has an `aps`. */
function payloadOf(body: Buffer): Payload | undefined {
  try {
    const payload = JSON.parse(body.toString()) as { aps?: unknown } | null
    return typeof payload?.aps === 'object' && payload.aps !== null ? (payload as Payload) : undefined
  } catch {
    return undefined
  }
}

/** What an alert says to the app, and what the app does when a removal wakes it. */
function saidIn(payload: Payload | undefined): { receipt?: string; removes?: string[]; badge?: number } {
  const removes = payload?.carillon === 'remove' && Array.isArray(payload.ids) && { removes: payload.ids as string[] }
  const badge = removes ? payload?.badge : payload?.aps.badge
  const receipt = payload?.receipt
  return {
    ...removes,
    ...(typeof receipt === 'string' && { receipt }),
    ...(typeof badge === 'number' && { badge }),
  }
}
