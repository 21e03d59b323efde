import { lanes, type Lane, type Reason } from './channel.ts'
import { type EpochMs, intentId, type IntentId, isName, isUuid } from './ids.ts'
import { bodyHash } from './body-hash.ts'

/** An address given with the intent itself, for people that Carillon does not know. Travels only in the intent message. */
export type Contact = { email: string } | { phone: string }

export type To =
  | { kind: 'recipient'; id: string; reason?: Reason }
  | { kind: 'audience'; audience: string; reason?: Reason }
  | { kind: 'contact'; contact: Contact; locale?: string; reason?: Reason }

/** What a product service asks. `data` has passed the type's schema at the producer; the router trusts it to be JSON. */
export type Intent = {
  id: IntentId
  producer: string
  key: string
  type: string
  /** Version of the catalogue that the producer validated against. */
  catalogue: string
  lane: Lane
  to: To[]
  data: JsonObject
  /** When it happened; decides identity: dedupe, order, expiry date. */
  occurredAt: EpochMs
  expiresAt?: EpochMs
  sendAt?: EpochMs
  /** Its people are told one after the other, in this time. Never in the critical lane. */
  spreadOverMs?: number
  tenant?: string
  /** A chat channel of the tenant. */
  room?: string
  thread?: string
  /** Never notified of their own act. */
  actor?: string
  /** Key of an earlier intent of the same producer, whose place this one takes. */
  supersedes?: string
  /** Everything is decided and told in the trace; nothing is sent or used up. */
  dryRun?: boolean
  traceparent?: string
}

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }
export type JsonObject = { [key: string]: JsonValue }

/** The CloudEvents 1.0 type of the intent message; a later shape gets a later number. */
const intentEventType = 'carillon.intent.v1'
/** An intent message may be this long, in bytes of JSON (design: 256 KB body). */
export const intentBytesMax = 256 * 1024
/** Recipients, audiences and contacts that one intent may name; more people belong in an audience. */
export const intentToMax = 1000
/** People of one intent may be told one after the other over so long a time. */
export const spreadOverMaxMs = 86_400_000

/** CloudEvents 1.0, JSON format, structured mode (https://github.com/cloudevents/spec, formats/json-format.md). */
export function encodeIntent(intent: Intent): string {
  const { id, producer, occurredAt, type, ...rest } = intent
  return JSON.stringify({
    specversion: '1.0',
    id,
    source: `/producers/${encodeURIComponent(producer)}`,
    type: intentEventType,
    subject: type,
    time: new Date(occurredAt).toISOString(),
    datacontenttype: 'application/json',
    data: rest,
  })
}

/** Why a message is no intent that can be routed. */
export const refusals = ['malformed', 'conflict', 'unknown', 'parked'] as const
export type Refusal = (typeof refusals)[number]
export type ParsedIntent =
  | { ok: true; intent: Intent; bodyHash: bigint }
  | { ok: false; reason: Refusal; problems: string[]; id?: IntentId }

/**
 * Reads an intent message. Never throws: a message that cannot be used comes back with every problem named.
 * `malformed` is not an intent at all, `unknown` one of a version that this build does not know.
 */
export function parseIntent(bytes: Uint8Array): ParsedIntent {
  if (bytes.length > intentBytesMax)
    return refuse('malformed', [`the message has ${bytes.length} bytes, more than ${intentBytesMax}`])
  let json: unknown
  try {
    json = JSON.parse(decoder.decode(bytes))
  } catch {
    return refuse('malformed', ['the message is not JSON in UTF-8'])
  }
  if (!isObject(json)) return refuse('malformed', ['the message is not a JSON object'])
  if (json.specversion !== '1.0' || typeof json.type !== 'string')
    return refuse('malformed', ['the message is not a CloudEvents 1.0 envelope'])
  if (json.type !== intentEventType)
    return refuse('unknown', [
      `event type ${JSON.stringify(json.type.slice(0, 80))} is not known here; this build reads ${intentEventType}`,
    ])
  return intentOf(json)
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function intentOf(event: Record<string, unknown>): ParsedIntent {
  const problems: string[] = []
  const data = isObject(event.data) ? event.data : {}
  const check = (holds: boolean, problem: string) => holds || problems.push(problem)

  const producer = producerOf(event.source)
  const occurredAt = typeof event.time === 'string' ? Date.parse(event.time) : Number.NaN
  check(producer !== undefined, 'source is not /producers/<name>')
  check(isUuid(event.id), 'id is not a UUID')
  check(isName(event.subject), 'subject is not a notification type')
  check(isMs(occurredAt), 'time is not an RFC 3339 time')
  check(isName(data.key), 'key is not a name')
  check(isName(data.catalogue), 'catalogue is not a version')
  check(lanes.includes(data.lane as Lane), laneProblem)
  check(isObject(data.data), 'data is not an object')
  check(Array.isArray(data.to) && data.to.length > 0 && data.to.length <= intentToMax, toProblem)
  // From here on a problem is put into words only where there is one: this is asked of every recipient.
  if (Array.isArray(data.to))
    for (const [at, to] of data.to.entries())
      if (!isTo(to)) problems.push(`to[${at}] is not a recipient, audience or contact`)
  for (const field of optionalNames)
    if (data[field] !== undefined && !isName(data[field])) problems.push(`${field} is not a name`)
  for (const field of optionalTimes)
    if (data[field] !== undefined && !isMs(data[field])) problems.push(`${field} is not a time in milliseconds`)
  if (data.supersedes !== undefined && data.supersedes === data.key) problems.push('supersedes is its own key')
  if (data.dryRun !== undefined && typeof data.dryRun !== 'boolean') problems.push('dryRun is not true or false')
  if (data.spreadOverMs !== undefined && !isSpread(data.spreadOverMs, data.lane)) problems.push(spreadProblem)
  if (problems.length === 0 && intentId({ producer: producer!, key: data.key as string }) !== event.id)
    problems.push('id is not the hash of producer and key')
  const id = isUuid(event.id) ? (event.id as IntentId) : undefined
  if (problems.length > 0) return { ok: false, reason: 'malformed', problems, ...(id && { id }) }

  // Every field has been checked above. What `data` holds besides comes along; nobody reads it and no hash counts it.
  const known = data as Omit<Intent, 'id' | 'producer' | 'occurredAt' | 'type'>
  const intent: Intent = { ...known, id: id!, producer: producer!, type: event.subject as string, occurredAt }
  try {
    return { ok: true, intent, bodyHash: bodyHash(intent) }
  } catch (error) {
    if (error instanceof RangeError)
      return { ok: false, reason: 'malformed', problems: ['data is nested too deeply'], id: id! }
    throw error
  }
}

const laneProblem = `lane is not one of ${lanes.join(', ')}`
const toProblem = `to is not a list of 1 to ${intentToMax}`
const spreadProblem = `spreadOverMs is not a time of 1 to ${spreadOverMaxMs} ms, outside of the critical lane`
const optionalNames = ['tenant', 'room', 'thread', 'actor', 'supersedes', 'traceparent']
const optionalTimes = ['expiresAt', 'sendAt']

const refuse = (reason: Refusal, problems: string[]): ParsedIntent => ({ ok: false, reason, problems })
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isMs = (value: unknown): value is EpochMs => Number.isSafeInteger(value) && Math.abs(value as number) <= 8.64e15

const isSpread = (value: unknown, lane: unknown): boolean =>
  Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= spreadOverMaxMs && lane !== 'critical'

function producerOf(source: unknown): string | undefined {
  const match = typeof source === 'string' ? /^\/producers\/([^/]+)$/.exec(source) : null
  if (!match) return undefined
  try {
    const name = decodeURIComponent(match[1]!)
    return isName(name) ? name : undefined
  } catch {
    return undefined
  }
}

function isTo(value: unknown): value is To {
  if (!isObject(value) || !(value.reason === undefined || isName(value.reason))) return false
  switch (value.kind) {
    case 'recipient':
      return isName(value.id)
    case 'audience':
      return isName(value.audience)
    case 'contact':
      return isContact(value.contact) && (value.locale === undefined || isName(value.locale))
    default:
      return false
  }
}

/** An address that may be kept: one e-mail address (RFC 5321 lengths) or one E.164 number. */
export const isContact = (value: unknown): value is Contact => {
  if (!isObject(value)) return false
  if (Object.keys(value).length !== 1) return false
  return isEmail(value.email) || isPhone(value.phone)
}
export const isEmail = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length <= 254 &&
  /^[^\s@<>"(),:;\\[\]]{1,64}@[^\s@<>"(),:;\\[\]]+\.[^\s@<>"(),:;\\[\].]{2,}$/.test(value)
export const isPhone = (value: unknown): value is string => typeof value === 'string' && /^\+[1-9]\d{6,14}$/.test(value)
