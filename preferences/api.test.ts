import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Queryable } from '#runtime/postgres.ts'
import { type Answer, createApi } from './api.fixture.ts'
import { audiencePage } from './preferences.ts'

/** Everything that is stored. */
async function dump(db: Queryable): Promise<string> {
  const tables = ['recipients', 'addresses', 'suppressions', 'consent_log', 'audience_members', 'tenants']
  return JSON.stringify(await Promise.all(tables.map(table => db.query(`select xmin, * from ${table} order by 2, 3`))))
}

test('a recipient is put, shown with masked addresses, and deleted', async () => {
  await using api = await createApi()
  const endpoints = [
    { id: 'phone', channel: 'push', provider: 'fcm', address: 'very-secret-token' },
    { channel: 'email', address: 'ann@mail.example' },
  ]
  const path = `/v1/recipients/${encodeURIComponent('ann/1 ?ö')}`
  assert.equal((await api.call(`GET ${path}`)).status, 200, 'nobody is a person with nothing set')
  assert.equal((await api.call(`PUT ${path}`, { locale: 'de', endpoints })).status, 204)
  const shown = await api.call(`GET ${path}`)
  assert.deepEqual(
    shown.body.endpoints?.map(({ channel, address, state }) => [channel, address, state]),
    [
      ['push', '…oken', 'active'],
      ['email', 'a…@mail.example', 'active'],
      ['in_app', undefined, 'active'],
    ],
  )
  const replaced = await api.call(`PUT ${path}/endpoints`, {
    endpoints: [{ channel: 'sms', address: '+4915112345678' }],
  })
  assert.deepEqual(
    replaced.body.endpoints?.map(({ channel, address }) => [channel, address]),
    [
      ['sms', '…5678'],
      ['in_app', undefined],
    ],
  )
  assert.equal((await api.call(`DELETE ${path}`)).status, 204)
  assert.equal((await api.call(`DELETE ${path}`)).status, 204)
  assert.equal((await api.call(`GET ${path}`)).status, 410)
  for (const secret of ['very-secret', 'ann@', '4915112345678'])
    assert.ok(!(api.lines.join() + shown.text + replaced.text).includes(secret))
})

test('choices are changed by merge patch and shown with what follows from them', async () => {
  await using api = await createApi()
  const path = '/v1/recipients/ann/preferences'
  await api.call('PUT /v1/recipients/ann', { endpoints: [{ channel: 'push', provider: 'fcm', address: 'token' }] })
  const effect = (answer: Answer) =>
    answer.effective?.map(({ category, channels }) => [
      category,
      ...channels.map(one => `${one.channel} ${one.on ? 'on' : 'off'} ${one.rule}`),
    ])
  assert.deepEqual(effect((await api.call(`GET ${path}`)).body), [
    ['social', 'push on default', 'sms on no_endpoint', 'email on no_endpoint', 'in_app on default'],
    ['billing', 'push on default', 'sms on no_endpoint', 'email on no_endpoint', 'in_app on default'],
  ])
  const patch = {
    categories: { '*': { push: false }, billing: { push: true } },
    threads: { t1: '2026-11-22T00:00:00Z', t2: true },
  }
  const patched = await api.call(`PATCH ${path}`, patch, { 'content-type': 'application/merge-patch+json' })
  const { categories, threads } = patched.body
  assert.deepEqual({ categories, threads }, { ...patch, threads: { ...patch.threads, t1: '2026-11-22T00:00:00.000Z' } })
  assert.deepEqual(
    effect(patched.body)?.map(row => row[1]),
    ['push off opted_out', 'push on opted_in'],
  )
  assert.equal(
    patched.body.effective?.[0]?.channels[0]?.sentence,
    'Not sent: the person switched everything by push off.',
  )
  await api.call(`PATCH ${path}`, { categories: null, threads: { t1: null } })
  assert.deepEqual((await api.call(`GET ${path}`)).body.categories, {})
  assert.deepEqual((await api.consent('ann')).slice(1), [
    ...['choice * push no', 'choice billing push yes', 'mute t1 no', 'mute t2 no'],
    ...['choice * push taken back', 'choice billing push taken back', 'mute t1 yes'],
  ])
  await api.call('DELETE /v1/recipients/ann')
  assert.equal((await api.call(`PATCH ${path}`, patch)).status, 410)
})

test('levels of servers, rooms and threads are set, for good or for a while, and shown as they count now', async () => {
  await using api = await createApi()
  const path = '/v1/recipients/ann/preferences'
  const change = async (levels: unknown) => (await api.call(`PATCH ${path}`, { levels })).body.levels
  assert.deepEqual(
    await change({ room: { r1: { level: 'mentions', everyone: false } }, tenant: { s1: { role: false } } }),
    {
      room: { r1: { level: 'mentions', everyone: false } },
      tenant: { s1: { role: false } },
    },
  )
  const until = '2026-11-21T13:00:00.000Z'
  const brief = { level: 'none', until, after: 'mentions', everyone: false }
  assert.deepEqual(await change({ room: { r1: { level: 'none', until } }, tenant: null }), { room: { r1: brief } })
  assert.deepEqual(await change({ room: { r1: { everyone: null } } }), {
    room: { r1: { level: 'none', until, after: 'mentions' } },
  })
  await change({ room: { r1: { level: 'none', until: '2026-11-21T12:00:00Z' } } })
  assert.deepEqual((await api.call(`GET ${path}`)).body.levels, { room: { r1: { level: 'mentions' } } })
  assert.deepEqual(await change({ room: { r1: null } }), {})
  assert.deepEqual(await api.consent('ann'), [
    ...['level no', 'mention no', 'mention no', 'level no', 'mention taken back', 'mention taken back'],
    ...['level no', 'level taken back'],
  ])
  const wrong = {
    server: {},
    room: { r1: { level: 'loud', until: 'soon', here: true }, r2: { until }, r3: 7, 'a"b': { role: 1 } },
  }
  const refused = await api.call(`PATCH ${path}`, { levels: wrong })
  assert.deepEqual(
    refused.body.errors?.map(error => error.pointer),
    [
      ...['#/levels/server', '#/levels/room/r1/here', '#/levels/room/r1/level', '#/levels/room/r1/until'],
      ...['#/levels/room/r2/until', '#/levels/room/r3', '#/levels/room/a"b', '#/levels/room/a"b/role'],
    ],
  )
  const many = Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`r${n}`, { level: 'none' }]))
  const full = await api.call(`PATCH ${path}`, { levels: { room: many } })
  assert.deepEqual([full.status, full.body.errors?.map(error => error.pointer)], [422, ['#/levels/room']])
})

test('what a tenant sets is put as a whole and shown, and counts for people who said nothing', async () => {
  await using api = await createApi()
  const tenant = {
    defaults: { '*': { sms: false }, social: { push: true } },
    locks: { billing: { email: true } },
    ...{ zone: 'Europe/Berlin', locale: 'de-AT', quiet: { start: '22:00', end: '08:00' } },
  }
  const path = '/v1/tenants/acme'
  assert.deepEqual((await api.call(`GET ${path}`)).body, {})
  assert.equal((await api.call(`PUT ${path}`, tenant)).status, 204)
  assert.deepEqual((await api.call(`GET ${path}`)).body, tenant)
  assert.equal(
    (await api.call(`PUT ${path}`, { zone: 'Asia/Tokyo', locale: null, locks: { social: null } })).status,
    204,
  )
  assert.deepEqual((await api.call(`GET ${path}`)).body, { zone: 'Asia/Tokyo' })
  const wrong = {
    ...{ defaults: { sozial: {}, social: { fax: true } }, locks: { '*': { push: 1 } }, zone: '+01:00', locale: 7 },
    ...{ quiet: { start: '22:00' }, colour: 'red' },
  }
  assert.deepEqual(
    (await api.call(`PUT ${path}`, wrong)).body.errors?.map(error => error.pointer),
    [
      ...['#/colour', '#/defaults/sozial', '#/defaults/social/fax', '#/locks/*/push'],
      ...['#/zone', '#/locale', '#/quiet/end'],
    ],
  )
  assert.deepEqual((await api.call(`GET ${path}`)).body, { zone: 'Asia/Tokyo' })
  await api.call(`PUT ${path}`, {})
  assert.deepEqual(await api.db.query('select 1 from tenants'), [])
})

test('what follows from choices is asked for one category, channel, place and reason, with the rule that decides', async () => {
  await using api = await createApi()
  const path = '/v1/recipients/ann/preferences'
  await api.call(`PATCH ${path}`, { levels: { room: { r1: { level: 'mentions' } } } })
  await api.call('PUT /v1/tenants/acme', { locks: { billing: { in_app: false } } })
  const asked = async (query: string) =>
    (await api.call(`GET ${path}?${query}`)).body.effective?.flatMap(({ category, channels }) =>
      channels.map(({ channel, on, rule }) => `${category} ${channel} ${on ? 'on' : 'off'} ${rule}`),
    )
  assert.deepEqual(await asked('channel=in_app&room=r1'), ['social in_app off level', 'billing in_app off level'])
  assert.deepEqual(await asked('channel=in_app&room=r1&category=social&reason=mention'), ['social in_app on default'])
  assert.deepEqual(await asked('channel=in_app&tenant=acme&category=billing'), ['billing in_app off tenant_locked'])
  const wrong = await api.call(`GET ${path}?channel=fax&category=x&colour=red&room=`)
  assert.deepEqual(
    wrong.body.errors?.map(error => error.pointer),
    ['#/category', '#/channel', '#/colour', '#/room'],
  )
})

test('a pause until tomorrow ends in the morning of the zone: their own, that given with it, or their tenant’s', async () => {
  await using api = await createApi()
  await api.call('PUT /v1/tenants/acme', { zone: 'Asia/Kolkata' })
  await api.call('PUT /v1/recipients/ann', { tenant: 'acme' })
  const path = '/v1/recipients/ann/preferences'
  const paused = async (patch: object) =>
    (await api.call(`PATCH ${path}`, { paused: 'tomorrow', ...patch })).body.paused
  assert.equal(await paused({}), '2026-11-22T02:30:00.000Z')
  assert.equal(await paused({ zone: 'Europe/Berlin' }), '2026-11-22T07:00:00.000Z')
  assert.equal(await paused({}), '2026-11-22T07:00:00.000Z')
  assert.equal(await paused({ zone: null }), '2026-11-22T02:30:00.000Z')
})

test('no quiet hours at all is a word of its own, put or patched, and null takes it back', async () => {
  await using api = await createApi()
  const night = { start: '22:00', end: '08:00' }
  await api.call('PUT /v1/tenants/acme', { quiet: night })
  await api.call('PUT /v1/recipients/ann', { tenant: 'acme', quiet: 'none' })
  const path = '/v1/recipients/ann/preferences'
  const shown = ({ quiet, quietHours }: Answer) => [quiet, quietHours?.rule, quietHours?.windows]
  assert.deepEqual(shown((await api.call(`GET ${path}`)).body), ['none', 'own', []])
  assert.equal((await api.call('GET /v1/recipients/ann')).body.quiet, 'none')
  assert.deepEqual(shown((await api.call(`PATCH ${path}`, { quiet: null })).body), [
    undefined,
    'tenant_default',
    [night],
  ])
  assert.deepEqual(shown((await api.call(`PATCH ${path}`, { quiet: 'none' })).body), ['none', 'own', []])
  await api.call('PUT /v1/recipients/ann', { quiet: null })
  assert.equal((await api.call('GET /v1/recipients/ann')).body.quiet, undefined)
  assert.deepEqual(await api.consent('ann'), [])
})

test('how often to hear of a category is kept and shown, and taken back', async () => {
  await using api = await createApi()
  const path = '/v1/recipients/ann/preferences'
  const change = async (cadence: unknown) =>
    (await api.call(`PATCH ${path}`, { cadence })).body.effective?.map(one => one.cadence)
  assert.deepEqual(await change({ social: 'daily', billing: 'instant' }), ['daily', 'instant'])
  assert.deepEqual(await change({ social: 'weekly', billing: null }), ['weekly', undefined])
  assert.deepEqual(await change(null), [undefined, undefined])
  assert.deepEqual(await api.consent('ann'), [])
  const wrong = await api.call(`PATCH ${path}`, { cadence: { social: 'yearly', sport: 'daily' } })
  assert.deepEqual(
    wrong.body.errors?.map(error => error.pointer),
    ['#/cadence/social', '#/cadence/sport'],
  )
})

test('audiences are added to, replaced by range and as a whole, and removed from', async () => {
  await using api = await createApi()
  const path = '/v1/audiences/thread%3A42/members'
  const members = async () =>
    (await audiencePage(api.db, { audiences: ['thread:42'], after: '', limit: 200_000 })).map(one => one.recipient)
  const done = async (method: string, body: unknown, to = path) =>
    assert.equal((await api.call(`${method} ${to}`, body)).status, 204)
  await done('POST', { members: ['u1', { id: 'u2', reason: 'author' }, { id: 'u3' }] })
  await done('DELETE', { ids: ['u1'] })
  assert.deepEqual(await members(), ['u2', 'u3'])
  await done('PUT', { after: 'u2', until: 'u9', members: ['u5'] })
  await done('POST', { ids: ['u2'] }, `${path}/remove`)
  assert.deepEqual(await members(), ['u5'])
  const many = Array.from({ length: 100_000 }, (_, n) => `user-${String(n).padStart(6, '0')}`)
  await done('PUT', { members: many })
  assert.deepEqual(await members(), many)
  assert.equal((await api.call(`PUT ${path}`, { members: [...many, 'one more'] })).status, 422)
  const outside = await api.call(`PUT ${path}`, { after: 'u2', until: 'u9', members: ['u3', 'u2', 'v'] })
  assert.deepEqual(
    outside.body.errors?.map(error => error.pointer),
    ['#/members/1'],
  )
  const wrong = await api.call(`POST ${path}`, { members: ['', { id: 'u1', reason: 7 }, null, 'fine'] })
  assert.deepEqual(
    wrong.body.errors?.map(error => error.pointer),
    ['#/members/0', '#/members/1', '#/members/2'],
  )
})

test('every problem is told at once, and nothing is changed', async () => {
  await using api = await createApi()
  const before = await dump(api.db)
  const long = 'x'.repeat(201)
  const cases: [method: string, path: string, body: unknown, status: number, pointers?: string[]][] = [
    [
      'PUT',
      '/v1/recipients/u1',
      { zone: 'Mars', quiet: { windows: [{}] }, endpoints: [{ channel: 'sms', address: '12' }] },
      422,
      ['#/zone', '#/quiet/windows/0/start', '#/quiet/windows/0/end', '#/endpoints/0/address'],
    ],
    ['PUT', '/v1/recipients/u1', [], 422, ['#']],
    ['PUT', '/v1/recipients/u1/endpoints', { endpoints: 'x' }, 422, ['#/endpoints']],
    ['PUT', '/v1/recipients/u1/endpoints', { endpoints: [], locale: 'de' }, 422, ['#/locale']],
    [
      'PATCH',
      '/v1/recipients/u1/preferences',
      { categories: { sozial: {} }, threads: 7 },
      422,
      ['#/categories/sozial', '#/threads'],
    ],
    ['PUT', '/v1/audiences/a/members', { after: 7, members: [] }, 422, ['#']],
    ['PUT', '/v1/audiences/a/members', { afterwards: 'u1', members: [] }, 422, ['#/afterwards']],
    ['PUT', `/v1/recipients/${long}`, {}, 404],
    ['GET', `/v1/recipients/${encodeURIComponent('a"b')}/preferences`, undefined, 404],
    ['DELETE', '/v1/audiences/a/members', { ids: ['a\u0000'] }, 422, ['#/ids/0']],
  ]
  for (const [method, path, body, status, pointers] of cases) {
    const answer = await api.call(`${method} ${path}`, body)
    assert.equal(answer.status, status, `${method} ${path} ${answer.text}`)
    assert.deepEqual(
      answer.body.errors?.map(error => error.pointer),
      pointers,
    )
  }
  assert.equal(await dump(api.db), before)
})

test('who has no token gets nothing, and a question changes nothing', async () => {
  await using api = await createApi()
  await api.call('PUT /v1/recipients/u1', { endpoints: [{ channel: 'email', address: 'ann@mail.example' }] })
  const before = await dump(api.db)
  const routes = [
    ...[
      'GET /v1/recipients/u1',
      'PUT /v1/recipients/u1',
      'DELETE /v1/recipients/u1',
      'PUT /v1/recipients/u1/endpoints',
    ],
    ...['GET /v1/recipients/u1/preferences', 'PATCH /v1/recipients/u1/preferences', 'POST /v1/audiences/a/members'],
    ...['GET /v1/tenants/acme', 'PUT /v1/tenants/acme'],
    ...['PUT /v1/audiences/a/members', 'DELETE /v1/audiences/a/members', 'POST /v1/audiences/a/members/remove'],
  ].map(route => route.split(' ') as [string, string])
  for (const [method, path] of routes) {
    const answer = await api.call(`${method} ${path}`, method === 'GET' ? undefined : {}, {
      authorization: 'Bearer wrong',
    })
    assert.equal(answer.status, 401, `${method} ${path}`)
  }
  for (const id of ['u1', 'nobody'])
    for (const path of [`/v1/recipients/${id}`, `/v1/recipients/${id}/preferences`])
      for (const method of ['GET', 'HEAD']) await api.call(`${method} ${path}`)
  assert.equal(await dump(api.db), before)
})
