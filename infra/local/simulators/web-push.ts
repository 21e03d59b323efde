import { createPublicKey, randomUUID, verify } from 'node:crypto'
import { type LocalCredentials, pushServiceHost } from '#local/credentials.ts'
import { type Details, type ProviderAnswers, refusal, settle, verdict } from './answers.ts'
import { decrypted } from './browser.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { MessageLine, RequestLog } from './request-log.ts'
import type { Script } from './script.ts'

type Deps = { credentials: LocalCredentials; script: Script; log: RequestLog }

/**
 * A push service (RFC 8030) and the browsers behind it: checks the sender's signature (VAPID, RFC 8292) and the headers, and
 * reads what is encrypted for its browsers, whose names are the last part of the path.
 */
export function serveWebPush({ credentials, script, log }: Deps) {
  const signatureFault = signatures(credentials.webpush)

  /** As Google answers; Mozilla says 401. */
  const keyFault = (name: string | undefined): WebPushAnswer | undefined =>
    name !== undefined && otherKeyed.test(decodeURIComponent(name)) ? 'forbidden' : undefined

  return (exchange: Exchange): void => {
    const name = /^\/push\/([^/]+)$/.exec(exchange.path)?.[1]
    const text =
      name === undefined || exchange.tooLarge ? undefined : decrypted(decodeURIComponent(name), exchange.body)
    const address = `https://${pushServiceHost}${exchange.path}`
    const record = { lines: [lineOf({ address, text, topic: header(exchange, 'topic') })], log }
    const fault =
      signatureFault(header(exchange, 'authorization')) ?? keyFault(name) ?? faultOf(exchange, { name, text })
    if (fault !== undefined) return settle(exchange, refusal(fault, webPushAnswers[fault]({ index: 0 })), record)
    const said = verdict(script.decide('webpush', [address]), { answers: webPushAnswers, ok: created, failures })
    settle(exchange, said, record)
  }
}

/** Browsers that subscribed for another key than ours. */
const otherKeyed = /^other-key/

const created = (): Reply => ({
  status: 201,
  headers: { location: `https://${pushServiceHost}/message/${randomUUID()}` },
  body: '',
})

const said =
  (status: number) =>
  ({ retryAfterSeconds }: Details): Reply => ({
    status,
    headers: retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
    body: '',
  })

/** What push services answer (RFC 8030 §5, §7.2, §8.4; RFC 8292 §4.2). */
export const webPushAnswers = {
  badRequest: said(400),
  unauthorized: said(401),
  forbidden: said(403),
  notFound: said(404),
  throttled: said(406),
  gone: said(410),
  tooLarge: said(413),
  tooManyRequests: said(429),
  internal: said(500),
  unavailable: said(503),
} as const satisfies ProviderAnswers
export type WebPushAnswer = keyof typeof webPushAnswers

const failures = { 500: webPushAnswers.internal({ index: 0 }), 503: webPushAnswers.unavailable({ index: 0 }) }

const header = ({ headers }: Exchange, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

const bodyBytesMax = 4_096
const topicPattern = /^[\w-]{1,32}$/

type Read = { name: string | undefined; text: Buffer | undefined }

function faultOf(exchange: Exchange, { name, text }: Read): WebPushAnswer | undefined {
  const { method, body, tooLarge } = exchange
  if (name === undefined) return 'notFound'
  if (tooLarge || body.length > bodyBytesMax) return 'tooLarge'
  const topic = header(exchange, 'topic')
  const good =
    method === 'POST' &&
    header(exchange, 'content-encoding') === 'aes128gcm' &&
    /^\d{1,10}$/.test(header(exchange, 'ttl') ?? '') &&
    ['very-low', 'low', 'normal', 'high'].includes(header(exchange, 'urgency') ?? 'normal') &&
    (topic === undefined || topicPattern.test(topic)) &&
    text !== undefined
  return good ? undefined : 'badRequest'
}

const secondsAheadMax = 24 * 60 * 60

/** Checks `vapid t=<JWT>, k=<key>`: by ES256 with the key of the subscriptions, for this service, for a day at most. */
function signatures({ publicKey }: LocalCredentials['webpush']) {
  const point = Buffer.from(publicKey, 'base64url')
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(part => part.toString('base64url'))
  const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' })

  return (authorization: string | undefined): WebPushAnswer | undefined => {
    const [, token, of] = /^vapid t=([\w-]+\.[\w-]+\.[\w-]+), ?k=([\w-]+)$/.exec(authorization ?? '') ?? []
    if (token === undefined) return 'unauthorized'
    if (of !== publicKey) return 'forbidden'
    const [head = '', payload = '', signature = ''] = token.split('.')
    const signed = Buffer.from(`${head}.${payload}`)
    if (!verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
      return 'forbidden'
    const { aud, exp, sub } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    const aheadS = Number(exp) - Date.now() / 1000
    const good =
      aud === `https://${pushServiceHost}` && aheadS > 0 && aheadS <= secondsAheadMax && contact.test(String(sub))
    return good ? undefined : 'forbidden'
  }
}

const contact = /^(mailto:|https:)/

/** What a browser shows of it; the topic is the delivery's. */
function lineOf(of: { address: string; text: Buffer | undefined; topic: string | undefined }): MessageLine {
  const { receipt, badge } = shownOf(of.text)
  return {
    provider: 'webpush',
    address: of.address,
    deliveryId: of.topic,
    ...(typeof receipt === 'string' && { receipt }),
    ...(typeof badge === 'number' && { badge }),
  }
}

function shownOf(text: Buffer | undefined): { receipt?: unknown; badge?: unknown } {
  try {
    return (JSON.parse(text?.toString() ?? '{}') ?? {}) as object
  } catch {
    return {}
  }
}
