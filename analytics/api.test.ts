import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ensurePartitions } from '#db/partitions.ts'
import { createHttp, problem } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { analyticsApi } from './api.ts'
import { storePacks } from './event-store.ts'

const authorize = async ({ headers }: { headers: { authorization?: string | undefined } }) => {
  if (headers.authorization !== 'Bearer good') throw problem(401, {})
}

async function setup() {
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
  analyticsApi(app, { db, authorize })
  const running = started.move()
  return {
    get: async (url: string, authorization = 'Bearer good') => {
      const answer = await app.inject({ url, headers: { authorization } })
      return { status: answer.statusCode, type: answer.headers['content-type'], body: answer.json<unknown>() }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('a funnel, filtered and broken down', async () => {
  await using world = await setup()
  const since = new Date(at).toISOString()
  const { status, body } = await world.get(`/v1/analytics/funnel?by=type&channel=push&since=${since}`)
  assert.equal(status, 200)
  assert.deepEqual(body, {
    funnels: [
      {
        group: 'comment.created',
        stages: { intended: 3, decided: 3, attempted: 2, accepted: 2, seen: 0, opened: 0, acted: 0 },
        rest: [{ after: 'decided', what: 'queued', n: 1 }],
      },
    ],
  })
})

test('a question that cannot be answered is refused with all that is wrong with it', async () => {
  await using world = await setup()
  const { status, type, body } = await world.get('/v1/analytics/funnel?by=secret&channel=fax&since=yesterday&order=x')
  assert.equal(status, 400)
  assert.match(String(type), /application\/problem\+json/)
  assert.equal((body as { errors: unknown[] }).errors.length, 4)
  assert.equal((await world.get(`/v1/analytics/funnel?type=${'x'.repeat(201)}`)).status, 400)
})

test('what no database takes is refused before it is asked', async () => {
  await using world = await setup()
  const leap = '2016-12-31T23:59:60Z'
  for (const url of [
    `/v1/analytics/funnel?since=${leap}`,
    `/v1/analytics/funnel?until=${leap}`,
    '/v1/analytics/funnel?type=%00',
    '/v1/analytics/funnel?category=a%0Ab',
    '/v1/trace/comment-1',
    '/v1/trace/urn:uuid:00000000-0000-8000-8000-000000000000',
    '/v1/trace/%00',
  ]) {
    const { status, type, body } = await world.get(url)
    assert.equal(status, 400, url)
    assert.match(String(type), /application\/problem\+json/)
    assert.equal((body as { errors: unknown[] }).errors.length, 1)
  }
  for (const time of ['0000-01-01T00:00:00Z', '9999-12-31T23:59:59-23:59'])
    assert.equal((await world.get(`/v1/analytics/funnel?since=${time}&until=${time}`)).status, 200, time)
})

test('a trace by the id of the intent; an unknown one is not found', async () => {
  await using world = await setup()
  const { id } = decidedPack([]).intents[0]!
  const { body } = await world.get(`/v1/trace/${id.toUpperCase()}`)
  const { lines } = body as { lines: { at: string; what: string; sentence: string }[] }
  assert.deepEqual(
    lines.map(line => line.what),
    ['deliver', 'deliver', 'deliver', 'sent', 'sent'],
  )
  assert.equal(lines[0]!.at, new Date(at).toISOString())
  assert.equal((await world.get('/v1/trace/00000000-0000-8000-8000-000000000000')).status, 404)
})

test('nobody looks without a token', async () => {
  await using world = await setup()
  for (const url of ['/v1/analytics/funnel', '/v1/trace/00000000-0000-8000-8000-000000000000'])
    assert.equal((await world.get(url, 'Bearer bad')).status, 401)
})
