import { ensurePartitions } from '#db/partitions.ts'
import { createHttp, problem } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { analyticsApi } from './api.ts'
import { storePacks } from './event-store.ts'
import type { ReaderOf } from './questions-api.ts'
import { recomputeHour } from './rollup-store.ts'
import { traceApi } from './trace-api.ts'

const readerOf: ReaderOf = async ({ headers }) => {
  if (headers.authorization !== 'Bearer good') throw problem(401, {})
  return { name: 'eve' }
}

/** The API over three pushes, of which two were sent. */
export async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 2 })
  await storePacks(db, [decidedPack(people(3)), settledPack(people(2))])
  const app = createHttp({
    log: createLog({ role: 'api', write: () => {} }),
    metrics: createMetrics(),
    bodyLimitBytes: 1024,
  })
  started.defer(() => app.close())
  analyticsApi(app, { db, clock: { now: () => at + 3_600_000 }, readerOf, groupMin: 2 })
  traceApi(app, { db, readerOf, logLook: async () => {}, addressesOf: async () => [] })
  const running = started.move()
  return {
    rollUp: async () => {
      while (await recomputeHour(db));
    },
    store: (packs: Parameters<typeof storePacks>[1]) => storePacks(db, packs),
    did: (recipient: string, event: string) =>
      db.query('insert into product_events (recipient, event, at) values ($1, $2, now())', [recipient, event]),
    file: (url: string) => app.inject({ url, headers: { authorization: 'Bearer good' } }),
    get: async (url: string, authorization = 'Bearer good') => {
      const answer = await app.inject({ url, headers: { authorization } })
      return { status: answer.statusCode, type: answer.headers['content-type'], body: answer.json<unknown>() }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
