import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { at, decidedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { setup } from './api.fixture.ts'
import { productEventDays } from './lift-store.ts'

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
  await world.store([
    decidedPack(['rare'], { intents: [intentFacts('r', { type: 'rare.thing' })] }),
    decidedPack(people(2), { intents: [intentFacts('s', { type: 'small.thing' })] }),
  ])
  await world.rollUp()
  const { body } = await world.get(`/v1/analytics/funnel?by=type&since=2026-11-20T00:00:00Z&source=raw`)
  const { funnels, hidden } = body as { funnels: { group: string }[]; hidden: number }
  // Were the small one told, who has all would have the rare one by taking away.
  assert.deepEqual([funnels.map(row => row.group), hidden], [['comment.created'], 2])
  const rare = await world.get(`/v1/analytics/funnel?type=rare.thing&since=2026-11-20T00:00:00Z&source=raw`)
  assert.deepEqual(rare.body, { ...(rare.body as object), funnels: [], hidden: 1 })
  const asked = 'since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z&source=raw'
  const told = async (query: string) => (await world.get(`/v1/analytics/${query}`)).body as Record<string, unknown>
  const series = await told(`series?by=type&${asked}`)
  assert.deepEqual([(series['series'] as Any[]).map(({ group }) => group), series['hidden']], [['comment.created'], 2])
  for (const [query, list] of [
    [`outcomes?type=rare.thing&${asked}`, 'outcomes'],
    ['lift?type=rare.thing&event=thread.joined', 'groups'],
    ['tail?type=rare.thing', 'lines'],
  ] as const) {
    const answer = await told(query)
    assert.deepEqual([answer[list], answer['hidden']], [[], 1], query)
  }
  const later = 'since=2026-11-21T00:00:00Z&until=2026-11-22T00:00:00Z&source=raw'
  const { previous } = (await told(`funnel?type=rare.thing&compare=previous&${later}`)) as { previous: Any }
  assert.deepEqual([previous['funnels'], previous['hidden']], [[], 1])
  for (const kind of ['funnel', 'series', 'outcomes']) {
    const { body: rows } = await world.file(`/v1/analytics/export?of=${kind}&type=rare.thing&${asked}`)
    assert.equal(rows.trim().split('\r\n').length, 1, kind)
  }
})

test('a group of many notifications of few people is small, where folds answer', async () => {
  await using world = await setup()
  const localeOf = (recipients: string[], locale: string) =>
    [1, 2, 3].map(n => {
      const pack = decidedPack(recipients, { intents: [intentFacts(`${locale}-${n}`, { type: 'many.of.few' })] })
      for (const slot of pack.slots) slot.locale = locale
      return pack
    })
  await world.store([
    ...localeOf(['solo'], 'de-AT'),
    ...localeOf(['ann', 'ben'], 'en-GB'),
    ...localeOf(people(4), 'fr-FR'),
  ])
  await world.rollUp()
  const asked = 'type=many.of.few&since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z'
  const told = async (path: string) => {
    const { funnels, series, hidden } = (await world.get(`/v1/analytics/${path}&${asked}`)).body as {
      funnels?: { group: string }[]
      series?: { group: string }[]
      hidden: number
    }
    return [(funnels ?? series)!.map(({ group }) => group), hidden]
  }
  for (const path of [
    ...['funnel?by=locale', 'funnel?by=locale&unit=recipient', 'series?by=locale'],
    'series?by=locale&bucket=day&zone=Asia/Kolkata',
  ])
    assert.deepEqual(await told(path), [['fr-FR'], 2], path)
  assert.deepEqual(await told('funnel?locale=de-AT'), [[], 1])
  const outcomes = (await world.get(`/v1/analytics/outcomes?locale=de-AT&${asked}`)).body as Any
  assert.deepEqual([outcomes['outcomes'], outcomes['hidden']], [[], 1])
})

test('a period of too few is not told, nor what would tell of it by what is missing', async () => {
  await using world = await setup()
  const hourMs = 3_600_000
  const sizes = [5, 4, 1, 3]
  await world.store(
    sizes.flatMap((size, n) => {
      const of = { intents: [intentFacts(`of-${n}`, { type: 'night.shift', occurredAt: at - n * hourMs })] }
      return [decidedPack(people(size), of), settledPack(people(size), of)]
    }),
  )
  const asked = `type=night.shift&since=${new Date(at - 3 * hourMs).toISOString()}&until=${new Date(at + hourMs).toISOString()}&source=raw`
  const { series } = (await world.get(`/v1/analytics/series?${asked}`)).body as { series: { stages: Any }[] }
  const told = [null, null, 4, 5]
  assert.deepEqual([series[0]!.stages['intended'], series[0]!.stages['accepted']], [told, told])
  const { outcomes } = (await world.get(`/v1/analytics/outcomes?${asked}`)).body as { outcomes: unknown }
  assert.deepEqual(outcomes, [{ what: 'sent', n: told }])
  const rows = (await world.file(`/v1/analytics/export?of=outcomes&${asked}`)).payload.trim().split('\r\n')
  assert.deepEqual(
    rows.slice(1).map(row => row.split(',').at(-1)),
    ['', '', '4', '5'],
  )
  const parquet = await world.file(`/v1/analytics/export?of=series&format=parquet&${asked}`)
  assert.equal(parquet.statusCode, 200, parquet.payload)
})

test('a question that cannot be answered is refused with all that is wrong with it', async () => {
  await using world = await setup()
  for (const path of ['funnel?', 'lift?type=comment.created&event=invite.accepted&']) {
    const late = await world.get(`/v1/analytics/${path}since=2027-01-01`)
    assert.equal(late.status, 400, path)
    assert.match(JSON.stringify(late.body), /since must not be after until, which is the end of this hour/)
  }
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
      4,
      query,
    )
  assert.equal((await world.get('/v1/analytics/series?since=2020-01-01T00:00:00Z&bucket=hour')).status, 400)
  // What an answer would leave aside.
  for (const query of [
    'outcomes?by=tenant',
    'funnel?bucket=day',
    'export?of=series&times=true',
    'export?compare=previous',
  ])
    assert.equal((await world.get(`/v1/analytics/${query}`)).status, 400, query)
  assert.equal((await world.get(`/v1/analytics/funnel?type=${'x'.repeat(201)}`)).status, 400)
})

test('names that try to be SQL or a formula are names', async () => {
  await using world = await setup()
  const type = `=cmd|' /C calc'!A0'; drop table delivery_events; --`
  await world.store([decidedPack(people(2), { intents: [intentFacts('evil', { type })] })])
  const since = 'since=2026-11-20T00:00:00Z&source=raw'
  const { body } = await world.get(`/v1/analytics/funnel?type=${encodeURIComponent(type)}&by=type&${since}`)
  const { funnels } = body as { funnels: { group: string; stages: { intended: number } }[] }
  assert.deepEqual([funnels[0]!.group, funnels[0]!.stages.intended], [type, 2])
  for (const field of ['by', 'unit', 'source', 'bucket', 'zone', 'window', 'channel', 'lane'])
    assert.equal(
      (await world.get(`/v1/analytics/series?${since}&${field}=${encodeURIComponent("type' or 1=1 --")}`)).status,
      400,
    )
  const file = await world.file(`/v1/analytics/export?by=type&${since}`)
  assert.equal(file.headers['content-type'], 'text/csv; charset=utf-8; header=present')
  const lines = file.payload.split('\r\n')
  assert.equal(lines[0], 'group,stage,rest,reason,n,base_first,base_previous,p50_ms,p90_ms,p99_ms')
  assert.ok(lines.includes(`"'${type}",decided,,,2,2,2,,,`), file.payload)
  assert.ok(lines.includes('comment.created,decided,queued,,1,,,,,'))
})

test('an answer as a file, of each kind and format; what is no kind is refused', async () => {
  await using world = await setup()
  for (const kind of ['funnel', 'series', 'outcomes']) {
    const time = 'since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z&source=raw'
    const since = `${time}${kind === 'funnel' ? '' : '&bucket=day'}`
    const csv = await world.file(`/v1/analytics/export?of=${kind}&${since}`)
    assert.ok(csv.payload.split('\r\n').length > 2, csv.payload)
    const parquet = await world.file(`/v1/analytics/export?of=${kind}&format=parquet&${since}`)
    assert.deepEqual([parquet.statusCode, parquet.rawPayload.subarray(0, 4).toString()], [200, 'PAR1'])
    assert.match(String(parquet.headers['content-disposition']), /filename="carillon-/)
  }
  const wrong = await world.get('/v1/analytics/export?of=passwords&format=exe&order=x')
  assert.deepEqual([wrong.status, (wrong.body as { errors: unknown[] }).errors.length], [400, 3])
})

test('every answer is as the description says', async () => {
  await using world = await setup()
  const { body } = await world.get('/v1/analytics/openapi.json', '')
  type Described = {
    paths: Record<string, { get: { responses: { '200': { content: Record<string, { schema: object }> } } } }>
  }
  const { paths } = body as Described
  const decided = decidedPack(people(9))
  for (const slot of decided.slots.slice(5)) slot.what = 'holdout'
  await world.store([decided])
  for (const path of Object.keys(paths)) {
    const { content } = paths[path]!.get.responses['200']
    const ofDay = 'since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z'
    const asked = path.endsWith('tail')
      ? 'channel=push'
      : `${ofDay}&${path.endsWith('lift') ? 'type=comment.created&event=invite.accepted' : `source=raw${path.endsWith('outcomes') ? '' : '&by=channel'}`}`
    const { status, body } = await world.get(`${path}?${asked}`).catch(() => ({ status: 200, body: undefined }))
    assert.equal(status, 200, path)
    const schema = content['application/json']?.schema
    if (schema) z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).parse(body)
  }
  const timed = await world.get('/v1/analytics/funnel?since=2026-11-20T00:00:00Z&times=true&compare=previous')
  const funnel = paths['/v1/analytics/funnel']!.get.responses['200'].content['application/json']!.schema
  z.fromJSONSchema(funnel as Parameters<typeof z.fromJSONSchema>[0]).parse(timed.body)
  for (const bad of [
    '',
    'type=x',
    'type=x&event=y&compare=z',
    'type=x&event=y&by=type',
    'type=x&event=y&unit=recipient',
  ])
    assert.equal((await world.get(`/v1/analytics/lift?${bad}`)).status, 400, bad)
})

test('lift since when nobody knows any more what people did is refused, not told as none', async () => {
  await using world = await setup()
  const lift = (ms: number) =>
    world.get(
      `/v1/analytics/lift?type=x&event=y&since=${new Date(ms).toISOString()}&until=${new Date(at).toISOString()}`,
    )
  // Who says only until when is asked about the week before.
  const until = new Date(at - 20 * 86_400_000).toISOString()
  assert.equal((await world.get(`/v1/analytics/lift?type=x&event=y&until=${until}`)).status, 200)
  const oldest = at + 3_600_000 - productEventDays * 86_400_000
  assert.equal((await lift(oldest)).status, 200)
  const { status, body } = await lift(oldest - 1)
  assert.equal(status, 400)
  assert.deepEqual((body as { errors: unknown[] }).errors, [
    { detail: 'querystring since must be in the last 35 days: for so long it is known what people did' },
  ])
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
