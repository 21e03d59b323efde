import { type EpochMs, type IntentId, isName, isUuid } from '#contracts/ids.ts'
import { type createHttp, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { questionOf } from './question.ts'
import { traceIntent, traceRecipient } from './trace-store.ts'
import { isUnknown, type Trace } from './trace.ts'

type Request = { headers: { authorization?: string | undefined } }
/** Who looked at what: an intent by its id, or a person. */
export type Look = { who: string; about: { intent: string } | { recipient: string } }
export type TraceApiOptions = {
  db: Database
  /** The name of who asks, or throws 401 or 403. */
  readerOf: (request: Request) => Promise<string>
  /** Keeps that somebody looked; nothing is told before. */
  logLook: (look: Look) => Promise<void>
}

type Asked = { intent: IntentId | { producer: string; key: string } } | { recipient: string; since?: EpochMs }
type Subject = { Querystring: Record<string, string | string[]> }

/**
 * `GET /v1/trace/:intent` (its UUID), `GET /v1/trace?intent=` (its UUID, or `PRODUCER/KEY`) and `?recipient=` (perhaps with
 * `since`): what happened, with a sentence and a code for each thing. 404 where nothing is known. Every look is logged.
 */
export function traceApi(app: ReturnType<typeof createHttp>, { db, readerOf, logLook }: TraceApiOptions): void {
  const answer = async (request: Request, asked: () => Asked) => {
    const who = await readerOf(request)
    const subject = asked()
    await logLook({ who, about: aboutOf(subject) })
    const trace =
      'intent' in subject
        ? await traceIntent(db, subject.intent)
        : await traceRecipient(db, subject.recipient, subject.since === undefined ? {} : { since: subject.since })
    if (isUnknown(trace))
      throw problem(404, { detail: `nothing is known of this ${'intent' in subject ? 'intent' : 'person'}` })
    return toldOf(trace)
  }
  app.get<{ Params: { intent: string } }>('/v1/trace/:intent', request =>
    answer(request, () => {
      const id = request.params.intent.toLowerCase()
      return isUuid(id) ? { intent: id as IntentId } : refuse(['params intent must be a UUID'])
    }),
  )
  app.get<Subject>('/v1/trace', request => answer(request, () => subjectOf(request.query)))
}

const aboutOf = (subject: Asked): Look['about'] => {
  if (!('intent' in subject)) return { recipient: subject.recipient }
  const { intent } = subject
  return { intent: typeof intent === 'string' ? intent : `${intent.producer}/${intent.key}` }
}

function subjectOf({ intent, recipient, since, ...others }: Record<string, string | string[]>): Asked {
  const problems = Object.keys(others).map(
    field => `querystring has no ${field}: there are intent, recipient and, with recipient, since`,
  )
  if ((intent === undefined) === (recipient === undefined))
    problems.push('querystring must have one of intent and recipient')
  if (since !== undefined && recipient === undefined) problems.push('querystring since goes with recipient')
  const from = Array.isArray(since)
    ? []
    : questionOf({ ...(since !== undefined && { since }) }, name => `querystring ${name}`)
  if (Array.isArray(from)) problems.push(...(from.length > 0 ? from : ['querystring since must be there once']))
  const [producer, ...key] = typeof intent === 'string' ? intent.split('/') : []
  const isId = typeof intent === 'string' && isUuid(intent.toLowerCase())
  if (intent !== undefined && !isId && !(isName(producer) && isName(key.join('/'))))
    problems.push('querystring intent must be a UUID or PRODUCER/KEY')
  if (recipient !== undefined && !isName(recipient))
    problems.push('querystring recipient must be a name of 1 to 200 characters')
  if (problems.length > 0 || Array.isArray(from)) return refuse(problems)
  if (intent === undefined)
    return { recipient: recipient as string, ...(from.since !== undefined && { since: from.since }) }
  return { intent: isId ? (intent.toLowerCase() as IntentId) : { producer: producer!, key: key.join('/') } }
}

/** A trace with its times as in RFC 3339. */
const toldOf = ({ retraction, quarantine, ...trace }: Trace) => ({
  ...trace,
  refused: trace.refused.map(withTime),
  lines: trace.lines.map(withTime),
  removals: trace.removals.map(withTime),
  ...(retraction && { retraction: withTime(retraction) }),
  ...(quarantine && { quarantine: withTime(quarantine) }),
  open: trace.open.map(line => ({ ...line, until: isoOf(line.until) })),
})
export type ToldTrace = ReturnType<typeof toldOf>

const withTime = <T extends { at: EpochMs }>(line: T) => ({ ...line, at: isoOf(line.at) })
const isoOf = (ms: EpochMs): string => new Date(ms).toISOString()

function refuse(details: readonly string[]): never {
  const errors = details.map(detail => ({ detail }))
  throw problem(400, { title: 'Invalid request', detail: `${errors.length} problem(s)`, errors })
}
