import { bodyHash } from '#contracts/body-hash.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
import { intentId, isName } from '#contracts/ids.ts'
import { intentBytesMax } from '#contracts/intent.ts'
import type { Retracted } from '#contracts/retraction.ts'
import { type createHttp, problem, summaryOf } from '#runtime/http.ts'
import { type Database, isOutage } from '#runtime/postgres.ts'
import { type Clock, systemClock } from '../sdk/clock.ts'
import { NotStoredError, UnknownError } from '../sdk/errors.ts'
import { type MadeIntent, makeIntent } from '../sdk/make-intent.ts'
import { messageOf, type Publisher } from '../sdk/publisher.ts'
import { type PublisherLogLine, publisherLogLine } from '../sdk/publisher-log.ts'
import { intentStatus } from './intent-status.ts'
import { openapiOf } from './openapi.ts'
import { pageOf } from './page.ts'
import { type Producer, producerOf } from './producer-tokens.ts'

export type IntentsApi = {
  catalogue: Catalogue
  publisher: Pick<Publisher, 'publish'>
  db: Database
  /** Takes an intent back; what it finds is answered. */
  retract: (intent: { producer: string; key: string }) => Promise<Retracted>
  clock?: Clock
  /** As of the SDK: told of every intent that was stored through this API. */
  publisherLog?: (line: PublisherLogLine) => void
}

/** What a client should wait when the message could not be stored, in seconds. */
const retryAfterS = '1'

/**
 * The API for producers in other languages: POST /v1/intents, POST /v1/intents/retract, GET /v1/intents/:key/status, its OpenAPI document and a page
 * to read. Promises what the SDK promises: 202 means that the intent is stored, and a key never notifies twice.
 */
export function intentsApi(app: ReturnType<typeof createHttp>, api: IntentsApi): void {
  const openapi = openapiOf(api.catalogue)
  app.post('/v1/intents', { bodyLimit: intentBytesMax }, async (request, reply) => {
    const by = await identify(api.db, request.headers)
    const { made, orderingKey } = await read(
      { body: request.body, header: request.headers['idempotency-key'] },
      api,
      by,
    )
    const statusUrl = `/v1/intents/${encodeURIComponent(made.intent.key)}/status`
    if (!(await isKnown(api.db, made))) await store(made, api, orderingKey)
    reply.code(202).header('location', statusUrl)
    return { intentId: made.intent.id, statusUrl }
  })
  app.post('/v1/intents/retract', async request => {
    const { producer } = await identify(api.db, request.headers)
    return available(api.retract({ producer, key: keyOfBody(request.body) }))
  })
  app.get<{ Params: { key: string } }>('/v1/intents/:key/status', async request => {
    const { producer } = await identify(api.db, request.headers)
    const { key } = request.params
    if (!isName(key)) throw problem(404, { detail: 'this is not a key' })
    return available(intentStatus(api.db, intentId({ producer, key })))
  })
  app.get('/openapi.json', async () => openapi)
  app.get('/', async (_request, reply) => {
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
    return pageOf(openapi)
  })
}

/** Whose token it is, one with the scope `intents`; else the problem to answer with. */
export const identify = (db: Database, headers: { authorization?: string | undefined }): Promise<Producer> =>
  available(producerOf(db, headers, 'intents'))

type Received = { body: unknown; header: string | string[] | undefined }

/** The intent of a request, or the problem to answer with everything that is wrong. */
export async function read(
  { body, header }: Received,
  { catalogue, clock = systemClock }: Pick<IntentsApi, 'catalogue' | 'clock'>,
  by: Producer,
) {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw problem(400, { detail: 'the body must be a JSON object, sent as Content-Type: application/json' })
  const { type, ...options } = body as Record<string, unknown>
  // The types are in the public document: that this one exists is no secret.
  if (typeof type === 'string' && catalogue.types.has(type) && !by.types.includes(type))
    throw problem(403, { detail: `${by.producer} may not send ${type}: its token allows ${by.types.join(', ')}` })
  const problems: string[] = []
  const headerKey = keyOfHeader(header, problems)
  if (headerKey !== undefined && options.key !== undefined && options.key !== headerKey)
    problems.push('key: differs from the header Idempotency-Key')
  const said = { type, options: { ...options, key: options.key ?? headerKey } }
  const made = await makeIntent(said, { producer: by.producer, catalogue, now: clock.now() })
  if (!made.ok) {
    const unkeyed = header === undefined && options.key === undefined
    problems.push(...made.problems.map(one => (unkeyed && one.startsWith('key:') ? missingKey : one)))
  }
  if (!made.ok || problems.length > 0) throw refusal('Refused intent', 'nothing was sent', problems)
  const orderingKey = options.orderingKey as string | undefined
  return { made, orderingKey }
}

const missingKey = 'key: is missing: derive it from what happened, and send it here or as the header Idempotency-Key'

function keyOfBody(body: unknown): string {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw problem(400, { detail: 'the body must be a JSON object' })
  const { key, ...rest } = body as Record<string, unknown>
  const problems = Object.keys(rest).map(field => `${field}: is not known here`)
  if (!isName(key)) problems.push('key: must be the key of an intent')
  if (problems.length === 0) return key as string
  throw refusal('Refused retraction', 'nothing was retracted', problems)
}

function refusal(title: string, so: string, problems: readonly string[]): Error {
  const errors = problems.map(detail => ({ detail }))
  return problem(422, { title, detail: `${so}: ${summaryOf(errors)}`, errors })
}

/** A string of RFC 8941, as draft-ietf-httpapi-idempotency-key has it; what most clients send, without quotes, will do. */
function keyOfHeader(header: Received['header'], problems: string[]): string | undefined {
  if (header === undefined) return undefined
  const key = typeof header === 'string' ? /^(?:"([^"\\]*)"|([^"\\]*))$/.exec(header.trim()) : null
  if (!key) problems.push('Idempotency-Key: must be given once, as a text without quotes inside')
  return key?.[1] ?? key?.[2]
}

/**
 * Whether a router has taken in the same intent already: then it need not be stored again. Another one under the same key is
 * refused here if that is known by now; else the router refuses it.
 */
async function isKnown(db: Database, { intent }: MadeIntent): Promise<boolean> {
  const known = await available(
    db.kysely.selectFrom('admitted').select('body_hash').where('id', '=', intent.id).executeTakeFirst(),
  )
  if (!known) return false
  if (BigInt(known.body_hash) === bodyHash(intent)) return true
  throw refusal('Key used before', 'nothing was sent', [
    'key: was used for another intent; a key stands for one intent, for 35 days',
  ])
}

async function store(made: MadeIntent, api: IntentsApi, orderingKey: string | undefined): Promise<void> {
  try {
    await api.publisher.publish(messageOf(made, orderingKey))
  } catch (error) {
    if (error instanceof NotStoredError) throw unavailable('the intent was not stored: send it again')
    if (error instanceof UnknownError)
      throw unavailable('the intent may be stored or not: send it again, with the same key')
    throw error
  }
  api.publisherLog?.(publisherLogLine(made.intent, (api.clock ?? systemClock).now()))
}

const unavailable = (detail: string): Error => problem(503, { detail, headers: { 'retry-after': retryAfterS } })

/** What the database says, or the answer for the time that it is away. */
export async function available<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw isOutage(error) ? unavailable('the database is away: send it again') : error
  }
}
