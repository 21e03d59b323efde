import { type EpochMs, isName } from '#contracts/ids.ts'
import type { Clock } from '#runtime/clock.ts'
import { type createHttp, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { answerFunnel, answerOutcomes, answerSeries, type Asked, type Told } from './answers.ts'
import { parquetOf } from './export.ts'
import { lift, type LiftComparison, liftComparisons, type LiftQuestion, productEventDays } from './lift-store.ts'
import { analyticsOpenapi } from './openapi.ts'
import { type Bucket, buckets, edgesOf } from './periods.ts'
import { filters, orderingPreset, type Question, questionOf } from './question.ts'
import { tailOf } from './tail-store.ts'
import { csvOf, funnelTable, outcomesTable, seriesTable } from './tables.ts'
import { tooLong } from './too-long.ts'

export type AnalyticsApiOptions = {
  db: Database
  clock: Clock
  /** Lets a request through or throws 401 or 403. */
  authorize: (request: { headers: { authorization?: string | undefined } }) => Promise<void>
  /** Groups of fewer are not told. */
  groupMin: number
}

/** What every question may say; a field that is not here is refused, and so is one that an answer would leave aside. */
const fieldsOfAll = [
  ...filters,
  ...(['since', 'until', 'unit', 'window', 'with_simulated', 'source', 'zone'] as const),
] as const
const outcomesFields = [...fieldsOfAll, 'bucket']
const seriesFields = [...fieldsOfAll, 'by', 'bucket']
/** What an event knows by itself. */
const tailFields = ['type', 'category', 'channel', 'lane', 'producer', 'tenant', 'with_simulated']
const funnelFields = [...fieldsOfAll, 'by', 'times', 'compare']
const paths = {
  funnel: { answer: answerFunnel, fields: funnelFields },
  series: { answer: answerSeries, fields: seriesFields },
  outcomes: { answer: answerOutcomes, fields: outcomesFields },
} as const
/** A file has one time. */
const exportFields = (of: keyof typeof paths) => paths[of].fields.filter(field => field !== 'compare')
/** What can be taken away as a file. */
const tables = {
  funnel: async (told: Told, asked: Asked) => funnelTable(await answerFunnel(told, asked)),
  series: async (told: Told, asked: Asked) => seriesTable(await answerSeries(told, asked)),
  outcomes: async (told: Told, asked: Asked) => outcomesTable(await answerOutcomes(told, asked)),
} as const
const formats = {
  csv: { type: 'text/csv; charset=utf-8; header=present', of: csvOf },
  parquet: { type: 'application/vnd.apache.parquet', of: parquetOf },
} as const

/** Where no time is said: a week, to the end of this hour. */
const sincePresetMs = 7 * 86_400_000
const hourMs = 3_600_000

type AskRequest = { Querystring: Record<string, string | string[]> }

/**
 * `GET /v1/analytics/funnel`, `/series`, `/outcomes`, `/lift`, `/tail`, `/export`, described by `/openapi.json` (README.md has
 * their fields; times as in RFC 3339). They change nothing. Every error is RFC 9457.
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
  const fieldsBy = {
    funnel: funnelFields,
    series: seriesFields,
    outcomes: outcomesFields,
    lift: liftFields,
    export: [...new Set([...exportFields('funnel'), ...exportFields('series')])],
    tail: tailFields,
  }
  const openapi = analyticsOpenapi(fieldsBy)
  app.get('/v1/analytics/openapi.json', async () => openapi)
  app.get<AskRequest>('/v1/analytics/export', { preHandler: authorize }, async ({ query }, reply) => {
    const { of = 'funnel', format = 'csv', ...rest } = query
    const problems = [
      ...(Object.hasOwn(tables, String(of)) ? [] : [`querystring of must be one of ${Object.keys(tables).join(', ')}`]),
      ...(Object.hasOwn(formats, String(format)) ? [] : ['querystring format must be csv or parquet']),
    ]
    const now = clock.now()
    const fields = exportFields(Object.hasOwn(paths, String(of)) ? (of as keyof typeof paths) : 'funnel')
    const asked = askedOf(rest, { now, fields, problems })
    if (of !== 'funnel') refuseTooMany(asked)
    const table = await tables[of as keyof typeof tables]({ db, now, groupMin }, asked).catch(tooLong)
    const { type, of: made } = formats[format as keyof typeof formats]
    void reply.header('content-disposition', `attachment; filename="carillon-${of as string}.${format as string}"`)
    return reply.type(type).send(await made(table))
  })
  app.get<AskRequest>('/v1/analytics/tail', { preHandler: authorize }, async ({ query }) => {
    const now = clock.now()
    const latest = await tailOf(db, askedOf(query, { now, fields: tailFields }), { now, groupMin }).catch(tooLong)
    return { now: isoOf(now), ...latest }
  })
  app.get<AskRequest>('/v1/analytics/lift', { preHandler: authorize }, async ({ query }) => {
    const asked = liftOf(query, clock.now())
    const all = await lift(db, asked).catch(tooLong)
    // One group too small tells of those it is compared with by what is missing.
    const compared = [...Map.groupBy(all, ({ channel }) => channel).values()]
    const groups = compared.filter(some => some.every(({ people }) => people >= groupMin)).flat()
    return { since: isoOf(asked.since), until: isoOf(asked.until), hidden: all.length - groups.length, groups }
  })
}

/** A question from the outside, with every default; throws 400 with all problems. */
function askedOf(
  query: Record<string, string | string[]>,
  { now, fields, problems: found = [] }: { now: EpochMs; fields: readonly string[]; problems?: readonly string[] },
): Asked & { compare: boolean } {
  const problems = [...found]
  const once = onceOf(query, fields, problems)
  const { bucket = 'hour', zone = 'UTC', compare } = once
  if (!buckets.includes(bucket as Bucket)) problems.push(`querystring bucket must be one of ${buckets.join(', ')}`)
  if (compare !== undefined && compare !== 'previous') problems.push('querystring compare must be previous')
  const question = questionOf(once, field => `querystring ${field}`)
  if (Array.isArray(question)) problems.push(...question)
  if (problems.length > 0 || Array.isArray(question)) return refuse(problems)
  const asked: Asked = {
    ...{ ...question, source: question.source ?? 'rollup', ...timeOf(question, now) },
    ...{ bucket: bucket as Bucket, zone },
  }
  return { ...asked, compare: compare !== undefined }
}

function timeOf({ since, until: given }: Question, now: EpochMs): { since: EpochMs; until: EpochMs } {
  const until = given ?? now - (now % hourMs) + hourMs
  return { since: since ?? until - sincePresetMs, until }
}

/** The fields of a query, each once; adds what is wrong with them. */
function onceOf(
  query: Record<string, string | string[]>,
  fields: readonly string[],
  problems: string[],
): Record<string, string> {
  const once: Record<string, string> = {}
  for (const [field, value] of Object.entries(query))
    if (!fields.includes(field)) problems.push(`querystring has no ${field}: there are ${fields.join(', ')}`)
    else if (typeof value === 'string') once[field] = value
    else problems.push(`querystring ${field} must be there once`)
  return once
}

const liftFields = ['type', 'event', 'compare', 'channel', 'tenant', 'since', 'until', 'window', 'by']

function liftOf(query: Record<string, string | string[]>, now: EpochMs): LiftQuestion {
  const problems: string[] = []
  const { compare = 'holdout', event, by, ...once } = onceOf(query, liftFields, problems)
  const name = (field: string) => `querystring ${field}`
  const question = questionOf(once, name)
  if (Array.isArray(question)) problems.push(...question)
  if (once.type === undefined) problems.push(`${name('type')} must be a notification type`)
  if (!isName(event)) problems.push(`${name('event')} must be the name of a product event`)
  if (!liftComparisons.includes(compare as LiftComparison))
    problems.push(`${name('compare')} must be one of ${liftComparisons.join(', ')}`)
  if (by !== undefined && by !== 'channel') problems.push(`${name('by')} must be channel`)
  const { since } = timeOf(Array.isArray(question) ? {} : question, now)
  // Of whom we have forgotten what they did, nobody would have converted.
  if (since < now - productEventDays * 24 * hourMs)
    problems.push(
      `${name('since')} must be in the last ${productEventDays} days: for so long it is known what people did`,
    )
  if (problems.length > 0 || Array.isArray(question)) return refuse(problems)
  const { windowMs = orderingPreset.windowMs, channel, tenant } = question
  return {
    ...{ type: once.type!, event: event!, compare: compare as LiftComparison, ...timeOf(question, now) },
    ...{ windowMs, channel, tenant },
    ...(by === 'channel' && { by }),
  }
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

const isoOf = (ms: EpochMs): string => new Date(ms).toISOString()
