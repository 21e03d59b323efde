import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InboxMark } from '#contracts/engagement.ts'
import { intentId } from '#contracts/ids.ts'
import { manualClock } from '#runtime/clock.ts'
import { createHttp, listen, problem } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { engagementApi } from './engagement-api.ts'
import { createStores } from './store.fixture.ts'

const noon = Date.parse('2026-11-21T12:00:00Z')
const intent = intentId({ producer: 'docs', key: 'k' })

/** The API on a port of its own; the inbox, which is another stage's, notes what it is asked to mark. */
async function createApi() {
  await using opened = new AsyncDisposableStack()
  const { db } = opened.use(await createStores())
  const clock = manualClock(noon)
  const marked: InboxMark[] = []
  const told: object[] = []
  const log = createLog({ role: 'test', write: () => {} })
  const app = createHttp({ log, metrics: createMetrics(), bodyLimitBytes: 1024 * 1024 })
  const known = (request: { headers: { authorization?: string | undefined } }) => {
    if (request.headers.authorization !== 'Bearer secret') throw problem(401, { detail: 'who are you?' })
  }
  engagementApi(app, {
    ...{ db, clock, successes: new Set(['invite.accepted']) },
    tellSuccess: async (_tx, success) => void told.push(success),
    markInbox: async (_tx, mark) => marked.push(mark) - marked.length,
    authorize: async request => known(request),
    producerOf: async request => {
      known(request)
      return { producer: 'docs' }
    },
  })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.defer(() => app.close())
  const running = opened.move()
  return {
    ...{ db, clock, marked, told },
    call: async (route: string, body?: unknown) => {
      const [method, path] = route.split(' ') as [string, string]
      const response = await fetch(new URL(path, url), {
        method,
        headers: { authorization: 'Bearer secret', ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      const { errors = [] } = (text === '' ? {} : JSON.parse(text)) as { errors?: { pointer: string }[] }
      return [response.status, ...errors.map(error => error.pointer)]
    },
    rows: (table: string) => db.query<Record<string, unknown>>(`select * from ${table} t order by t::text`),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('what is read and seen reaches the marks and the inbox, the same again changes nothing', async () => {
  await using api = await createApi()
  for (let n = 0; n < 2; n++) {
    assert.deepEqual(
      await api.call('POST /v1/recipients/u1/read', { thread: 't1', upTo: '2026-11-21T11:00:00Z', device: 'phone' }),
      [204],
    )
    assert.deepEqual(await api.call('POST /v1/recipients/u1/read'), [204])
    assert.deepEqual(await api.call('POST /v1/recipients/u1/read', { intent }), [204])
    assert.deepEqual(await api.call('POST /v1/recipients/u1/seen', { intent }), [204])
  }
  const marks = (await api.rows('watermarks')).map(({ recipient, thread, up_to }) => [recipient, thread, up_to])
  assert.deepEqual(marks, [['u1', 't1', new Date(noon - 3_600_000)]])
  const [person] = await api.rows('recipients')
  assert.deepEqual(person!.read_up_to, new Date(noon))
  const engaged = (await api.rows('engagements')).map(({ intent_id, what }) => [intent_id, what])
  assert.deepEqual(engaged, [
    [intent, 'read'],
    [intent, 'seen'],
  ])
  const { after: _, ...first } = api.marked[0] as Extract<InboxMark, { after: number }>
  const read = { recipient: 'u1', what: 'read', thread: 't1', device: 'phone', upTo: noon - 3_600_000, now: noon }
  assert.deepEqual(first, read)
})

test('an event is of one intent of the producer, or of all; its latest time counts', async () => {
  await using api = await createApi()
  const event = { user: 'u1', event: 'invite.accepted' }
  assert.deepEqual(await api.call('POST /v1/events', event), [204])
  assert.deepEqual(await api.call('POST /v1/events', { ...event, key: 'k' }), [204])
  api.clock.set(noon + 1_000)
  assert.deepEqual(await api.call('POST /v1/events', event), [204])
  const rows = (await api.rows('engagements')).map(({ intent_id, event: of, at }) => [intent_id, of, at])
  assert.deepEqual(rows, [
    ['00000000-0000-0000-0000-000000000000', 'invite.accepted', new Date(noon + 1_000)],
    [intent, 'invite.accepted', new Date(noon)],
  ])
  const success = { recipient: 'u1', event: 'invite.accepted' }
  assert.deepEqual(api.told, [
    { ...success, at: noon },
    { ...success, at: noon, intent },
    { ...success, at: noon + 1_000 },
  ])
})

test('the last word on presence counts', async () => {
  await using api = await createApi()
  const said = async (activeUntil: unknown) => {
    assert.deepEqual(await api.call('PUT /v1/recipients/u1/presence', { activeUntil }), [204])
    return (await api.rows('presence'))[0]!.active_until
  }
  assert.deepEqual(await said('2026-11-22T12:00:00Z'), new Date(noon + 86_400_000))
  assert.deepEqual(await said('2026-11-21T12:05:00Z'), new Date(noon + 300_000))
  assert.deepEqual(await said(null), new Date(noon))
})

test('a wrong body is refused with all its problems and changes nothing', async () => {
  await using api = await createApi()
  const cases: [string, unknown, (number | string)[]][] = [
    ['POST /v1/recipients/u1/read', { upTo: '2026-11-21T12:02:00Z', thread: '' }, [422, '#/thread', '#/upTo']],
    ['POST /v1/recipients/u1/read', { upTo: 'noon', device: '' }, [422, '#/device', '#/upTo']],
    ['POST /v1/recipients/u1/seen', { device: 'phone' }, [422, '#/device']],
    ['POST /v1/recipients/u1/seen', { intent, thread: 't1' }, [422, '#/intent']],
    ['POST /v1/recipients/u1/seen', { intent: 'x' }, [422, '#/intent']],
    ['POST /v1/recipients/u1/read', { until: 1 }, [422, '#/until']],
    ['POST /v1/recipients/u1/read', { until: 1, upTo: 'noon' }, [422, '#/until', '#/upTo']],
    ['POST /v1/recipients/%22/read', {}, [404]],
    ['PUT /v1/recipients/u1/presence', { activeUntil: '2026-11-22T12:00:01Z' }, [422, '#/activeUntil']],
    ['PUT /v1/recipients/u1/presence', {}, [422, '#/activeUntil']],
    ['POST /v1/events', { user: '', event: 'liked', key: 7 }, [422, '#/user', '#/event', '#/key']],
  ]
  for (const [route, body, expected] of cases) assert.deepEqual(await api.call(route, body), expected, route)
  for (const table of ['watermarks', 'engagements', 'presence', 'recipients'])
    assert.deepEqual(await api.rows(table), [], table)
})
