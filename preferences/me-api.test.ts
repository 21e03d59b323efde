import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { OwnPreferences } from '#contracts/preferences.ts'
import { manualClock } from '#runtime/clock.ts'
import { createHttp, listen, problem } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { serveUsers } from '#runtime/user-requests.ts'
import { mintUserToken, type User } from '#runtime/user-tokens.ts'
import { preferencesApi } from './api.ts'
import { meApi } from './me-api.ts'
import { createStores, device } from './store.fixture.ts'

const noon = Date.parse('2026-11-21T12:00:00Z')
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** The API for people beside that for products. */
async function createApi() {
  await using opened = new AsyncDisposableStack()
  const stores = opened.use(await createStores())
  const clock = manualClock(noon)
  const app = createHttp({
    log: createLog({ role: 'test', write() {} }),
    metrics: createMetrics(),
    bodyLimitBytes: 99_999,
  })
  const users = serveUsers(app, { keys: [{ kid: 'k', key: publicKey }], audience: 'carillon', clock, origins: [] })
  const { db, addressKey } = stores
  const categories = ['social', 'billing']
  const offers = categories.map(category => ({ category, channels: [{ channel: 'push' as const, mandatory: false }] }))
  meApi(app, { db, clock, users, offers })
  const authorize = async () => {
    throw problem(401, {})
  }
  const producerOf = async () => ({ producer: 'accounts' })
  preferencesApi(app, { db, addressKey, clock, categories, authorize, producerOf })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.defer(() => app.close())
  const running = opened.move()
  const to = { key: privateKey, kid: 'k', audience: 'carillon', now: noon, scopes: ['preferences'] as const }
  return {
    ...stores,
    /** What a person does by a token of theirs. */
    as: (user: User) => async (route: string, body?: unknown, ifMatch?: string) => {
      const [method, path] = route.split(' ') as [string, string]
      const response = await fetch(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${await mintUserToken(user, to)}`,
          ...(body !== undefined && { 'content-type': 'application/merge-patch+json' }),
          ...(ifMatch !== undefined && { 'if-match': ifMatch }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      })
      const answer = (await response.json()) as OwnPreferences & { detail?: string }
      return { status: response.status, etag: response.headers.get('etag')!, body: answer }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const own = '/v1/me/preferences'

test('people see and change their own preferences, and the log says that it was they', async () => {
  await using api = await createApi()
  const ann = api.as({ recipient: 'ann' })
  const before = await ann(`GET ${own}`)
  assert.deepEqual([before.status, before.body.categories], [200, {}])
  const after = await ann(`PATCH ${own}`, { categories: { social: { push: false } } }, before.etag)
  assert.deepEqual([after.status, after.body.categories], [200, { social: { push: false } }])
  assert.equal(after.body.grid.find(one => one.category === 'social')!.cells[0]!.on, false)
  assert.deepEqual(await api.db.query('select recipient, source from consent_log'), [
    { recipient: 'ann', source: 'person' },
  ])
  assert.equal((await ann(`GET ${own}`)).etag, after.etag)
})

test('who changes what was changed meanwhile is told so, and changes nothing', async () => {
  await using api = await createApi()
  const ann = api.as({ recipient: 'ann' })
  const { etag } = await ann(`GET ${own}`)
  const answers = await Promise.all([
    ann(`PATCH ${own}`, { paused: true }, etag),
    ann(`PATCH ${own}`, { categories: { '*': { sms: false } } }, etag),
  ])
  assert.deepEqual(
    answers.map(({ status }) => status).sort((a, b) => a - b),
    [200, 412],
  )
  const now = await ann(`GET ${own}`)
  assert.equal(now.etag, answers.find(({ status }) => status === 200)!.etag)
  assert.equal((await ann(`PATCH ${own}`, { paused: null }, now.etag)).status, 200)
  const packed = `W/${(await ann(`GET ${own}`)).etag}`
  assert.equal((await ann(`PATCH ${own}`, { zone: 'Asia/Tokyo' }, packed)).status, 200, 'a proxy makes a tag weak')
  assert.equal((await ann(`PATCH ${own}`, { zone: null }, packed)).status, 412)
  assert.equal((await ann(`PATCH ${own}`, { quiet: { start: '22:00', end: '08:00' } })).status, 200)
})

test('nobody reaches another person or tenant, by path, query or body', async () => {
  await using api = await createApi()
  await api.upsert(noon, { id: 'bob', zone: 'Asia/Tokyo' })
  const ann = api.as({ recipient: 'ann', tenant: 'acme' })
  for (const query of ['user=bob', 'recipient=bob', 'id=bob', 'sub=bob'])
    assert.equal((await ann(`GET ${own}?${query}`)).status, 422)
  for (const route of ['/v1/me/preferences/bob', '/v1/me/bob/preferences', '/v1/me/../recipients/bob'])
    assert.ok([401, 404, 405].includes((await ann(`GET ${route}`)).status), route)
  for (const method of ['GET', 'PATCH', 'PUT', 'DELETE'])
    for (const path of ['/v1/recipients/bob', '/v1/recipients/bob/preferences', '/v1/recipients/ann/preferences'])
      assert.ok([401, 404, 405].includes((await ann(`${method} ${path}`)).status), `${method} ${path}`)
  for (const field of ['user', 'user_id', 'id', 'recipient', 'sub', 'tenant'])
    assert.equal((await ann(`PATCH ${own}`, { [field]: 'bob', paused: true })).status, 422)
  for (const tenant of ['other', 'acme']) assert.equal((await ann(`GET ${own}?tenant=${tenant}`)).status, 422)
  await api.upsert(noon, { id: 'bob', endpoints: [device('a-token-of-bob', 'phone')] })
  assert.equal((await ann('DELETE /v1/me/devices/phone')).status, 404)
  assert.deepEqual(await api.endpoints('bob'), ['push/phone active'])
  assert.deepEqual((await api.person('bob')).choices, {})
  assert.deepEqual((await api.person('ann')).choices, {})
  assert.deepEqual(await api.consent('ann'), [])
})

test('who was erased has nothing to change', async () => {
  await using api = await createApi()
  await api.erase(noon, 'ann')
  const ann = api.as({ recipient: 'ann' })
  assert.deepEqual([(await ann(`GET ${own}`)).status, (await ann(`PATCH ${own}`, { paused: true })).status], [410, 410])
})
