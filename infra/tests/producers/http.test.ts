import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyHash } from '#contracts/body-hash.ts'
import { type EpochMs, intentId, newSetId, type RecipientId } from '#contracts/ids.ts'
import { type Intent, intentBytesMax, parseIntent } from '#contracts/intent.ts'
import { retract } from '#cli/retract.ts'
import { inboxApi } from '#channels/in-app/inbox-api.ts'
import type { InboxStreams } from '#channels/in-app/inbox-streams.ts'
import { admitIntents, type RefusedMessage, refuseMessages } from '#ledger/admit.ts'
import { claimBatch, recordBatch } from '#ledger/claim.ts'
import { type Decided, writeSet } from '#ledger/set.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { intentsApi } from '#producers/http/intents-api.ts'
import { simulateApi } from '#producers/http/simulate-api.ts'
import { createProducerToken, revokeProducerTokens } from '#producers/http/producer-tokens.ts'
import type { OpenApi } from '#producers/http/openapi-parts.ts'
import { apiClient } from '#producers/sdk/api-client.ts'
import { NotStoredError, UnknownError } from '#producers/sdk/errors.ts'
import type { Message } from '#producers/sdk/lane-queue.ts'
import { meApi } from '#preferences/me-api.ts'
import { systemClock } from '#runtime/clock.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { serveUsers } from '#runtime/user-requests.ts'
import { testDatabase } from '../servers.ts'
import { startProxy } from './proxy.ts'

const now: EpochMs = Date.now()
const data = { commentId: 'c1', author: 'ada', title: 'Docs', excerpt: 'Hello', url: 'https://docs.example/1' }
const body = { type: 'comment.created', to: ['u1', { audience: 'team' }], data, key: 'k1' }

/** The API on a real server and database. `fail` is what storing a message fails with. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const { url: databaseUrl } = opened.use(await testDatabase())
  const direct = new URL(databaseUrl)
  const proxy = opened.use(await startProxy(Number(direct.port)))
  direct.port = String(proxy.port)
  const db = opened.use(await openPostgres({ url: direct.href, connectionsMax: 4, name: 'test' }))
  const log: string[] = []
  const app = createHttp({
    log: createLog({ role: 'test', write: line => log.push(line) }),
    metrics: createMetrics(),
    bodyLimitBytes: 1024 * 1024,
  })
  opened.defer(() => app.close())
  const stored: Message[] = []
  const publishing: { fail?: Error } = {}
  const publish = async (message: Message) => {
    if (publishing.fail) throw publishing.fail
    stored.push(message)
  }
  intentsApi(app, { catalogue, db, publisher: { publish }, retract: intent => retract(db, { ...intent, now }) })
  simulateApi(app, { catalogue, db, simulate: async () => ({}) })
  const users = serveUsers(app, { keys: [], audience: 'carillon', clock: systemClock, origins: [] })
  meApi(app, { db, clock: systemClock, users, offers: [] })
  // Nobody is let in, so nobody listens.
  inboxApi(app, { db, clock: systemClock, catalogue, users, streams: {} as InboxStreams, tell() {} })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const token = await createProducerToken(db, { producer: 'docs', types: ['comment.created', 'issue.assigned'] })
  const running = opened.move()
  return { url, token, db, proxy, stored, publishing, log, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
type World = Awaited<ReturnType<typeof setup>>

type Answer = { status: number; headers: Headers; body: Record<string, unknown> & { errors?: { detail: string }[] } }

async function post(world: World, said: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return postTo('/v1/intents', { world, said, headers })
}

type Posted = { world: World; said: unknown; headers?: Record<string, string> }

async function postTo(path: string, { world, said, headers }: Posted): Promise<Answer> {
  const response = await fetch(`${world.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json', ...headers },
    body: typeof said === 'string' ? said : JSON.stringify(said),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] }
}

const problemsOf = (answer: Answer): string[] =>
  (answer.body.errors ?? []).map(({ detail }) => detail.replace(/:.*/, ''))

test('202 means stored: the producer comes from the token, the key from body or header', async () => {
  await using world = await setup()
  const answer = await post(world, { ...body, expiresIn: '10m' })
  assert.equal(answer.status, 202)
  const id = intentId({ producer: 'docs', key: 'k1' })
  assert.deepEqual(answer.body, { intentId: id, statusUrl: '/v1/intents/k1/status' })
  const parsed = parseIntent(world.stored[0]!.bytes)
  assert.ok(parsed.ok && parsed.intent.producer === 'docs' && parsed.intent.to.length === 2)
  const { key: _key, ...unkeyed } = body
  assert.equal((await post(world, unkeyed, { 'idempotency-key': '"k2"' })).status, 202)
  assert.equal((await post(world, unkeyed, { 'idempotency-key': 'k 3' })).body['statusUrl'], '/v1/intents/k%203/status')
  assert.equal((await post(world, body, { 'idempotency-key': '"k1"' })).status, 202)
  assert.deepEqual(problemsOf(await post(world, body, { 'idempotency-key': '"other"' })), ['key'])
  assert.deepEqual(problemsOf(await post(world, { ...body, producer: 'payments' })), ['producer'])
})

test('what is wrong is refused with every problem, before anything is stored', async () => {
  await using world = await setup()
  const wrong = await post(world, {
    ...body,
    to: [{ user: 'u1' }],
    data: { ...data, author: 7 },
    key: '',
    colour: 'red',
  })
  assert.equal(wrong.status, 422)
  assert.match(wrong.headers.get('content-type')!, /^application\/problem\+json/)
  assert.deepEqual(problemsOf(wrong), ['colour', 'key', 'to[0]', 'data.author'])
  const { key: _key, ...unkeyed } = body
  const unknown = await post(world, { ...unkeyed, type: 'comment.craeted', to: [] })
  assert.equal(unknown.status, 422)
  assert.match(unknown.body.errors![0]!.detail, /type "comment\.craeted" is not in catalogue version/)
  assert.match(unknown.body.errors![1]!.detail, /key: is missing: .*Idempotency-Key/)
  assert.match(unknown.body.errors![2]!.detail, /^to: /)
  const says = (answer: Answer, status: number, detail: RegExp) => {
    assert.equal(answer.status, status)
    assert.match(String(answer.body['detail']), detail)
    assert.match(answer.headers.get('content-type')!, /^application\/problem\+json/)
  }
  says(await post(world, '[]'), 400, /JSON object, sent as Content-Type: application\/json/)
  says(await post(world, '{"type":'), 400, /not valid JSON/)
  says(await post(world, ''), 400, /the body is empty/)
  const xml = await post(world, '<xml/>', { 'content-type': 'application/xml' })
  says(xml, 415, /send the body as Content-Type: application\/json/)
  const long = { ...body, data: { ...data, title: 'x'.repeat(intentBytesMax) } }
  says(await post(world, long), 413, new RegExp(`longer than ${intentBytesMax} bytes`))
  assert.equal((await post(world, { ...body, type: 'security.alert' })).status, 403)
  assert.equal(world.stored.length, 0)
})

test('without a known token there is nothing to see', async () => {
  await using world = await setup()
  const missing = ['Bearer realm="carillon"', /^send the producer’s token/] as const
  const wrong = ['Bearer realm="carillon", error="invalid_token"', /^the token is not known here/] as const
  for (const [authorization, [challenge, detail]] of [
    ...(['', 'Bearer ', 'Basic dTpw'] as const).map(header => [header, missing] as const),
    ...['Bearer nobody', 'Bearer no token', `bearer ${world.token}x`].map(header => [header, wrong] as const),
  ]) {
    const answer = await post(world, body, { authorization })
    assert.equal(answer.status, 401, authorization)
    assert.equal(answer.headers.get('www-authenticate'), challenge, authorization)
    assert.match(String(answer.body['detail']), detail)
    const status = await fetch(`${world.url}/v1/intents/k1/status`, { headers: { authorization } })
    assert.equal(status.status, 401)
  }
  assert.equal(world.stored.length, 0)
  const rows = await world.db.kysely.selectFrom('producer_tokens').selectAll().execute()
  assert.ok(!JSON.stringify(rows).includes(world.token), 'the token itself is nowhere')
  assert.equal((await post(world, body)).status, 202)
  await revokeProducerTokens(world.db, 'docs')
  const revoked = await post(world, body)
  assert.deepEqual([revoked.status, revoked.headers.get('www-authenticate')], [401, wrong[0]])
})

test('a token is for a producer with a plain name', async () => {
  await using world = await setup()
  for (const producer of ['', 'bad name!', 'a/b', '-x', 'ö'])
    await assert.rejects(createProducerToken(world.db, { producer, types: ['comment.created'] }), /a producer is named/)
})

test('what could not be stored is told as it is, with a time to wait', async () => {
  await using world = await setup()
  world.publishing.fail = new NotStoredError('full')
  const notStored = await post(world, body)
  assert.equal(notStored.status, 503)
  assert.equal(notStored.headers.get('retry-after'), '1')
  world.publishing.fail = new UnknownError('cut off')
  assert.match(
    String((await post(world, body)).body['detail']),
    /may be stored or not: send it again, with the same key/,
  )
  world.publishing.fail = new Error('a bug')
  assert.equal((await post(world, body)).status, 500)
  assert.ok(!world.log.join('').includes(data.excerpt))
})

/** Puts an intent into the ledger as a router would. */
async function admit(db: Database, intent: Intent, decided: Decided[]) {
  const set = newSetId()
  return db.transaction(async tx => {
    await admitIntents(tx, set, [{ id: intent.id, bodyHash: bodyHash(intent) }])
    const journal = { lane: 'default', origin: 'messages', now, intake: { admitted: 1 }, released: 0 } as const
    return writeSet(tx, { id: set, ...journal, decided })
  })
}

const storedIntent = (world: World, at: number): Intent => {
  const parsed = parseIntent(world.stored[at]!.bytes)
  assert.ok(parsed.ok)
  return parsed.intent
}

test('a key that a router knows is a repeat, and with another body refused', async () => {
  await using world = await setup()
  await post(world, { ...body, expiresIn: '10m' })
  await admit(world.db, storedIntent(world, 0), [])
  assert.equal((await post(world, { ...body, expiresIn: '10m' })).status, 202)
  assert.equal(world.stored.length, 1, 'a repeat need not be stored again')
  const other = await post(world, { ...body, to: ['u2'], expiresIn: '10m' })
  assert.equal(other.status, 422)
  assert.deepEqual(problemsOf(other), ['key'])
  assert.equal(world.stored.length, 1)
})

test('the status follows an intent from nowhere to its end', async () => {
  await using world = await setup()
  const api = apiClient({ url: world.url, token: world.token })
  await post(world, body)
  const intent = storedIntent(world, 0)
  assert.deepEqual(await api.status('k1'), {
    intentId: intent.id,
    state: 'unknown',
    outcomes: {},
    held: 0,
    open: 0,
    expanding: false,
  })
  const about = { intent: { ...intent, category: 'social' }, sensitive: false, recipient: 'u1' as RecipientId }
  const decided: Decided[] = [
    {
      ...about,
      channel: 'in_app',
      verdict: { kind: 'deliver', why: { rule: 'default' } },
      endpoints: [{ id: 'inbox', provider: 'inbox' }],
    },
    {
      ...about,
      channel: 'push',
      verdict: { kind: 'refused', outcome: 'no_endpoint', why: { rule: 'no_endpoint' } },
      endpoints: [],
    },
  ]
  const [batch] = await admit(world.db, intent, decided)
  const accepted = await api.status('k1')
  assert.deepEqual([accepted.state, accepted.open, accepted.outcomes], ['accepted', 1, { no_endpoint: 1 }])
  const claimed = await claimBatch(world.db, { id: batch!.id, now, leaseMs: 30_000 })
  await recordBatch(world.db, { batch: claimed!, results: [{ kind: 'closed', outcome: 'delivered' }], now })
  const settled = await api.status('k1')
  assert.deepEqual([settled.state, settled.open, settled.outcomes], ['settled', 0, { delivered: 1, no_endpoint: 1 }])
})

test('a refused intent says why; another producer’s is unknown', async () => {
  await using world = await setup()
  const id = intentId({ producer: 'docs', key: 'k1' })
  const refused: RefusedMessage = {
    messageId: 'm1',
    lane: 'default',
    intentId: id,
    reason: 'malformed',
    problems: ['to is empty'],
  }
  await world.db.transaction(tx => refuseMessages(tx, [refused], now))
  const status = await apiClient({ url: world.url, token: world.token }).status('k1')
  assert.deepEqual([status.state, status.reason], ['refused', 'to is empty'])
  const token = await createProducerToken(world.db, { producer: 'payments', types: ['issue.assigned'] })
  assert.equal((await apiClient({ url: world.url, token }).status('k1')).state, 'unknown')
  const long = 'ö'.repeat(200)
  assert.equal(
    (await apiClient({ url: world.url, token }).status(long)).state,
    'unknown',
    'the longest key fits a path',
  )
})

test('a producer retracts its own intents, and nobody else’s', async () => {
  await using world = await setup()
  const api = apiClient({ url: world.url, token: world.token })
  await post(world, body)
  const intent = storedIntent(world, 0)
  const decided: Decided = {
    ...{ intent: { ...intent, category: 'social' }, sensitive: false, recipient: 'u1' as RecipientId, channel: 'push' },
    ...{ verdict: { kind: 'deliver', why: { rule: 'default' } }, endpoints: [{ id: 'p', provider: 'fcm' }] },
  }
  const [batch] = await admit(world.db, intent, [decided])
  const token = await createProducerToken(world.db, { producer: 'payments', types: ['issue.assigned'] })
  const nothing = { seen: 0, cancelled: 0, removed: 0, tooLate: 0, expanding: false }
  assert.deepEqual(await apiClient({ url: world.url, token }).retract('k1'), nothing)
  assert.equal((await api.status('k1')).state, 'accepted')
  assert.deepEqual(await api.retract('k1'), { ...nothing, cancelled: 1 })
  const claimed = (await claimBatch(world.db, { id: batch!.id, now, leaseMs: 30_000 }))!
  assert.deepEqual(claimed.tombstones, new Map([[intent.id, { kind: 'retracted' }]]))
  assert.deepEqual(await api.retract('k1'), { ...nothing, tooLate: 1 }, 'in the middle of a claim')

  for (const key of ['.', '..', "'; drop table retractions; --", 'ö'.repeat(200)])
    assert.deepEqual(await api.retract(key), nothing)
  assert.equal((await api.status('ö'.repeat(200))).state, 'retracted')
  const path = '/v1/intents/retract'
  const wrong = await postTo(path, { world, said: { key: '', producer: 'payments', intentId: intent.id } })
  assert.equal(wrong.status, 422)
  assert.deepEqual(problemsOf(wrong), ['producer', 'intentId', 'key'])
  assert.equal((await postTo(path, { world, said: '[]' })).status, 400)
  const blind = await createProducerToken(world.db, { producer: 'docs', types: [], scopes: ['people'] })
  assert.equal(
    (await postTo(path, { world, said: { key: 'k1' }, headers: { authorization: `Bearer ${blind}` } })).status,
    403,
  )
})

test('what takes the place of another names it, and is another intent than one that does not', async () => {
  await using world = await setup()
  assert.equal((await post(world, { ...body, supersedes: 'k0' })).status, 202)
  assert.equal(storedIntent(world, 0).supersedes, 'k0')
  for (const supersedes of ['k1', '', 7])
    assert.deepEqual(problemsOf(await post(world, { ...body, supersedes })), ['supersedes'])
  await admit(world.db, storedIntent(world, 0), [])
  assert.deepEqual(problemsOf(await post(world, body)), ['key'])
})

test('the document, the page and the routes tell the same', async () => {
  await using world = await setup()
  const document = (await (await fetch(`${world.url}/openapi.json`)).json()) as OpenApi
  const page = await fetch(world.url)
  assert.match(page.headers.get('content-type')!, /^text\/html/)
  const text = await page.text()
  for (const [path, methods] of Object.entries(document.paths))
    for (const method of Object.keys(methods)) {
      assert.ok(text.includes(`${method.toUpperCase()} ${path}`))
      const response = await fetch(world.url + path.replace(/\{\w+\}/, 'k'), { method: method.toUpperCase() })
      assert.equal(response.status, 401, `${method} ${path} exists and asks for a token`)
    }
  for (const type of catalogue.types.keys()) assert.ok(text.includes(type))
  const { responses } = document.paths['/v1/intents']!['post']!
  const seen = await Promise.all([post(world, body), post(world, '[]'), post(world, {}), post(world, { type: 'x' })])
  for (const { status } of seen) assert.ok(String(status) in responses, `${status} is in the document`)
})

test('while the database is away the API says when to come back', async () => {
  await using world = await setup()
  assert.equal((await post(world, body)).status, 202)
  await world.proxy[Symbol.asyncDispose]()
  const answer = await post(world, body)
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('retry-after'), '1')
})
