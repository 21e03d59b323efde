import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subscriptionOf } from '#local/simulators/browser.ts'
import { type Answer, createApi, noon } from './api.fixture.ts'

type Api = Awaited<ReturnType<typeof createApi>>

const fcm = (address: string) => ({ channel: 'push', provider: 'fcm', address })
const wrong = ({ body }: { body: Answer }) => body.errors?.map(one => one.pointer)
const states = async (api: Api, id: string) => (await api.endpoints(id)).sort()

test('one endpoint is registered beside the others, rotated under its name, and moved to another person', async () => {
  await using api = await createApi()
  await api.call('PUT /v1/recipients/ann', {
    endpoints: [{ channel: 'email', address: 'ann@mail.example', id: 'mail' }],
  })
  assert.equal((await api.call('PUT /v1/recipients/ann/endpoints/phone', fcm('token-1'))).status, 200)
  assert.deepEqual(await states(api, 'ann'), ['email/mail active', 'push/phone active'])
  api.clock.set(noon + 1)
  const rotated = await api.call('PUT /v1/recipients/ann/endpoints/phone', fcm('token-2'))
  assert.deepEqual(
    rotated.body.endpoints?.map(({ id, address }) => [id, address]),
    [
      ['phone', '…en-2'],
      ['mail', 'a…@mail.example'],
      ['inbox', undefined],
    ],
  )
  await api.call('PUT /v1/recipients/ann/endpoints/tablet', fcm('token-2'))
  assert.deepEqual(await states(api, 'ann'), ['email/mail active', 'push/tablet active'], 'one token, one name')
  await api.call('PUT /v1/recipients/bob/endpoints/mine', fcm('token-2'))
  assert.deepEqual([await states(api, 'ann'), await states(api, 'bob')], [['email/mail active'], ['push/mine active']])
  assert.deepEqual((await api.consent()).slice(-2), ['ann endpoint push tablet no', 'bob endpoint push mine yes'])
  assert.deepEqual(await api.owned('ann'), ['mail'])
})

test('a device is signed out by its name or its token, all are at once, and mailboxes stay', async () => {
  await using api = await createApi()
  const apns = 'ab12'.repeat(16)
  const all = async () => {
    for (const [name, given] of [
      ...[['a', fcm('token-a')] as const, ['b', fcm('token-b')] as const],
      ...[['c', { channel: 'push', provider: 'apns', address: apns }] as const],
      ...[['mail', { channel: 'email', address: 'ann@mail.example' }] as const],
    ])
      assert.equal((await api.call(`PUT /v1/recipients/ann/endpoints/${name}`, given)).status, 200)
  }
  await all()
  const out = async (what: object) => (await api.call('POST /v1/recipients/ann/sign-out', what)).body.signedOut
  assert.equal(await out({ endpoint: 'a' }), 1)
  assert.equal(await out({ endpoint: 'a' }), 0, 'again changes nothing')
  assert.equal(await out({ endpoint: 'mail' }), 0)
  assert.equal(await out({ address: apns.toUpperCase() }), 1)
  assert.deepEqual(await states(api, 'ann'), ['email/mail active', 'push/b active'])
  const spelled = JSON.stringify({ ...(JSON.parse(subscriptionOf('w')) as object), expirationTime: null }, null, 2)
  for (const address of [subscriptionOf('w'), spelled])
    await api.call('PUT /v1/recipients/ann/endpoints/w', { channel: 'push', provider: 'webpush', address })
  assert.equal(await out({ address: spelled }), 1)
  await all()
  assert.equal(await out({ everywhere: true }), 3)
  assert.deepEqual(await states(api, 'ann'), ['email/mail active'])
  for (const body of [{}, { endpoint: 'b', everywhere: true }, { everywhere: false }, { address: 7 }, { token: 'x' }])
    assert.equal((await api.call('POST /v1/recipients/ann/sign-out', body)).status, 422)
  assert.equal((await api.call('DELETE /v1/recipients/ann/endpoints/mail')).status, 204)
  assert.equal((await api.call('DELETE /v1/recipients/ann/endpoints/mail')).status, 204)
  assert.deepEqual([await states(api, 'ann'), await api.owned('ann')], [[], []])
  assert.equal((await api.call('DELETE /v1/recipients/nobody/endpoints/phone')).status, 204)
  assert.deepEqual(await api.db.query(`select from recipients where id = 'nobody'`), [], 'nobody is made by leaving')
})

test('who has as many endpoints as a row holds loses a dead one, then the one that was registered longest ago', async () => {
  await using api = await createApi()
  for (let n = 0; n < 50; n++) {
    api.clock.set(noon + n)
    await api.call(`PUT /v1/recipients/ann/endpoints/d${n}`, fcm(`token-${n}`))
  }
  await api.mark({ recipient: 'ann', endpoint: 'd30', state: 'dead', reason: 'gone', at: noon + 100 })
  const has = async (id: string) => (await api.endpoints('ann')).some(one => one.startsWith(`push/${id} `))
  api.clock.set(noon + 200)
  await api.call('PUT /v1/recipients/ann/endpoints/x', fcm('token-x'))
  assert.deepEqual([await has('d30'), await has('d0'), await has('x')], [false, true, true])
  await api.call('PUT /v1/recipients/ann/endpoints/y', fcm('token-y'))
  assert.deepEqual([await has('d0'), await has('d1'), await has('y')], [false, true, true])
})

test('only its own devices make room for another device', async () => {
  await using api = await createApi()
  await api.call('PUT /v1/recipients/ann/endpoints/mail', { channel: 'email', address: 'ann@mail.example' })
  await api.call('PUT /v1/recipients/ann/endpoints/sms', { channel: 'sms', address: '+12025550123' })
  for (let n = 1; n <= 51; n++) {
    api.clock.set(noon + n)
    await api.call(`PUT /v1/recipients/ann/endpoints/d${n}`, fcm(`token-${n}`))
  }
  const has = (await api.endpoints('ann')).map(one => one.split(' ')[0])
  assert.deepEqual(
    ['email/mail', 'sms/sms', 'push/d1', 'push/d2'].map(one => has.includes(one)),
    [true, true, false, true],
  )
})

test('who says that a mailbox is verified, and since when, is shown until another address takes its place', async () => {
  await using api = await createApi()
  const path = 'PUT /v1/recipients/ann/endpoints/mail'
  const mail = { channel: 'email', address: 'ann@mail.example' }
  const shown = (answer: { body: Answer }) => {
    const { verifiedAt, verifiedBy } = answer.body.endpoints!.find(one => one.id === 'mail')!
    return [verifiedAt, verifiedBy]
  }
  assert.deepEqual(shown(await api.call(path, mail)), [undefined, undefined])
  const verified = ['2026-11-20T12:00:00.000Z', 'accounts']
  assert.deepEqual(shown(await api.call(path, { ...mail, verifiedAt: '2026-11-20T12:00:00Z' })), verified)
  assert.deepEqual(shown(await api.call(path, mail)), verified, 'saying nothing takes nothing back')
  assert.deepEqual(shown(await api.call(path, { ...mail, address: 'other@mail.example' })), [undefined, undefined])
  assert.deepEqual(wrong(await api.call(path, { ...mail, verifiedAt: 'yesterday' })), ['#/verifiedAt'])
  const token = { ...fcm('token'), verifiedAt: '2026-11-20T12:00:00Z' }
  assert.deepEqual(wrong(await api.call('PUT /v1/recipients/ann/endpoints/phone', token)), ['#/verifiedAt'])
})

test('what cannot be registered is refused with all problems, and no answer or log repeats an address', async () => {
  await using api = await createApi()
  const put = (body: unknown, id = 'phone') => api.call(`PUT /v1/recipients/ann/endpoints/${id}`, body)
  const answers = [
    await put({ channel: 'sms', address: '0152 98765432', age: 7 }),
    await put({ channel: 'sms', address: '+4930123456' }),
    await put({ ...fcm('token'), id: 'other' }),
    await put(fcm('token'), 'inbox'),
    await put({ channel: 'push', provider: 'apns', address: 'zz' }),
    await put([]),
  ]
  assert.deepEqual(answers.map(wrong), [
    ['#/age', '#/address'],
    ['#/address'],
    ['#/id'],
    ['#/id'],
    ['#/address'],
    ['#'],
  ])
  assert.equal((await api.call('PUT /v1/recipients/contact:x/endpoints/phone', fcm('token'))).status, 422)
  assert.deepEqual(await api.db.query('select from recipients'), [])
  for (const secret of ['98765432', '30123456'])
    assert.ok(!(api.lines.join() + answers.map(one => one.text).join()).includes(secret))
})

test('an address is suppressed for everybody, listed by its hash, and used again with a reason', async () => {
  await using api = await createApi()
  const family = { channel: 'email', address: 'family@mail.example' }
  for (const id of ['ann', 'bob']) await api.call(`PUT /v1/recipients/${id}/endpoints/mail`, family)
  assert.equal((await api.call('PUT /v1/suppressions', { ...family, reason: 'complaint' })).status, 204)
  assert.equal((await api.call('PUT /v1/suppressions', { channel: 'sms', address: '+49 151 12345678' })).status, 204)
  assert.deepEqual(
    [await states(api, 'ann'), await states(api, 'bob')],
    [['email/mail suppressed'], ['email/mail suppressed']],
  )
  await api.call('PUT /v1/recipients/eve/endpoints/mail', family)
  assert.deepEqual(await states(api, 'eve'), ['email/mail suppressed'])
  const listed = await api.call('GET /v1/suppressions?limit=1000')
  assert.deepEqual(
    listed.body.suppressions
      ?.map(({ channel, reason, source, masked, expiresAt }) => [channel, reason, source, masked, expiresAt])
      .sort(),
    [
      ['email', 'complaint', 'api', 'f…@mail.example', null],
      ['sms', 'manual', 'api', undefined, null],
    ],
  )
  const [first] = (await api.call('GET /v1/suppressions?limit=1')).body.suppressions!
  const second = await api.call(`GET /v1/suppressions?limit=1&after=${first!.hash}`)
  assert.notEqual(second.body.suppressions![0]!.hash, first!.hash)

  assert.deepEqual(wrong(await api.call('DELETE /v1/suppressions', family)), ['#/why'])
  const lifted = await api.call('DELETE /v1/suppressions', { ...family, why: 'they wrote to us' })
  assert.equal(lifted.status, 204)
  assert.equal((await api.call('DELETE /v1/suppressions', { ...family, why: 'again' })).status, 404)
  assert.deepEqual(await states(api, 'bob'), ['email/mail active'])
  const number = { channel: 'sms', address: '+4915112345678' }
  assert.equal((await api.call('DELETE /v1/suppressions', number)).status, 204, 'by hand needs no reason')
  const rows = await api.db.query<{ recipient: string; said: string | null }>(
    `select recipient, said from consent_log where kind = 'suppression' and wish order by recipient collate "C"`,
  )
  assert.deepEqual(
    rows.map(({ recipient, said }) => [recipient.replace(/:.*/, ''), said]),
    [
      ['ann', 'they wrote to us'],
      ['bob', 'they wrote to us'],
      ['contact', null],
      ['eve', 'they wrote to us'],
    ],
  )
  for (const secret of ['family@', '12345678']) assert.ok(!(api.lines.join() + listed.text).includes(secret))
})

test('a suppression ends by itself, and one for good outlasts it', async () => {
  await using api = await createApi()
  const mail = { channel: 'email', address: 'ann@mail.example' }
  // The database judges what is over by its own clock.
  const now = Date.now()
  api.clock.set(now)
  await api.call('PUT /v1/recipients/ann/endpoints/mail', mail)
  const at = (ms: number) => new Date(ms).toISOString()
  const shown = async () => (await api.call('GET /v1/recipients/ann')).body.endpoints![0]!
  assert.equal((await api.call('PUT /v1/suppressions', { ...mail, expiresAt: at(now + 60_000) })).status, 204)
  const { state, until } = await shown()
  assert.deepEqual([state, until], ['suppressed', at(now + 60_000)])
  api.clock.set(now + 60_000)
  assert.equal((await shown()).state, 'active')
  api.clock.set(now)
  await api.call('PUT /v1/suppressions', { ...mail, reason: 'bounce' })
  await api.call('PUT /v1/suppressions', { ...mail, expiresAt: at(now + 90_000) })
  assert.deepEqual([(await shown()).state, (await shown()).until], ['suppressed', undefined])
  const refused = await api.call('PUT /v1/suppressions', { ...mail, reason: 'mood', expiresAt: at(now - 1) })
  assert.deepEqual(wrong(refused), ['#/reason', '#/expiresAt'])
  assert.deepEqual(wrong(await api.call('PUT /v1/suppressions', { ...fcm('token') })), ['#/provider', '#/channel'])
})
