import { type Attempt, attemptOf, type EpochMs, type IntentId, isAttempt, isName, isUuid } from '#contracts/ids.ts'
import { type createHttp, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { examplesApi } from './examples-api.ts'
import { questionOf } from './question.ts'
import { tooLong } from './too-long.ts'
import { type Part, traceDelivery, traceIntent, traceRecipient } from './trace-store.ts'
import { isUnknown, type Trace } from './trace.ts'

type Request = { headers: { authorization?: string | undefined } }
/** Who looked at what: an intent (perhaps of it what went to a person, or to an endpoint), a person, or a delivery. */
export type Look = { who: string; about: Record<string, string> }
/** Where a person is reached now: `address` is masked. */
export type ShownAddress = {
  id: string
  channel: string
  provider: string
  state: string
  address?: string | undefined
}
export type TraceApiOptions = {
  db: Database
  /** The name of who asks, or throws 401 or 403. */
  readerOf: (request: Request) => Promise<string>
  /** Keeps that somebody looked; nothing is told before. */
  logLook: (look: Look) => Promise<void>
  /** The addresses of a person as they are now, masked. */
  addressesOf: (recipient: string) => Promise<readonly ShownAddress[]>
}

type Asked =
  | { intent: IntentId | { producer: string; key: string }; part: Part }
  | { recipient: string; since?: EpochMs }
  | { delivery: Attempt }
type Query = Record<string, string | string[]>

/**
 * `GET /v1/trace/:intent` (its UUID) and `GET /v1/trace`: `?intent=` (its UUID, or `PRODUCER/KEY`), of it with `recipient` and
 * `endpoint` only what went there; `?recipient=` alone (perhaps with `since`); `?delivery=BATCH.SLOT`, as providers name it. What
 * happened, with a sentence and a code for each thing; of one person with their masked addresses. 404 where nothing is known, 503 where it took too long. Every
 * look is logged.
 */
export function traceApi(app: ReturnType<typeof createHttp>, options: TraceApiOptions): void {
  const { db, readerOf, logLook, addressesOf } = options
  const answer = async (request: Request, asked: () => Asked) => {
    const who = await readerOf(request)
    const subject = asked()
    await logLook({ who, about: aboutOf(subject) })
    const trace = await traceOf(db, subject).catch(tooLong)
    if (isUnknown(trace)) throw problem(404, { detail: `nothing is known of this ${kindOf(subject)}` })
    const recipient = onlyRecipientOf(trace)
    return toldOf(trace, recipient === undefined ? [] : await addressesOf(recipient))
  }
  app.get<{ Params: { intent: string } }>('/v1/trace/:intent', request =>
    answer(request, () => {
      const id = request.params.intent.toLowerCase()
      return isUuid(id) ? { intent: id as IntentId, part: {} } : refuse(['params intent must be a UUID'])
    }),
  )
  examplesApi(app, options)
  app.get<{ Querystring: Query }>('/v1/trace', request => answer(request, () => subjectOf(request.query)))
}

function traceOf(db: Database, subject: Asked): Promise<Trace> {
  if ('intent' in subject) return traceIntent(db, subject.intent, subject.part)
  if ('delivery' in subject) return traceDelivery(db, subject.delivery)
  return traceRecipient(db, subject.recipient, subject.since === undefined ? {} : { since: subject.since })
}

const kindOf = (subject: Asked): string =>
  'intent' in subject ? 'intent' : 'delivery' in subject ? 'delivery' : 'person'

function aboutOf(subject: Asked): Look['about'] {
  if ('delivery' in subject) return { delivery: `${subject.delivery.batch}.${subject.delivery.slot}` }
  if (!('intent' in subject)) {
    const { recipient, since } = subject
    return { recipient, ...(since !== undefined && { since: isoOf(since) }) }
  }
  const { intent, part } = subject
  return { intent: typeof intent === 'string' ? intent : `${intent.producer}/${intent.key}`, ...part }
}

/** The person that all of it is about, where it is one. */
function onlyRecipientOf({ lines, open }: Trace): string | undefined {
  const [only, ...others] = new Set([...lines, ...open].map(({ recipient }) => recipient))
  return others.length === 0 ? only : undefined
}

const fields = ['intent', 'recipient', 'endpoint', 'delivery', 'since']

/** Reads what is asked; throws 400 with all problems. */
function subjectOf(query: Query): Asked {
  const problems: string[] = []
  const once: Record<string, string> = {}
  for (const [field, value] of Object.entries(query))
    if (!fields.includes(field)) problems.push(`querystring has no ${field}: there are ${fields.join(', ')}`)
    else if (typeof value === 'string') once[field] = value
    else problems.push(`querystring ${field} must be there once`)
  const { intent, recipient, endpoint, delivery, since } = once
  const given = [intent, delivery, intent === undefined ? recipient : undefined].filter(one => one !== undefined)
  if (given.length !== 1 || (delivery !== undefined && recipient !== undefined))
    problems.push('querystring must have one of intent (perhaps with recipient), recipient and delivery')
  if (since !== undefined && (recipient === undefined || intent !== undefined))
    problems.push('querystring since goes with recipient alone')
  if (endpoint !== undefined && (recipient === undefined || intent === undefined))
    problems.push('querystring endpoint goes with intent and recipient')
  for (const [field, value] of Object.entries({ recipient, endpoint }))
    if (value !== undefined && !isName(value))
      problems.push(`querystring ${field} must be a name of 1 to 200 characters`)
  const from = questionOf({ ...(since !== undefined && { since }) }, name => `querystring ${name}`)
  if (Array.isArray(from)) problems.push(...from)
  const [producer, ...key] = intent?.split('/') ?? []
  const isId = intent !== undefined && isUuid(intent.toLowerCase())
  if (intent !== undefined && !isId && !(isName(producer) && isName(key.join('/'))))
    problems.push('querystring intent must be a UUID or PRODUCER/KEY')
  if (delivery !== undefined && !isAttempt(delivery))
    problems.push('querystring delivery must be BATCH.SLOT, as its provider was told')
  if (problems.length > 0 || Array.isArray(from)) return refuse(problems)
  if (delivery !== undefined) return { delivery: attemptOf(delivery) }
  if (intent === undefined) return { recipient: recipient!, ...(from.since !== undefined && { since: from.since }) }
  return {
    intent: isId ? (intent.toLowerCase() as IntentId) : { producer: producer!, key: key.join('/') },
    part: { ...(recipient !== undefined && { recipient }), ...(endpoint !== undefined && { endpoint }) },
  }
}

/** A trace with its times as in RFC 3339. */
const toldOf = ({ retraction, quarantine, ...trace }: Trace, addresses: readonly ShownAddress[]) => ({
  ...trace,
  refused: trace.refused.map(withTime),
  lines: trace.lines.map(withTime),
  removals: trace.removals.map(withTime),
  ...(retraction && { retraction: withTime(retraction) }),
  ...(quarantine && { quarantine: withTime(quarantine) }),
  open: trace.open.map(line => ({ ...line, until: isoOf(line.until) })),
  addresses,
})
export type ToldTrace = ReturnType<typeof toldOf>

const withTime = <T extends { at: EpochMs }>(line: T) => ({ ...line, at: isoOf(line.at) })
const isoOf = (ms: EpochMs): string => new Date(ms).toISOString()

function refuse(details: readonly string[]): never {
  const errors = details.map(detail => ({ detail }))
  throw problem(400, { title: 'Invalid request', detail: `${errors.length} problem(s)`, errors })
}
