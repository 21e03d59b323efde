import { type EpochMs, isName } from '#contracts/ids.ts'
import type { Clock } from '#runtime/clock.ts'
import type { createHttp } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { answerFunnel, answerOutcomes, answerSeries, type Asked, type Told } from './answers.ts'
import { eventFilters } from './dashboard/fields.ts'
import { parquetOf } from './export.ts'
import { type LiftComparison, liftComparisons } from './lift-people.ts'
import { lift, type LiftQuestion, productEventDays } from './lift-store.ts'
import { analyticsOpenapi } from './openapi.ts'
import { type Bucket, buckets, edgesOf } from './periods.ts'
import { filters, orderingPreset, type Question } from './question.ts'
import { questionIn, type ReaderOf, serveQuestions, type Texts } from './questions-api.ts'
import { hiddenCells } from './small-groups.ts'
import { tailOf } from './tail-store.ts'
import { csvOf, funnelTable, outcomesTable, seriesTable } from './tables.ts'
import { unknownOf } from './unknown-store.ts'

export type AnalyticsApiOptions = {
  db: Database
  clock: Clock
  readerOf: ReaderOf
  /** Groups of fewer are not told. */
  groupMin: number
}

/** What every question may say; a field that is not here is refused, and so is one that an answer would leave aside. */
const fieldsOfAll = [
  ...filters,
  ...(['since', 'until', 'unit', 'window', 'with_simulated', 'source', 'zone'] as const),
] as const
const tailFields = [...eventFilters, 'with_simulated']
const liftFields = ['type', 'event', 'compare', 'channel', 'tenant', 'since', 'until', 'zone', 'window', 'by']
const paths = {
  funnel: { answer: answerFunnel, fields: [...fieldsOfAll, 'by', 'times', 'compare'] },
  series: { answer: answerSeries, fields: [...fieldsOfAll, 'by', 'bucket'] },
  outcomes: { answer: answerOutcomes, fields: [...fieldsOfAll, 'bucket'] },
} as const
type Path = keyof typeof paths
const pathNames = Object.keys(paths) as Path[]
/** What can be taken away as a file, which has one time. */
const tables = {
  funnel: async (told: Told, asked: Asked) => funnelTable(await answerFunnel(told, asked)),
  series: async (told: Told, asked: Asked) => seriesTable(await answerSeries(told, asked)),
  outcomes: async (told: Told, asked: Asked) => outcomesTable(await answerOutcomes(told, asked)),
} as const
const formats = {
  csv: { type: 'text/csv; charset=utf-8; header=present', of: csvOf },
  parquet: { type: 'application/vnd.apache.parquet', of: parquetOf },
} as const
type Format = keyof typeof formats
const exportFields = [...new Set(pathNames.flatMap(name => paths[name].fields))].filter(field => field !== 'compare')

/** Where no time is said: a week, to the end of this hour. */
const sincePresetMs = 7 * 86_400_000
const hourMs = 3_600_000

/**
 * `GET /v1/analytics/funnel`, `/series`, `/outcomes`, `/lift`, `/tail`, `/export`, described by `/openapi.json` (README.md has
 * their fields; times as in RFC 3339). They change nothing. Every error is RFC 9457.
 */
export function analyticsApi(app: ReturnType<typeof createHttp>, options: AnalyticsApiOptions): void {
  const { db, clock, readerOf, groupMin } = options
  const get = serveQuestions(app, readerOf)
  const told = (): Told => ({ db, now: clock.now(), groupMin })
  for (const path of pathNames)
    get(`/v1/analytics/${path}`, {
      fields: paths[path].fields,
      parse: (texts, problems) => askedOf(texts, { path, now: clock.now(), problems }),
      answer: asked => paths[path].answer(told(), asked),
    })
  get('/v1/analytics/export', {
    fields: [...exportFields, 'of', 'format'],
    parse: (texts, problems) => exportOf(texts, { now: clock.now(), problems }),
    answer: async ({ path, format, asked }, { reply }) => {
      const table = await tables[path](told(), asked)
      const { type, of } = formats[format]
      void reply.header('content-disposition', `attachment; filename="carillon-${path}.${format}"`)
      return reply.type(type).send(await of(table))
    },
  })
  get('/v1/analytics/tail', {
    fields: tailFields,
    parse: questionIn,
    answer: question => tailOf(db, question, told()),
    shorter: () => 'try again in a moment',
  })
  get('/v1/analytics/lift', {
    fields: liftFields,
    parse: (texts, problems) => liftOf(texts, { now: clock.now(), problems }),
    answer: async asked => {
      const all = await lift(db, asked)
      const unknown = all.some(({ converted }) => converted > 0) ? [] : await unknownOf(db, asked)
      // One group too small tells of those it is compared with by what is missing.
      const compared = [...Map.groupBy(all, ({ channel }) => channel).values()]
      const hidden = hiddenCells(
        compared.map(some => [Math.min(...some.map(({ people }) => people))]),
        groupMin,
      )
      const groups = compared.filter((_, at) => !hidden[at]![0]).flat()
      const time = { since: isoOf(asked.since), until: isoOf(asked.until) }
      return { ...time, hidden: all.length - groups.length, ...(unknown.length > 0 && { unknown }), groups }
    },
  })
  const { funnel, series, outcomes } = paths
  const openapi = analyticsOpenapi({
    ...{ funnel: funnel.fields, series: series.fields, outcomes: outcomes.fields },
    ...{ lift: liftFields, export: exportFields, tail: tailFields },
  })
  app.get('/v1/analytics/openapi.json', async () => openapi)
}

type Reading = { now: EpochMs; problems: string[] }

/** A question from the outside, with every default. */
function askedOf(
  texts: Texts,
  { path, now, problems }: Reading & { path: Path },
): (Asked & { compare: boolean }) | undefined {
  const { bucket = 'hour', zone = 'UTC', compare } = texts
  if (!isOneOf(buckets, bucket)) problems.push(`querystring bucket must be one of ${buckets.join(', ')}`)
  if (compare !== undefined && compare !== 'previous') problems.push('querystring compare must be previous')
  const question = questionIn(texts, problems)
  if (question === undefined || problems.length > 0) return undefined
  const asked: Asked = {
    ...{ ...question, source: question.source ?? 'rollup', ...timeOf(question, { now, problems }) },
    ...{ bucket: bucket as Bucket, zone },
  }
  if (path !== 'funnel') addTooMany(asked, problems)
  return { ...asked, compare: compare !== undefined }
}

/** The same as a file. */
function exportOf({ of = 'funnel', format = 'csv', ...texts }: Texts, { now, problems }: Reading) {
  const path = pathNames.find(name => name === of)
  if (path === undefined) problems.push(`querystring of must be one of ${pathNames.join(', ')}`)
  if (!Object.hasOwn(formats, format)) problems.push('querystring format must be csv or parquet')
  // What that answer would leave aside.
  const fields: readonly string[] = paths[path ?? 'funnel'].fields
  for (const field of Object.keys(texts).filter(one => !fields.includes(one)))
    problems.push(`querystring has no ${field} for ${of}: there are ${fields.join(', ')}`)
  const asked = askedOf(texts, { path: path ?? 'funnel', now, problems })
  return path === undefined || asked === undefined ? undefined : { path, format: format as Format, asked }
}

function timeOf({ since, until: given }: Question, { now, problems }: Reading): { since: EpochMs; until: EpochMs } {
  const until = given ?? now - (now % hourMs) + hourMs
  if (since !== undefined && since > until)
    problems.push('querystring since must not be after until, which is the end of this hour where it is not said')
  return { since: since ?? until - sincePresetMs, until }
}

function liftOf(
  { compare = 'holdout', event, by, ...texts }: Texts,
  { now, problems }: Reading,
): LiftQuestion | undefined {
  const question = questionIn(texts, problems)
  if (texts['type'] === undefined) problems.push('querystring type must be a notification type')
  if (!isName(event)) problems.push('querystring event must be the name of a product event')
  if (!isOneOf(liftComparisons, compare))
    problems.push(`querystring compare must be one of ${liftComparisons.join(', ')}`)
  if (by !== undefined && by !== 'channel') problems.push('querystring by must be channel')
  const time = timeOf(question ?? {}, { now, problems })
  // Of whom we have forgotten what they did, nobody would have converted.
  if (time.since < now - productEventDays * 24 * hourMs)
    problems.push(
      `querystring since must be in the last ${productEventDays} days: for so long it is known what people did`,
    )
  if (question === undefined || problems.length > 0) return undefined
  const { type, windowMs = orderingPreset.windowMs, channel, tenant } = question
  return {
    ...{ type: type!, event: event!, compare: compare as LiftComparison, ...time },
    ...{ windowMs, channel, tenant },
    ...(by === 'channel' && { by }),
  }
}

function addTooMany(asked: Asked, problems: string[]): void {
  try {
    edgesOf(asked)
  } catch (error) {
    problems.push(`querystring ${(error as Error).message}`)
  }
}

const isOneOf = (known: readonly string[], text: string): boolean => known.includes(text)
const isoOf = (ms: EpochMs): string => new Date(ms).toISOString()
