import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHttp } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { migrate, openPostgres } from '#runtime/postgres.ts'
import { at } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { analyticsApi } from './api.ts'
import { traceApi } from './trace-api.ts'

const paths = [
  ...['analytics/funnel', 'analytics/funnel?source=raw', 'analytics/series', 'analytics/outcomes', 'analytics/tail'],
  ...['analytics/lift?type=comment.created&event=x', 'analytics/export', 'analytics/export?of=series&format=parquet'],
  ...['trace?recipient=user-1', 'trace?intent=docs/x', 'trace?delivery=01a20022-13f8-7293-a7d4-7aec01517af2.0'],
  ...['trace/01a20022-13f8-7293-a7d4-7aec01517af2', 'trace/examples?stage=seen', 'trace/examples?what=held'],
  'trace/examples?stage=seen&unit=recipient',
]
/** Longer than a question may take. */
const limits = { timeout: 180_000 }

/** The API on a database where everything that is asked stands behind a lock. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const { url } = opened.use(await testDatabase())
  // Traces are asked with the connection's own limit.
  const db = opened.use(
    await openPostgres({ url, connectionsMax: paths.length, name: 'test', statementLimitMs: 25_000 }),
  )
  const locking = opened.use(await openPostgres({ url, connectionsMax: 1, name: 'test' }))
  await migrate(db)
  const app = createHttp({
    log: createLog({ role: 'test', write() {} }),
    metrics: createMetrics(),
    bodyLimitBytes: 1_024,
  })
  opened.defer(() => app.close())
  const readerOf = async () => ({ name: 'eve' })
  analyticsApi(app, { db, clock: { now: () => at }, readerOf, groupMin: 1 })
  traceApi(app, { db, readerOf, logLook: async () => {}, addressesOf: async () => [] })
  const running = opened.move()
  return { app, locking, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

test('whatever takes too long is refused as that, and says what to do', limits, async () => {
  await using world = await setup()
  const asked = await world.locking.transaction(async tx => {
    await tx.query('set local idle_in_transaction_session_timeout = 0')
    await tx.query(
      `lock table delivery_events, folded_hours, funnel_hours, rollup_marks, batches, admitted in access exclusive mode`,
    )
    return Promise.all(paths.map(path => world.app.inject({ url: `/v1/${path}` })))
  })
  for (const [n, { statusCode, headers, body }] of asked.entries()) {
    assert.deepEqual(
      [statusCode, headers['content-type'], JSON.parse(body)],
      [
        ...[503, 'application/problem+json; charset=utf-8'],
        {
          ...{ type: 'about:blank', title: 'Service Unavailable', status: 503 },
          detail: 'the answer took too long: ask for a shorter time',
        },
      ],
      paths[n]!,
    )
  }
})
