import { type Channel, channels } from '#contracts/channel.ts'
import { type EpochMs, type IntentId, isName, isUuid } from '#contracts/ids.ts'
import { type createHttp, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { funnel } from './funnel-store.ts'
import { type Dimension, dimensions } from './funnel.ts'
import { traceIntent } from './trace-store.ts'
import { isUnknown } from './trace.ts'

export type AnalyticsApiOptions = {
  db: Database
  /** Lets a request through or throws 401 or 403. */
  authorize: (request: { headers: { authorization?: string | undefined } }) => Promise<void>
}

const funnelQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    type: { type: 'string' },
    category: { type: 'string' },
    channel: { enum: channels },
    since: { type: 'string', format: 'date-time' },
    until: { type: 'string', format: 'date-time' },
    by: { enum: dimensions },
    with_simulated: { enum: ['true', 'false'] },
  },
}

type FunnelRequest = {
  Querystring: {
    type?: string
    category?: string
    channel?: Channel
    since?: string
    until?: string
    by?: Dimension
    with_simulated?: 'true' | 'false'
  }
}
type TraceRequest = { Params: { intent: string } }

/**
 * `GET /v1/analytics/funnel?type&category&channel&since&until&by&with_simulated` (times as in RFC 3339) and
 * `GET /v1/trace/:intent`. Every error is RFC 9457.
 */
export function analyticsApi(app: ReturnType<typeof createHttp>, { db, authorize }: AnalyticsApiOptions): void {
  app.get<FunnelRequest>(
    '/v1/analytics/funnel',
    { preHandler: authorize, schema: { querystring: funnelQuery } },
    async ({ query }) => {
      const { channel, by } = query
      const names = { type: query.type, category: query.category }
      const times = { since: msOf(query.since), until: msOf(query.until) }
      refuse([...namesRefused(names), ...timesRefused(times)])
      const includeSimulated = query.with_simulated === 'true'
      return { funnels: await funnel(db, { ...names, ...times, channel, by, includeSimulated }) }
    },
  )
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

function refuse(details: readonly string[]): void {
  if (details.length === 0) return
  const errors = details.map(detail => ({ detail }))
  throw problem(400, { title: 'Invalid request', detail: `${errors.length} problem(s)`, errors })
}

const namesRefused = (names: Record<string, string | undefined>): string[] =>
  Object.keys(names)
    .filter(name => names[name] !== undefined && !isName(names[name]))
    .map(name => `querystring ${name} must be a name of 1 to 200 characters`)
/** The format lets leap seconds through. */
const timesRefused = (times: Record<string, EpochMs | undefined>): string[] =>
  Object.keys(times)
    .filter(name => Number.isNaN(times[name]))
    .map(name => `querystring ${name} must be a time without a leap second`)

const isoOf = (ms: EpochMs): string => new Date(ms).toISOString()
const msOf = (time: string | undefined): EpochMs | undefined => (time === undefined ? undefined : Date.parse(time))
