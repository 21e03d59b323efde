import { type Channel, channels } from '#contracts/channel.ts'
import type { EpochMs, IntentId } from '#contracts/ids.ts'
import { type createHttp, problem } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { funnel } from './funnel-store.ts'
import { type Dimension, dimensions } from './funnel.ts'
import { traceIntent } from './trace-store.ts'
import { isUnknown } from './trace.ts'

export type AnalyticsApiOptions = {
  db: Database
  /** Lets a request through or throws 401. */
  authorize: (request: { headers: { authorization?: string | undefined } }) => Promise<void>
}

const nameCharsMax = 200
const funnelQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    type: { type: 'string', minLength: 1, maxLength: nameCharsMax },
    category: { type: 'string', minLength: 1, maxLength: nameCharsMax },
    channel: { enum: channels },
    since: { type: 'string', format: 'date-time' },
    until: { type: 'string', format: 'date-time' },
    by: { enum: dimensions },
    with_simulated: { enum: ['true', 'false'] },
  },
}
const traceParams = { type: 'object', properties: { intent: { type: 'string', format: 'uuid' } } }

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
      const { type, category, channel, by } = query
      const times = { since: msOf(query.since), until: msOf(query.until) }
      const includeSimulated = query.with_simulated === 'true'
      return { funnels: await funnel(db, { type, category, channel, by, includeSimulated, ...times }) }
    },
  )
  app.get<TraceRequest>(
    '/v1/trace/:intent',
    { preHandler: authorize, schema: { params: traceParams } },
    async ({ params }) => {
      const trace = await traceIntent(db, params.intent.toLowerCase() as IntentId)
      if (isUnknown(trace)) throw problem(404, { detail: 'nothing is known of this intent' })
      return {
        ...trace,
        refused: trace.refused.map(line => ({ ...line, at: isoOf(line.at) })),
        lines: trace.lines.map(line => ({ ...line, at: isoOf(line.at) })),
        open: trace.open.map(line => ({ ...line, until: isoOf(line.until) })),
      }
    },
  )
}

const isoOf = (ms: EpochMs): string => new Date(ms).toISOString()
const msOf = (time: string | undefined): EpochMs | undefined => (time === undefined ? undefined : Date.parse(time))
