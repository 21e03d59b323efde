import { channels, lanes } from '#contracts/channel.ts'
import { liftComparisons } from './lift-people.ts'
import { buckets } from './periods.ts'
import { dimensions, sources } from './question.ts'
import { stages, units } from './stages.ts'

type Schema = Record<string, unknown>

const text: Schema = { type: 'string', minLength: 1, maxLength: 200 }
const instant: Schema = { type: 'string', format: 'date-time' }
const flag: Schema = { enum: ['true', 'false'] }
const integer: Schema = { type: 'integer', minimum: 0 }
/** Null in a period of too few to be told. */
const told: Schema = { type: ['integer', 'null'], minimum: 0 }
const list = (items: Schema): Schema => ({ type: 'array', items })
const object = (properties: Record<string, Schema>, optional: readonly string[] = []): Schema => ({
  ...{ type: 'object', properties, required: Object.keys(properties).filter(name => !optional.includes(name)) },
  additionalProperties: false,
})

/** Every field of a question, by name: what it may be, and what it means. */
const fields = {
  type: [text, 'Only this notification type.'],
  category: [text, 'Only this category.'],
  channel: [{ enum: channels }, 'Only this channel.'],
  provider: [text, 'Only what went by this provider.'],
  lane: [{ enum: lanes }, 'Only this lane.'],
  producer: [text, 'Only this producer.'],
  tenant: [text, 'Only this tenant.'],
  arm: [text, 'Only this arm: experiment/arm.'],
  platform: [text, 'Only what went to this platform: ios, android, web, desktop.'],
  app_version: [text, 'Only what went to this version of the app.'],
  country: [text, 'Only people whose language tag has this region: AT.'],
  locale: [text, 'Only people with this language tag: de-AT.'],
  since: [instant, 'From this time of the intents on. Default: a week before until.'],
  until: [instant, 'To before this time. Default: the end of this hour.'],
  by: [{ enum: dimensions }, 'One answer for each.'],
  unit: [{ enum: units }, 'What is counted; of people each once.'],
  window: [{ type: 'string', pattern: '^\\d{1,6}[smhd]$' }, 'From the first step to the last: 7d.'],
  with_simulated: [flag, 'Counts what was made up at a stated rate, too.'],
  source: [
    { enum: sources },
    'rollup: as it was counted by the hour, seconds behind. raw: hours that have changed since are counted anew for the answer.',
  ],
  bucket: [{ enum: buckets }, 'The length of a period.'],
  zone: [{ type: 'string' }, 'The time zone of days.'],
  times: [flag, 'Tells how long each step took; of accepted, of what was not at the first try.'],
  compare: [{ enum: ['previous'] }, 'The time of the same length before it as well.'],
} satisfies Record<string, [Schema, string]>
type Field = keyof typeof fields

const parameter = (name: string, [schema, description]: [Schema, string], required = false) => ({
  ...{ name, in: 'query', required, schema, description },
})
const parametersOf = (names: readonly string[]) => names.map(name => parameter(name, fields[name as Field]))

const counts = (of: Schema): Schema => object(Object.fromEntries(stages.map(stage => [stage, of])))
const took = object({ n: integer, p50: integer, p90: integer, p99: integer })
const group: Schema = { type: ['string', 'null'] }
const rest = object({ after: { enum: stages }, what: text, reason: text, n: integer }, ['reason'])
const funnel = object(
  {
    ...{ group, stages: counts(integer), bases: counts(object({ first: integer, previous: integer })) },
    ...{ machineOpened: integer, rest: list(rest) },
    times: { type: 'object', propertyNames: { enum: stages }, additionalProperties: took },
  },
  ['group', 'times'],
)
const behind = object({
  ...{ source: { enum: ['rollup', 'fold', 'raw'] }, newestEvent: { type: ['string', 'null'], format: 'date-time' } },
  ...{ ageMs: { type: ['integer', 'null'] }, dirty: integer },
})
const unknown: Schema = {
  ...list({ enum: ['type', 'category', 'producer', 'provider', 'arm', 'event'] }),
  description:
    'Where nothing was counted: of these fields the value is mistyped or new, nothing that is stored has it.',
}
const answer = { since: instant, until: instant, behind, hidden: integer, unknown }
const share: Schema = { type: 'number' }
const interval = object({ low: share, high: share })
const costs = object({ unsubscribed: integer, addressDead: integer, complained: integer, smsSent: integer })
const lifted = object(
  {
    ...{ channel: { enum: channels }, group: text, base: { type: 'boolean' }, people: integer, converted: integer },
    ...{ rate: share, interval, costs },
    lift: object({ difference: share, interval, relative: share }, ['relative']),
  },
  ['channel', 'lift'],
)
const answers = {
  funnel: object(
    {
      ...answer,
      funnels: list(funnel),
      previous: object({ since: instant, until: instant, hidden: integer, funnels: list(funnel) }),
    },
    ['previous', 'unknown'],
  ),
  series: object(
    {
      ...{ ...answer, edges: list(instant) },
      series: list(object({ group, stages: counts(list(told)) }, ['group'])),
    },
    ['unknown'],
  ),
  outcomes: object(
    {
      ...{ ...answer, edges: list(instant) },
      outcomes: list(object({ what: text, reason: text, n: list(told) }, ['reason'])),
    },
    ['unknown'],
  ),
  lift: object({ since: instant, until: instant, hidden: integer, unknown, groups: list(lifted) }, ['unknown']),
  tail: object({
    hidden: integer,
    lines: list(
      object(
        {
          ...{
            at: instant,
            type: text,
            channel: { enum: channels },
            kind: text,
            what: text,
            rule: text,
            provider: text,
          },
          sentence: text,
        },
        ['rule', 'provider'],
      ),
    ),
  }),
}
const summaries = {
  tail: 'The latest events, newest first, without ids of anybody',
  funnel: 'How far notifications or people came, and where the rest went',
  series: 'The stages by hours or days',
  outcomes: 'What became of them by hours or days',
  lift: 'What people did who were told, against those who were not; or the arms of an experiment',
}

const refused = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { type: 'object' } } },
})
const refusals = {
  ...{ '400': refused('With every problem.'), '401': refused('No token, or one that is not known.') },
  ...{
    '403': refused('The token lacks the scope analytics, or is told of another tenant alone.'),
    '503': refused('It took too long.'),
  },
}

/** The OpenAPI 3.1 description of the analytics API. `fieldsBy`: the fields that each path takes. */
export function analyticsOpenapi(fieldsBy: Record<keyof typeof answers | 'export', readonly string[]>): Schema {
  const pathOf = (name: keyof typeof answers, parameters: readonly object[]) => ({
    get: {
      ...{ operationId: name, summary: summaries[name], parameters },
      responses: {
        '200': { description: 'The answer.', content: { 'application/json': { schema: answers[name] } } },
        ...refusals,
      },
    },
  })
  const own: Record<string, [Schema, string]> = {
    ...{
      type: fields.type,
      event: [text, 'The product event that counts.'],
      compare: [{ enum: liftComparisons }, 'With what.'],
    },
    ...{ by: [{ enum: ['channel'] }, 'One comparison for each channel.'] },
  }
  const ofLift = fieldsBy.lift.map(name =>
    parameter(name, own[name] ?? fields[name as Field], name === 'type' || name === 'event'),
  )
  const file = { schema: { type: 'string', contentEncoding: 'binary' } }
  const of = parameter('of', [{ enum: ['funnel', 'series', 'outcomes'] }, 'Which answer.'])
  const format = parameter('format', [{ enum: ['csv', 'parquet'] }, 'As which file.'])
  return {
    openapi: '3.1.1',
    info: {
      title: 'Carillon analytics',
      version: '1',
      description: 'What became of notifications. Reads, and changes nothing.',
    },
    paths: {
      '/v1/analytics/funnel': pathOf('funnel', parametersOf(fieldsBy.funnel)),
      '/v1/analytics/series': pathOf('series', parametersOf(fieldsBy.series)),
      '/v1/analytics/outcomes': pathOf('outcomes', parametersOf(fieldsBy.outcomes)),
      '/v1/analytics/tail': pathOf('tail', parametersOf(fieldsBy.tail)),
      '/v1/analytics/lift': pathOf('lift', ofLift),
      '/v1/analytics/export': {
        get: {
          ...{ operationId: 'export', summary: 'An answer as a file' },
          parameters: [of, format, ...parametersOf(fieldsBy.export)],
          responses: {
            '200': { description: 'The rows.', content: { 'text/csv': file, 'application/vnd.apache.parquet': file } },
            ...{ ...refusals, '501': refused('Parquet needs an optional package that is not installed.') },
          },
        },
      },
    },
    components: { securitySchemes: { producerToken: { type: 'http', scheme: 'bearer' } } },
    security: [{ producerToken: ['analytics'] }],
  }
}
