import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storePacks } from '#analytics/event-store.ts'
import { pacedProviders } from '#cli/pacings.ts'
import { newBatchId } from '#contracts/ids.ts'
import { writePacings } from '#channels/pace/pacing-store.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { heldPrunes, markEndpoint } from '#preferences/preferences.ts'
import { type Scope, tenantScopes } from '#producers/http/producer-tokens.ts'
import { decidedPack, intentFacts } from '../analytics/packs.fixture.ts'
import { addressKey, setup } from './served.fixture.ts'

const intent = '00000000-0000-8000-8000-00000000000a'
/** What each scope opens, and what a request without a body gets that is let through. */
const routes: Record<Scope, Record<string, number>> = {
  intents: { 'POST /v1/intents': 400, 'GET /v1/intents/k/status': 200, 'POST /v1/events': 422 },
  people: {
    'PUT /v1/recipients/u1': 422,
    'GET /v1/recipients/u1': 200,
    'DELETE /v1/recipients/u1': 204,
    'PUT /v1/recipients/u1/endpoints': 422,
    'GET /v1/recipients/u2/preferences': 200,
    'PATCH /v1/recipients/u2/preferences': 422,
    'POST /v1/recipients/u2/read': 204,
    'POST /v1/recipients/u2/seen': 204,
    'PUT /v1/recipients/u2/presence': 422,
    'POST /v1/audiences/a/members': 422,
    'PUT /v1/audiences/a/members': 422,
    'DELETE /v1/audiences/a/members': 422,
    'POST /v1/audiences/a/members/remove': 422,
  },
  observe: {
    'GET /v1/operators/stops': 200,
    'GET /v1/operators/log': 200,
    'GET /v1/operators/backlog': 200,
    'GET /v1/operators/doubts': 200,
    'GET /v1/operators/refused': 200,
    'GET /v1/operators/quarantine': 200,
    'GET /v1/operators/providers': 200,
    'GET /v1/operators/prunes': 200,
  },
  operate: {
    ...{ 'POST /v1/operators/stops': 400, 'POST /v1/operators/requeue': 400, 'DELETE /v1/operators/stops/1': 404 },
    [`POST /v1/operators/quarantine/${intent}/release`]: 400,
    [`POST /v1/operators/quarantine/${intent}/sample`]: 400,
    [`POST /v1/operators/quarantine/${intent}/discard`]: 400,
    ...{ 'POST /v1/operators/quarantine/release': 400, 'POST /v1/operators/quarantine/discard': 400 },
    'POST /v1/operators/refused/default/1/readmit': 400,
    ...{ 'POST /v1/operators/prunes/release': 400, 'POST /v1/operators/prunes/discard': 400 },
    'POST /v1/operators/prunes/undo': 400,
  },
  approve: {
    [`POST /v1/operators/quarantine/${intent}/approve`]: 400,
    'POST /v1/operators/quarantine/approve': 400,
  },
  analytics: {
    ...{ 'GET /v1/analytics/funnel': 200, 'GET /v1/analytics/series': 200, 'GET /v1/analytics/outcomes': 200 },
    ...{ 'GET /v1/analytics/tail': 200, 'GET /v1/analytics/export': 200, 'GET /v1/analytics/lift': 400 },
  },
  trace: {
    ...{ [`GET /v1/trace/${intent}`]: 404, 'GET /v1/trace?recipient=u1': 404 },
    'GET /v1/trace/examples?stage=intended': 200,
  },
}

test('an operator stops and resumes over HTTP, under the name of the token, and what is wrong is told at once', async () => {
  await using world = await setup()
  const token = await world.tokenOf('observe', 'operate')
  const wrong = await world.ask(token, 'POST /v1/operators/stops', { scope: 'world', name: 'x', resume: 'later' })
  assert.equal(wrong.status, 400)
  assert.deepEqual(
    JSON.parse(wrong.text).errors.map((one: { pointer: string }) => one.pointer),
    ['#/why', '#/scope', '#/resume'],
  )
  const mistyped = await world.ask(token, 'POST /v1/operators/stops', {
    scope: 'type',
    name: 'coment.created',
    why: 'w',
  })
  assert.deepEqual([mistyped.status, JSON.parse(mistyped.text).errors[0].pointer], [422, '#/name'])
  const said = { scope: 'type', name: 'comment.created', why: 'a wrong link' }
  const made = await world.ask(token, 'POST /v1/operators/stops', said)
  const { id, resume } = JSON.parse(made.text)
  assert.deepEqual([made.status, resume], [201, 'send'])
  const { stops } = JSON.parse((await world.ask(token, 'GET /v1/operators/stops')).text)
  assert.deepEqual([stops.length, stops[0].who, stops[0].why], [1, 'docs', 'a wrong link'])
  assert.equal((await world.ask(token, `DELETE /v1/operators/stops/${id}`)).status, 204)
  assert.equal((await world.ask(token, `DELETE /v1/operators/stops/${id}`)).status, 404)
  const { acts } = JSON.parse((await world.ask(token, 'GET /v1/operators/log')).text)
  assert.deepEqual(
    acts.map((act: { who: string; what: string }) => `${act.who} ${act.what}`),
    ['docs resume', 'docs stop'],
  )
})

test('an intent in quarantine is released over HTTP, above so many people when a second name has approved it', async () => {
  await using world = await setup()
  const ada = await world.tokenOf('observe', 'operate')
  await world.quarantine(intent)
  const { quarantines } = JSON.parse((await world.ask(ada, 'GET /v1/operators/quarantine')).text)
  assert.deepEqual(
    quarantines.map((one: { intent: string; recipients: number; more: boolean }) => [
      one.intent,
      one.recipients,
      one.more,
    ]),
    [[intent, 10_000, true]],
  )
  const post = (token: string, act: string, body = {}) =>
    world.ask(token, `POST /v1/operators/quarantine/${intent}/${act}`, { why: 'a test', ...body })
  assert.equal((await post(ada, 'release')).status, 409)
  assert.equal((await post(await world.tokenOf('approve'), 'approve')).status, 204)
  assert.equal((await post(ada, 'release')).status, 409, 'the same name')
  assert.equal((await post(await world.tokenAs('eve', 'approve'), 'approve')).status, 204)
  assert.equal((await post(ada, 'sample', { n: 0 })).status, 400)
  assert.equal((await post(ada, 'sample', { n: 1 })).status, 204)
  assert.equal((await post(ada, 'discard')).status, 204)
  assert.equal((await post(ada, 'discard')).status, 404)
})

test('an id in capitals is the same id, and nobody else’s form of one is taken', async () => {
  await using world = await setup()
  const ada = await world.tokenOf('observe', 'operate')
  await world.quarantine(intent)
  const release = `POST /v1/operators/quarantine/${intent.toUpperCase()}/release`
  assert.equal((await world.ask(ada, release, { why: 'a test' })).status, 409)
  const requeue = async (batch: string) => {
    const { status, text } = await world.ask(ada, 'POST /v1/operators/requeue', { batch, why: 'a test' })
    return [status, status === 200 && JSON.parse(text)]
  }
  assert.deepEqual(await requeue(newBatchId().toUpperCase()), [200, { deliveries: 0 }])
  assert.deepEqual(await requeue(intent), [400, false])
})

test('what no column can hold is a wrong body or path, whoever sends it', async () => {
  await using world = await setup()
  const token = await world.tokenOf('operate', 'approve')
  const zero = String.fromCharCode(0)
  const said = { type: 'comment.created', producer: 'docs', why: 'a test' }
  const asked: [string, object][] = [
    ['POST /v1/operators/refused/default/%00/readmit', { why: 'a test' }],
    ['POST /v1/operators/refused/default/1/readmit', { why: zero }],
    ['POST /v1/operators/stops', { scope: 'tenant', name: 'acme', why: `a${zero}` }],
    ...(['type', 'producer', 'why'] as const).map((field): [string, object] => [
      'POST /v1/operators/quarantine/approve',
      { ...said, [field]: `a${zero}` },
    ]),
  ]
  for (const [route, body] of asked) assert.equal((await world.ask(token, route, body)).status, 400, route)
})

type World = Awaited<ReturnType<typeof setup>>
type Answer = Awaited<ReturnType<World['ask']>>
/** What a body had wrong, all of it. */
function pointersOf({ status, headers, text }: Answer): string[] {
  assert.equal(status, 400)
  assert.match(headers.get('content-type')!, /^application\/problem\+json/)
  return JSON.parse(text).errors.map((one: { pointer: string }) => one.pointer)
}
async function actsOf(world: World, token: string): Promise<string[]> {
  const { acts } = JSON.parse((await world.ask(token, 'GET /v1/operators/log')).text)
  return acts.map((act: { who: string; what: string; about: unknown }) =>
    [act.who, act.what, JSON.stringify(act.about)].join(' '),
  )
}

test('all of a type and producer that is held for its volume is released, discarded and approved over HTTP', async () => {
  await using world = await setup()
  const ada = await world.tokenAs('ada', 'observe', 'operate', 'approve')
  const eve = await world.tokenAs('eve', 'approve')
  const of = { type: 'login.code', producer: 'auth' }
  const hold = (n: number) =>
    world.quarantine(`00000000-0000-8000-8000-00000000000${n}`, {
      ...of,
      guard: 'volume',
      recipients: 6_000,
      more: false,
    })
  const post = (token: string, act: string, body: object = { ...of, why: 'a test' }) =>
    world.ask(token, `POST /v1/operators/quarantine/${act}`, body)
  await hold(1)
  await hold(2)
  await world.quarantine(intent, of)
  for (const act of ['release', 'discard', 'approve'])
    assert.deepEqual(
      pointersOf(await post(ada, act, { type: '', producer: 5, why: ' ', intents: 2 })).toSorted(),
      ['#/intents', '#/producer', '#/type', '#/why'],
      act,
    )
  const other = { ...of, producer: 'docs', why: 'a test' }
  for (const act of ['release', 'discard', 'approve']) assert.equal((await post(ada, act, other)).status, 404, act)

  assert.equal((await post(ada, 'release')).status, 409, 'for 12,000 people')
  assert.equal((await post(ada, 'approve')).text, '{"intents":2}')
  assert.equal((await post(ada, 'release')).status, 409, 'the same name')
  assert.equal((await post(eve, 'approve')).text, '{"intents":2}')
  await hold(3)
  assert.equal((await post(ada, 'release')).text, '{"intents":2,"passes":true}', 'what came later was not approved')
  assert.equal((await post(ada, 'discard')).text, '{"intents":1}')
  assert.equal((await post(ada, 'discard')).status, 404)
  const { quarantines } = JSON.parse((await world.ask(ada, 'GET /v1/operators/quarantine')).text)
  assert.deepEqual([quarantines.length, quarantines[0].intent], [1, intent], 'held for too many people: not for volume')
  const about = (intents: number, more = {}) => JSON.stringify({ ...of, intents, ...more })
  assert.deepEqual(await actsOf(world, ada), [
    `ada quarantine discard ${about(1)}`,
    `ada quarantine release ${about(2, { passes: true })}`,
    `eve quarantine approve ${about(2)}`,
    `ada quarantine approve ${about(2)}`,
  ])
})

test('a refused message is readmitted once over HTTP, however often it is asked for', async () => {
  await using world = await setup()
  const ada = await world.tokenAs('ada', 'observe', 'operate')
  await world.refuse('1', Buffer.from('{}'))
  await world.refuse('2')
  const post = (message: string, body: object = { why: 'a test' }) =>
    world.ask(ada, `POST /v1/operators/refused/${message}/readmit`, body)
  assert.deepEqual(pointersOf(await post('default/1', { why: ' ', as: 'eve' })).toSorted(), ['#/as', '#/why'])
  assert.equal((await post('nowhere/1')).status, 400)
  assert.equal((await post('default/3')).status, 404)
  const gone = await post('default/2')
  assert.deepEqual([gone.status, /is not kept/.test(JSON.parse(gone.text).detail)], [409, true])
  const twice = await Promise.all([post('default/1'), post('default/1')])
  assert.deepEqual(new Set(twice.map(one => one.status)), new Set([204, 409]))
  const again = await post('default/1')
  assert.deepEqual([again.status, /before, and goes that way once/.test(JSON.parse(again.text).detail)], [409, true])
  assert.deepEqual(await actsOf(world, ada), ['ada refused readmit {"lane":"default","message":"1"}'])
})

/** So many phones of FCM that its answers call dead: more than may die at once, and so kept alive. */
async function heldPhones({ db }: World, n: number): Promise<void> {
  const ids = Array.from({ length: n }, (_, at) => `u${at}`)
  const phone = (id: string) => ({ id: 'phone', channel: 'push', provider: 'fcm', address: `token-${id}` }) as const
  await db.query(`insert into recipients (id, endpoints) select * from unnest($1::text[], $2::text[])`, [
    ids,
    ids.map(id => JSON.stringify([{ ...phone(id), state: 'active', since: 1 }])),
  ])
  const tripped = await markEndpoint(
    { db, addressKey },
    ids.map(recipient => ({
      ...{ recipient, endpoint: 'phone', channel: 'push', address: `token-${recipient}` },
      ...{ state: 'dead', reason: 'mismatch', at: 2 },
    })),
  )
  assert.equal(tripped.length, 1)
}
async function phonesBy({ db }: World): Promise<Record<string, number>> {
  const rows = await db.query<{ state: string; n: number }>(
    `select endpoints::json -> 0 ->> 'state' as state, count(*)::int as n from recipients where endpoints is not null group by 1`,
  )
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]))
}

test('what the prune guard holds is listed, released, discarded and undone over HTTP', async () => {
  await using world = await setup()
  const ada = await world.tokenAs('ada', 'observe', 'operate')
  const post = (act: string, body: object = { provider: 'fcm', why: 'a test' }) =>
    world.ask(ada, `POST /v1/operators/prunes/${act}`, body)
  for (const act of ['release', 'discard', 'undo']) {
    const wrong = await post(act, { provider: 'carrier', app: 5, why: ' ', who: 'eve' })
    const expected = ['#/app', '#/provider', '#/who', '#/why', ...(act === 'undo' ? ['#/since'] : [])]
    assert.deepEqual(pointersOf(wrong).toSorted(), expected.toSorted(), act)
  }
  const since = new Date(Date.now() - 3_600_000).toISOString()
  const undo = { provider: 'fcm', why: 'a test', since }
  for (const [act, body] of [['release'], ['discard'], ['undo', undo]] as const)
    assert.equal((await post(act, body)).status, 404, 'there is nothing')

  await heldPhones(world, 501)
  const { prunes } = JSON.parse((await world.ask(ada, 'GET /v1/operators/prunes')).text)
  assert.deepEqual(
    prunes.map((one: { provider: string; app: string; held: number; reason: string }) => [
      ...[one.provider, one.app, one.held, one.reason],
    ]),
    [['fcm', '', 501, 'mismatch']],
  )
  assert.equal((await post('release', { provider: 'apns', why: 'a test' })).status, 404, 'of another provider')
  assert.equal((await post('release', { provider: 'fcm', app: 'other', why: 'a test' })).status, 404)
  assert.deepEqual(await phonesBy(world), { active: 501 })
  assert.equal((await post('release')).text, '{"endpoints":501}')
  assert.deepEqual(await phonesBy(world), { dead: 501 })
  const apart = await world.db.query(`select from prunes where xmin::text not in (select xmin::text from operator_log)`)
  assert.deepEqual(apart, [], 'each step is told by the transaction that does it')
  assert.equal((await post('undo', { ...undo, since: new Date(Date.now() + 60_000).toISOString() })).status, 404)
  assert.equal((await post('undo', undo)).text, '{"endpoints":501}')
  assert.deepEqual(await phonesBy(world), { active: 501 })
  const about = (endpoints: number, more = {}) => JSON.stringify({ provider: 'fcm', app: '', endpoints, ...more })
  assert.deepEqual(await actsOf(world, ada), [
    ...[1, 500].map(n => `ada prunes undo ${about(n, { since })}`),
    ...[1, 500].map(n => `ada prunes release ${about(n)}`),
  ])
})

test('what cannot be written into the log of operators is not done', async () => {
  await using world = await setup()
  const ada = await world.tokenAs('ada', 'operate')
  await heldPhones(world, 30)
  await world.db.query(`create function refused() returns trigger language plpgsql as $$ begin raise 'full'; end $$`)
  await world.db.query(`create trigger refused before insert on operator_log for each row execute function refused()`)
  for (const act of ['release', 'discard']) {
    assert.equal((await world.ask(ada, `POST /v1/operators/prunes/${act}`, { provider: 'fcm', why: 'a' })).status, 500)
    assert.deepEqual(await phonesBy(world), { active: 30 }, act)
    assert.deepEqual(await heldPrunes(world.db), [{ provider: 'fcm', held: 30 }], act)
  }
})

test('what paces providers is told over HTTP as by the command', async () => {
  await using world = await setup()
  const { db } = world
  const observer = await world.tokenOf('observe')
  const asked = async () => JSON.parse((await world.ask(observer, 'GET /v1/operators/providers')).text)
  assert.deepEqual(await asked(), { providers: [], waiting: [] })
  const pacing = {
    circuit: { state: 'open' as const, cause: 'config' as const, reason: 'HTTP 401', forMs: 5, probeInMs: 7 },
    ...{ pauses: [], retries: [], calls: { underWay: 0, most: 8 } },
  }
  await writePacings(db, 'worker-1', [{ provider: 'twilio', pacing }])
  const { providers, waiting } = await asked()
  const [{ at, ...told }] = providers
  assert.deepEqual([told, waiting], [{ worker: 'worker-1', provider: 'twilio', ...pacing }, []])
  assert.ok(!Number.isNaN(Date.parse(at)))
  const command = JSON.parse(JSON.stringify(await pacedProviders(db)))
  assert.deepEqual(command, { providers, waiting }, 'the command prints the same')
})

test('a token opens what its scopes name and nothing else; the refusal names the scope', async () => {
  await using world = await setup()
  const scopes = Object.keys(routes) as Scope[]
  for (const scope of scopes) {
    const only = await world.tokenOf(scope)
    const others = await world.tokenOf(...scopes.filter(one => one !== scope))
    for (const [route, status] of Object.entries(routes[scope])) {
      const refused = await world.ask(others, route)
      assert.equal(refused.status, 403, route)
      assert.match(refused.headers.get('content-type')!, /^application\/problem\+json/)
      assert.match(JSON.parse(refused.text).detail, new RegExp(`lacks the scope ${scope}`))
      assert.match(refused.headers.get('www-authenticate')!, new RegExp(`error="insufficient_scope", scope="${scope}"`))
      assert.equal((await world.ask('unknown', route)).status, 401, route)
      const answer = await world.ask(only, route)
      assert.equal(answer.status, status, `${route}: ${answer.text}`)
    }
  }
})

test('a token of a tenant opens what is told of tenants, and is refused where another is asked for', async () => {
  await using world = await setup()
  const tenant = `acme' or '1'='1'; --%`
  const scopes = Object.keys(routes) as Scope[]
  for (const scope of scopes) {
    if (!tenantScopes.includes(scope)) {
      await assert.rejects(world.tenantToken(tenant, 'analytics', scope), /opens analytics and trace alone/)
      continue
    }
    const token = await world.tenantToken(tenant, scope)
    for (const [route, status] of Object.entries(routes[scope])) {
      const within = (name: string) => `${route}${route.includes('?') ? '&' : '?'}tenant=${encodeURIComponent(name)}`
      for (const asked of [route, within(tenant)]) assert.equal((await world.ask(token, asked)).status, status, asked)
      const refused = await world.ask(token, within('alien'))
      assert.equal(refused.status, 403, route)
      assert.equal(JSON.parse(refused.text).detail, `this token is told of the tenant ${tenant} alone`)
    }
  }
  for (const wrong of ['', 'a\nb']) await assert.rejects(world.tenantToken(wrong, 'trace'), /a tenant is a name/)
  await assert.rejects(
    world.db.query(`update producer_tokens set scopes = '{analytics,operate}' where tenant is not null`),
    /producer_tokens_of_tenant/,
  )
})

test('a person’s addresses are told to those of the tenant that the person is of', async () => {
  await using world = await setup()
  const intents = (tenant: string) => [intentFacts(tenant, { tenant, occurredAt: Date.now() })]
  const of = (tenant: string) => ({
    intents: intents(tenant),
    at: Date.now(),
    day: new Date().toISOString().slice(0, 10),
  })
  await ensurePartitions(world.db, { from: of('acme').day, days: 1 })
  await storePacks(world.db, [decidedPack(['u1'], of('acme')), decidedPack(['u1'], of('alien'))])
  const people = await world.tokenOf('people')
  await world.ask(people, 'PUT /v1/recipients/u1', { tenant: 'acme' })
  const phone = { id: 'phone', channel: 'sms', address: '+4366012345678' }
  const put = await world.ask(people, 'PUT /v1/recipients/u1/endpoints', { endpoints: [phone] })
  assert.ok(put.status < 300, put.text)
  const trace = async (tenant: string) => {
    const token = await world.tenantToken(tenant, 'trace')
    const { lines, addresses } = JSON.parse((await world.ask(token, 'GET /v1/trace?recipient=u1')).text)
    return [lines.length, addresses.some((one: { id: string }) => one.id === 'phone')]
  }
  assert.deepEqual(
    [await trace('acme'), await trace('alien')],
    [
      [1, true],
      [1, false],
    ],
  )
})
