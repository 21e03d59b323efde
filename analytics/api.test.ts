import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ensurePartitions } from '#db/partitions.ts'
import { createHttp, problem } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { analyticsApi } from './api.ts'
import { storePacks } from './event-store.ts'
import { recomputeHour } from './rollup-store.ts'

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
  analyticsApi(app, { db, clock: { now: () => at + 3_600_000 }, authorize, groupMin: 2 })
  const running = started.move()
  return {
    rollUp: async () => {
      while (await recomputeHour(db));
    },
    store: (packs: Parameters<typeof storePacks>[1]) => storePacks(db, packs),
    get: async (url: string, authorization = 'Bearer good') => {
      const answer = await app.inject({ url, headers: { authorization } })
      return { status: answer.statusCode, type: answer.headers['content-type'], body: answer.json<unknown>() }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

type Any = Record<string, never>

test('a funnel, filtered and broken down, from raw events and from the rollups', async () => {
  await using world = await setup()
  const since = new Date(at).toISOString()
  const url = `/v1/analytics/funnel?by=type&channel=push&since=${since}`
  const raw = await world.get(`${url}&source=raw`)
  assert.equal(raw.status, 200)
  const [funnel] = (raw.body as { funnels: Any[] }).funnels
  const stages = { intended: 3, decided: 3, attempted: 2, accepted: 2, delivered: 0, seen: 0, opened: 0, acted: 0 }
  const rest = [{ after: 'decided', what: 'queued', n: 1 }]
  assert.deepEqual(
    { ...funnel, bases: null },
    { group: 'comment.created', stages, bases: null, machineOpened: 0, rest },
  )
  assert.deepEqual((await world.get(url)).body, {
    ...(raw.body as object),
    funnels: [],
    behind: { source: 'rollup', newestEvent: new Date(at + 1000).toISOString(), ageMs: 3_599_000, dirty: 1 },
  })
  await world.rollUp()
  const { behind, ...counted } = (await world.get(url)).body as { behind: { dirty: number }; funnels: Any[] }
  assert.deepEqual([counted.funnels, behind.dirty], [[funnel], 0])
})

test('series and outcomes by hours and by days of a zone; the period before', async () => {
  await using world = await setup()
  const since = '2026-11-20T00:00:00Z'
  const until = '2026-11-21T00:00:00Z'
  const ask = async (path: string) =>
    (await world.get(`/v1/analytics/${path}&since=${since}&until=${until}&source=raw`)).body as Any
  const hours = (await ask('series?bucket=hour')) as unknown as {
    edges: string[]
    series: { stages: { intended: number[] } }[]
  }
  assert.deepEqual(
    [hours.edges.length, hours.edges[0], hours.edges[24]],
    [25, '2026-11-20T00:00:00.000Z', '2026-11-21T00:00:00.000Z'],
  )
  assert.deepEqual(
    hours.series[0]!.stages.intended,
    Array.from({ length: 24 }, (_, hour) => (hour === 12 ? 3 : 0)),
  )
  const days = (await ask('series?bucket=day&zone=Asia/Kolkata&by=channel')) as unknown as typeof hours
  assert.deepEqual(days.edges, ['2026-11-19T18:30:00.000Z', '2026-11-20T18:30:00.000Z', '2026-11-21T18:30:00.000Z'])
  assert.deepEqual(days.series[0]!.stages.intended, [3, 0])
  const outcomes = (await ask('outcomes?bucket=day')) as unknown as { outcomes: unknown }
  assert.deepEqual(outcomes.outcomes, [
    { what: 'sent', n: [2] },
    { what: 'queued', n: [1] },
  ])
  const compared = (
    await world.get(`/v1/analytics/funnel?since=${until}&until=2026-11-22T00:00:00Z&compare=previous&source=raw`)
  ).body as { funnels: { stages: Any }[]; previous: { since: string; funnels: { stages: { intended: number } }[] } }
  assert.deepEqual(
    [compared.previous.since, compared.previous.funnels[0]!.stages.intended],
    [new Date(since).toISOString(), 3],
  )
})

test('groups of fewer than the least are not told, only that there are some', async () => {
  await using world = await setup()
  await world.store([decidedPack(['rare'], { intents: [intentFacts('r', { type: 'rare.thing' })] })])
  const { body } = await world.get(`/v1/analytics/funnel?by=type&since=2026-11-20T00:00:00Z&source=raw`)
  const { funnels, hidden } = body as { funnels: { group: string }[]; hidden: number }
  assert.deepEqual([funnels.map(row => row.group), hidden], [['comment.created'], 1])
  const rare = await world.get(`/v1/analytics/funnel?type=rare.thing&since=2026-11-20T00:00:00Z&source=raw`)
  assert.deepEqual(rare.body, { ...(rare.body as object), funnels: [], hidden: 1 })
})

test('a question that cannot be answered is refused with all that is wrong with it', async () => {
  await using world = await setup()
  const { status, type, body } = await world.get('/v1/analytics/funnel?by=secret&channel=fax&since=yesterday&order=x')
  assert.equal(status, 400)
  assert.match(String(type), /application\/problem\+json/)
  assert.equal((body as { errors: unknown[] }).errors.length, 4)
  const bad = [
    'bucket=week&zone=Mars/Olympus&window=99y&unit=household',
    'compare=next&source=guess&times=yes&channel=push&channel=sms',
  ]
  for (const query of bad)
    assert.equal(
      ((await world.get(`/v1/analytics/series?${query}`)).body as { errors: unknown[] }).errors.length,
      4 + (query.includes('times') ? 2 : 0),
      query,
    )
  assert.equal((await world.get('/v1/analytics/series?since=2020-01-01T00:00:00Z&bucket=hour')).status, 400)
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
