import { type EpochMs, type IntentId, isUuid } from '#contracts/ids.ts'
import type { Clock } from '#runtime/clock.ts'
import { type createHttp, problem } from '#runtime/http.ts'
import { type Database, isTimeLimit } from '#runtime/postgres.ts'
import { answerFunnel, answerOutcomes, answerSeries, type Asked } from './answers.ts'
import { type Bucket, buckets, edgesOf, isZone } from './periods.ts'
import { filters, questionOf } from './question.ts'
import { traceIntent } from './trace-store.ts'
import { isUnknown } from './trace.ts'

export type AnalyticsApiOptions = {
  db: Database
  clock: Clock
  /** Lets a request through or throws 401 or 403. */
  authorize: (request: { headers: { authorization?: string | undefined } }) => Promise<void>
  /** Groups of fewer are not told. */
  groupMin: number
}

/** What every question may say; a field that is not here is refused. */
const fieldsOfAll = [
  ...filters,
  ...(['since', 'until', 'by', 'unit', 'window', 'with_simulated', 'source', 'bucket', 'zone'] as const),
] as const
const paths = {
  funnel: { answer: answerFunnel, fields: [...fieldsOfAll, 'times', 'compare'] },
  series: { answer: answerSeries, fields: fieldsOfAll },
  outcomes: { answer: answerOutcomes, fields: fieldsOfAll },
} as const

/** Where no time is said: a week, to the end of this hour. */
const sincePresetMs = 7 * 86_400_000
const hourMs = 3_600_000

type AskRequest = { Querystring: Record<string, string | string[]> }
type TraceRequest = { Params: { intent: string } }

/**
 * `GET /v1/analytics/funnel`, `/series`, `/outcomes` (README.md has their fields; times as in RFC 3339) and
 * `GET /v1/trace/:intent`. They change nothing. Every error is RFC 9457.
 */
export function analyticsApi(app: ReturnType<typeof createHttp>, options: AnalyticsApiOptions): void {
  const { db, clock, authorize, groupMin } = options
  for (const [path, { answer, fields }] of Object.entries(paths))
    app.get<AskRequest>(`/v1/analytics/${path}`, { preHandler: authorize }, async ({ query }) => {
      const now = clock.now()
      const asked = askedOf(query, { now, fields })
      if (path !== 'funnel') refuseTooMany(asked)
      return answer({ db, now, groupMin }, asked).catch(tooLong)
    })
  app.get<TraceRequest>('/v1/trace/:intent', { preHandler: authorize }, async ({ params }) => {
    const id = params.intent.toLowerCase()
    if (!isUuid(id)) refuse(['params intent must be a UUID'])
    const trace = await traceIntent(db, id as IntentId)
    if (isUnknown(trace)) throw problem(404, { detail: 'nothing is known of this intent' })
    return {
      ...trace,
      refused: trace.refused.map(line => ({ ...line, at: isoOf(line.at) })),
      lines: trace.lines.map(line => ({ ...line, at: isoOf(line.at) })),
      open: trace.open.map(line => ({ ...line, until: isoOf(line.until) })),
    }
  })
}

/** A question from the outside, with every default; throws 400 with all problems. */
function askedOf(
  query: Record<string, string | string[]>,
  { now, fields }: { now: EpochMs; fields: readonly string[] },
): Asked & { compare: boolean } {
  const problems = Object.keys(query)
    .filter(field => !fields.includes(field))
    .map(field => `querystring has no ${field}: there are ${fields.join(', ')}`)
  const once: Record<string, string> = {}
  for (const [field, value] of Object.entries(query))
    if (typeof value === 'string') once[field] = value
    else problems.push(`querystring ${field} must be there once`)
  const { bucket = 'hour', zone = 'UTC', compare } = once
  if (!buckets.includes(bucket as Bucket)) problems.push(`querystring bucket must be one of ${buckets.join(', ')}`)
  if (!isZone(zone)) problems.push('querystring zone must be a time zone like Europe/Berlin')
  if (compare !== undefined && compare !== 'previous') problems.push('querystring compare must be previous')
  const question = questionOf(once, field => `querystring ${field}`)
  if (Array.isArray(question)) problems.push(...question)
  if (problems.length > 0 || Array.isArray(question)) return refuse(problems)
  const until = question.until ?? now - (now % hourMs) + hourMs
  const asked: Asked = {
    ...{ ...question, source: question.source ?? 'rollup', since: question.since ?? until - sincePresetMs, until },
    ...{ bucket: bucket as Bucket, zone },
  }
  return { ...asked, compare: compare !== undefined }
}

function refuseTooMany(asked: Asked): void {
  try {
    edgesOf(asked)
  } catch (error) {
    refuse([`querystring ${(error as Error).message}`])
  }
}

function refuse(details: readonly string[]): never {
  const errors = details.map(detail => ({ detail }))
  throw problem(400, { title: 'Invalid request', detail: `${errors.length} problem(s)`, errors })
}

function tooLong(error: unknown): never {
  if (isTimeLimit(error)) throw problem(503, { detail: 'the answer took too long: ask for a shorter time' })
  throw error
}

const isoOf = (ms: EpochMs): string => new Date(ms).toISOString()
