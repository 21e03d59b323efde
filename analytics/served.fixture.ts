import { createHttp } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import type { Database } from '#runtime/postgres.ts'
import { at } from '#tests/analytics/packs.fixture.ts'
import { analyticsApi } from './api.ts'
import type { ReaderOf } from './questions-api.ts'
import { type Look, traceApi } from './trace-api.ts'

type Served = { db: Database; readerOf: ReaderOf; groupMin: number }

/** What answers questions about a database, an hour after `at`; everybody has a phone. Gives what it serves, and keeps the looks. */
export function serveAnalytics({ db, readerOf, groupMin }: Served) {
  const log = createLog({ role: 'test', write() {} })
  const app = createHttp({ log, metrics: createMetrics(), bodyLimitBytes: 1_024 })
  const paths: string[] = []
  app.addHook('onRoute', ({ method, url }) => void (method === 'GET' && paths.push(url)))
  const looks: Look[] = []
  analyticsApi(app, { db, clock: { now: () => at + 3_600_000 }, readerOf, groupMin })
  const phone = { id: 'phone', channel: 'push', provider: 'fcm', state: 'active', address: '…f00d' }
  traceApi(app, { db, readerOf, logLook: async look => void looks.push(look), addressesOf: async () => [phone] })
  return { app, paths, looks }
}
