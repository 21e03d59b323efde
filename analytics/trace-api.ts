import { type EpochMs, isName } from '#contracts/ids.ts'
import { type createHttp, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { examplesPath } from './examples-api.ts'
import { questionIn, type QuestionPath, type ReaderOf, serveQuestions, type Texts } from './questions-api.ts'
import { aboutOf, askedDelivery, askedIntent, type AskedTrace } from './trace-asked.ts'
import { traceOf } from './trace-store.ts'
import { isUnknown, onlyRecipientOf, type Trace } from './trace.ts'

/** Who looked at what: an intent (perhaps of it what went to a person, or to an endpoint), a person, or a delivery. */
export type Look = { who: string; about: Readonly<Record<string, string>> }
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
  readerOf: ReaderOf
  /** Keeps that somebody looked; nothing is told before. */
  logLook: (look: Look) => Promise<void>
  /** The addresses of a person as they are now, masked; where a tenant is named, of its own people alone. */
  addressesOf: (recipient: string, tenant: string | undefined) => Promise<readonly ShownAddress[]>
}

/**
 * `GET /v1/trace`: `?intent=` (its UUID, or `PRODUCER/KEY`), of it with `recipient` and `endpoint` only what went there; `?recipient=`
 * alone (perhaps with `since`); `?delivery=BATCH.SLOT`, as providers name it; of each with `tenant` only what is known to be of it. `GET
 * /v1/trace/:intent` is the same of an intent. What happened, with a sentence and a code for each thing; of one person with their masked
 * addresses. 404 where nothing is known, 503 where it took too long. Every look is logged.
 */
export function traceApi(app: ReturnType<typeof createHttp>, options: TraceApiOptions): void {
  const { db, readerOf, logLook, addressesOf } = options
  const get = serveQuestions(app, readerOf)
  const path: QuestionPath<AskedTrace | undefined> = {
    fields: ['intent', 'recipient', 'endpoint', 'delivery', 'since'],
    parse: subjectOf,
    async answer(subject, { reader }) {
      await logLook({ who: reader.name, about: aboutOf(subject) })
      const trace = await traceOf(db, subject)
      if (isUnknown(trace)) throw problem(404, { detail: `nothing is known of this ${kindOf(subject)}` })
      const recipient = onlyRecipientOf(trace)
      return toldOf(trace, recipient === undefined ? [] : await addressesOf(recipient, subject.tenant))
    },
    shorter(subject) {
      if ('intent' in subject && subject.part.recipient === undefined) return 'ask for one recipient'
      return 'recipient' in subject ? undefined : 'try again in a moment'
    },
  }
  get('/v1/trace', path)
  get('/v1/trace/:intent', path)
  get('/v1/trace/examples', examplesPath(options))
}

const kindOf = (subject: AskedTrace): string =>
  'intent' in subject ? 'intent' : 'delivery' in subject ? 'delivery' : 'person'

/** Reads what is asked. */
function subjectOf(texts: Texts, problems: string[]): AskedTrace | undefined {
  const { intent, recipient, endpoint, delivery } = texts
  const given = [intent, delivery, intent === undefined ? recipient : undefined].filter(one => one !== undefined)
  if (given.length !== 1 || (delivery !== undefined && recipient !== undefined))
    problems.push('querystring must have one of intent (perhaps with recipient), recipient and delivery')
  if (texts.since !== undefined && (recipient === undefined || intent !== undefined))
    problems.push('querystring since goes with recipient alone')
  if (endpoint !== undefined && (recipient === undefined || intent === undefined))
    problems.push('querystring endpoint goes with intent and recipient')
  for (const [field, value] of Object.entries({ recipient, endpoint }))
    if (value !== undefined && !isName(value))
      problems.push(`querystring ${field} must be a name of 1 to 200 characters`)
  const question = questionIn({ since: texts.since, tenant: texts.tenant }, problems)
  const [named, attempt] = [intent && askedIntent(intent), delivery && askedDelivery(delivery)]
  if (intent !== undefined && !named) problems.push('querystring intent must be a UUID or PRODUCER/KEY')
  if (delivery !== undefined && !attempt)
    problems.push('querystring delivery must be BATCH.SLOT, as its provider was told')
  if (question === undefined || problems.length > 0) return undefined
  const { since, tenant } = question
  if (attempt) return { delivery: attempt, tenant }
  if (!named) return { recipient: recipient!, ...(since !== undefined && { since }), tenant }
  return {
    intent: named,
    part: { ...(recipient !== undefined && { recipient }), ...(endpoint !== undefined && { endpoint }) },
    tenant,
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
