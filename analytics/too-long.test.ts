import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '#tests/servers.ts'
import { serveAnalytics } from './served.fixture.ts'

const shorter = 'ask for a shorter time'
const later = 'try again in a moment'
const delivery = '01a20022-13f8-7293-a7d4-7aec01517af2.0'
/** What is asked, and what to do where that takes too long. */
const paths: Readonly<Record<string, string>> = {
  ...{ 'analytics/funnel': shorter, 'analytics/funnel?source=raw': shorter, 'analytics/series': shorter },
  ...{ 'analytics/outcomes': shorter, 'analytics/tail': later },
  ...{ 'analytics/lift?type=comment.created&event=x': shorter, 'analytics/export': shorter },
  ...{ 'analytics/export?of=series&format=parquet': shorter, 'trace?recipient=user-1': shorter },
  ...{ 'trace?intent=docs/x': 'ask for one recipient', 'trace?intent=docs/x&recipient=user-1': later },
  ...{ [`trace?delivery=${delivery}`]: later, [`trace/${delivery.slice(0, -2)}`]: 'ask for one recipient' },
  ...{ 'trace/examples?stage=seen': shorter, 'trace/examples?what=held': shorter },
  ...{ 'trace/examples?stage=seen&unit=recipient': shorter },
}

/** The API on a database where everything that is asked stands behind a lock. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const { url } = opened.use(await testDatabase())
  // Of the two limits of a question the connection's own is the shorter one here.
  const limits = { connectionsMax: Object.keys(paths).length, statementLimitMs: 2_000 }
  const db = opened.use(await openPostgres({ url, name: 'test', ...limits }))
  const locking = opened.use(await openPostgres({ url, connectionsMax: 1, name: 'test' }))
  const { app } = serveAnalytics({ db, readerOf: async () => ({ name: 'eve' }), groupMin: 1 })
  opened.defer(() => app.close())
  const running = opened.move()
  return { app, locking, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

test('whatever takes too long is refused as that, and says what to do', async () => {
  await using world = await setup()
  const asked = await world.locking.transaction(async tx => {
    await tx.query(
      `lock table delivery_events, folded_hours, funnel_hours, rollup_marks, batches, admitted in access exclusive mode`,
    )
    return Promise.all(Object.keys(paths).map(path => world.app.inject({ url: `/v1/${path}` })))
  })
  for (const [n, [path, instead]] of Object.entries(paths).entries()) {
    const { statusCode, headers, body } = asked[n]!
    assert.deepEqual(
      [statusCode, headers['content-type'], JSON.parse(body)],
      [
        ...[503, 'application/problem+json; charset=utf-8'],
        {
          ...{ type: 'about:blank', title: 'Service Unavailable', status: 503 },
          detail: `the answer took too long: ${instead}`,
        },
      ],
      path,
    )
  }
})
