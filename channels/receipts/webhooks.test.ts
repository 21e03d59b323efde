import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import type { EventPack } from '#contracts/event.ts'
import { attemptId, intentId, newBatchId, newDigestId } from '#contracts/ids.ts'
import { placeTombstone } from '#ledger/retractions.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { signedEvents } from '#local/simulators/sendgrid-events.ts'
import { signedForm } from '#local/simulators/twilio-callbacks.ts'
import { addressHash } from '#preferences/preferences.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { until } from '#tests/program.ts'
import { signedAttempt } from '../attempt-signature.ts'
import { sendgridProvider } from '../email/sendgrid.ts'
import { twilioProvider } from '../sms/twilio.ts'
import { createWorld, device, greeting, mailbox, type Written } from '../world.fixture.ts'
import { everyRow } from './every-row.fixture.ts'
import { webhooksApi } from './webhooks.ts'

const publicUrl = 'https://bell.example'
const type: typeof greeting = {
  ...greeting,
  deliver: [{ channel: 'sms' }, { channel: 'email' }, { channel: 'push', after: '1h', unless: 'delivered' }],
}
const phone = (address: string) => device(address, { id: 'sms', channel: 'sms', provider: 'twilio' })
const numbers: Record<string, string> = { anna: '+15005551001', ben: '+15005551002', cem: '+15005551003' }

/** A worker, people with a mailbox and a number each, and the API that the simulators report to. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld({ types: [type] }))
  const simulators = opened.use(await startSimulators())
  const { db, deps } = world
  const { sendgrid, twilio } = simulators.credentials
  const secret = deps.addressKey
  const app = createHttp({ log: deps.log, metrics: deps.metrics, bodyLimitBytes: 1024 * 1024 })
  const applying = webhooksApi(app, {
    ...{ ...deps, secret },
    trust: {
      twilio: { url: () => `${publicUrl}/webhooks/twilio`, tokens: ['another token', twilio.authToken] },
      sendgrid: { keys: [createPublicKey(sendgrid.webhook.publicKey)] },
    },
  })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.use(applying)
  opened.defer(() => app.close())
  simulators.receipts.pointTo({})
  world.use(
    sendgridProvider({
      ...{ apiKey: sendgrid.apiKey, from: 'us@example.com', baseUrl: `http://127.0.0.1:${simulators.ports.sendgrid}/` },
    }),
  )
  const callback = { url: `${publicUrl}/webhooks/twilio`, secret }
  world.use(twilioProvider({ ...twilio, baseUrl: `http://127.0.0.1:${simulators.ports.twilio}`, callback }))
  for (const id of ['anna', 'ben', 'cem'])
    await world.addPerson(id, { endpoints: [mailbox(`${id}@example.com`), phone(numbers[id]!)] })
  const running = opened.move()
  const post = (path: string, { headers, body }: { headers: Record<string, string>; body: string }) =>
    fetch(new URL(path, url), { method: 'POST', headers, body })
  return {
    ...{ ...world, simulators, url, post, secret },
    /** From now on the simulators report. */
    report: () => simulators.receipts.pointTo({ sendgrid: `${url}/webhooks/sendgrid`, twilio: url }),
    /** Events as SendGrid posts them, signed now. */
    events: (events: unknown) =>
      post('/webhooks/sendgrid', signedEvents(JSON.stringify(events), sendgrid.webhook.privateKey)),
    /** A status callback for an attempt. */
    status: (attempt: string, form: Record<string, string>) => {
      const query = signedAttempt({ attempt, delivery: 'd', secret })
      const { authToken } = twilio
      return post(`/webhooks/twilio?${query}`, signedForm({ url: `${callback.url}?${query}`, form, authToken }))
    },
    applied: () =>
      until(async () => {
        const [row] = await db.query<{ n: number }>(`select count(*)::int as n from receipts where applied_at is null`)
        return row!.n === 0
      }),
    /** `anna delivered`, by the packs that the sink would store: each name once. */
    async told() {
      const rows = await db.query<{ payload: string }>(`select payload from outbox order by id`)
      const packs = rows.map(row => JSON.parse(row.payload) as EventPack).filter(({ kind }) => kind === 'standing')
      const once = new Map(packs.map(pack => [`${pack.day} ${pack.pack}`, pack]))
      return [...once.values()].flatMap(({ slots }) => slots.map(one => `${one.recipient} ${one.what}`)).sort()
    },
    attempts: async () => {
      const rows = await db.query<{ recipient: string; id: string }>(
        `select recipient, batch_id || '.' || slot as id from deliveries order by batch_id, slot`,
      )
      return Object.fromEntries(rows.map(({ recipient, id }) => [recipient, id])) as Record<string, string>
    },
    isSuppressed: async (address: { channel: 'sms' | 'email'; address: string }) => {
      const hash = addressHash(deps.addressKey, address)
      return (await db.query(`select from suppressions where hash = $1`, [hash])).length === 1
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const mails = (...who: string[]): Written => ({
  ...{ channel: 'email', provider: 'sendgrid' },
  to: who.map(recipient => ({ recipient, endpoint: 'mail' })),
})
const texts = (...who: string[]): Written => ({
  ...{ channel: 'sms', provider: 'twilio' },
  to: who.map(recipient => ({ recipient, endpoint: 'sms' })),
})
const event = (attempt: string, word: string, more: object = {}) => ({
  ...{ email: 'anna@example.com', event: word, sg_event_id: `${word}-${attempt}`, sg_message_id: 'm1.recvd-1' },
  ...{ timestamp: Math.floor(Date.now() / 1000), attempt_id: attempt, ...more },
})

test('what a provider reports becomes what is known of the attempt, in whatever order and however often', async () => {
  await using world = await setup()
  const [batch] = await world.write(mails('anna', 'ben', 'cem'))
  await world.deliver([batch!])
  const { anna, ben, cem } = await world.attempts()
  const all = [
    ...[event(anna!, 'delivered'), event(anna!, 'processed'), event(anna!, 'open')],
    ...[event(ben!, 'spamreport'), event(ben!, 'bounce', { type: 'bounce' }), event(ben!, 'delivered')],
    event(cem!, 'bounce', { type: 'blocked' }),
  ]
  for (let n = 0; n < 46; n++) assert.equal((await world.events(n % 2 ? all : all.toReversed())).status, 200)
  await world.applied()
  const standings = async () => {
    const rows = await world.db.query<{ standing: number }>(`select standing from standings order by slot`)
    return rows.map(row => row.standing)
  }
  const told = ['anna delivered', 'ben complained', 'cem undelivered']
  assert.deepEqual([await standings(), await world.told()], [[1, 4, 2], told])
  const late = [event(anna!, 'processed', { sg_event_id: 'l1' }), event(ben!, 'delivered', { sg_event_id: 'l2' })]
  for (const one of late) {
    assert.equal((await world.events([one])).status, 200)
    await world.applied()
  }
  assert.deepEqual([await standings(), await world.told()], [[1, 4, 2], told], 'what is known never goes back')
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent', cem: 'sent' }, 'no outcome is written anew')
  const [kept] = await world.db.query<{ n: number }>(`select count(*)::int as n from receipts`)
  assert.equal(kept!.n, all.length + late.length, 'each is kept once')
})

test('a worker that is lost after sending costs nobody a second mail or text when receipts arrive', async () => {
  await using world = await setup()
  world.report()
  const batches = [
    ...(await world.write(mails('anna', 'ben'))),
    ...(await world.write({
      ...texts('anna', 'cem'),
      intent: { type: 'test.greeting' },
      to: texts('anna', 'cem').to.map(one => ({ ...one, key: 't' })),
    })),
  ]
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  for (const batch of batches) await assert.rejects(world.deliver([batch]), /killed/)
  delete world.deps.failpoint
  await until(() => world.simulators.receipts.posted().length >= 6)
  assert.deepEqual([...new Set(world.simulators.receipts.posted().map(one => one.status))], [200])
  await world.applied()
  await world.lapse()
  await world.deliver(batches)
  assert.deepEqual(await world.open(), [])
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent', cem: 'sent' })
  const lines = [...world.simulators.lines('sendgrid'), ...world.simulators.lines('twilio')]
  assert.equal(lines.filter(({ accepted }) => accepted).length, 4, 'each went once')
  assert.deepEqual(await world.told(), ['anna delivered', 'anna delivered', 'ben delivered', 'cem delivered'])
  const ids = await world.db.query<{ ids: string }>(
    `select provider_ids as ids from batches where closed_at is not null`,
  )
  assert.ok(
    ids.every(row => !row.ids.includes('""')),
    'with the provider’s own id',
  )
})

test('what was told as one and reported is not sent again by those who are left when its speaker drops out', async () => {
  await using world = await setup()
  world.report()
  const to = ['a', 'b', 'c'].map(key => ({ recipient: 'anna', endpoint: 'mail', key }))
  const batches = await world.write({ ...mails(), to, intent: { digest: { id: newDigestId() } } })
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  await assert.rejects(world.deliver(batches), /killed/)
  delete world.deps.failpoint
  await until(() => world.simulators.receipts.posted().length >= 1)
  await world.applied()
  await placeTombstone(world.db, intentId({ producer: 'test', key: 'c' }))
  await world.lapse()
  await world.deliver(batches)
  assert.deepEqual(await world.open(), [])
  assert.equal(world.simulators.lines('sendgrid').length, 1)
})

test('a doubt waits for its receipt, and is sent again only where none came', async () => {
  await using world = await setup()
  world.report()
  world.simulators.receipts.set({ provider: 'twilio', address: numbers.ben!, receipts: [] })
  world.simulators.script.set({ provider: 'twilio', answer: 'acceptThen500', times: 2 })
  await world.deliver(await world.write(texts('anna', 'ben')))
  assert.deepEqual(await world.ends(), { anna: 'open', ben: 'open' })
  await until(() => world.simulators.receipts.posted().length >= 2)
  await world.applied()
  await world.db.query(`update batches set doubt = false, due_at = now() where doubt`)
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent' })
  const sent = world.simulators.lines('twilio').map(({ address }) => address)
  assert.deepEqual(sent.sort(), [numbers.anna, numbers.ben, numbers.ben])
})

test('a doubt ends when the last of it is reported, not when its time is over', async () => {
  await using world = await setup()
  world.simulators.script.set({ provider: 'twilio', answer: 'acceptThen500', times: 2 })
  const batches = await world.write(texts('anna', 'ben'))
  const asked = await world.attempts()
  await world.deliver(batches)
  const doubts = async () =>
    (await world.db.query<{ n: number }>(`select n from batches where doubt and closed_at is null`)).map(row => row.n)
  assert.deepEqual(await doubts(), [2])
  const said = (attempt: string, n: number) =>
    world.status(attempt, { MessageSid: `SM${n}`, MessageStatus: 'delivered', To: numbers.anna! })
  await said(asked.anna!, 1)
  await world.applied()
  assert.deepEqual(await doubts(), [2], 'one of two: the other is still in doubt')
  await said(asked.ben!, 2)
  await world.applied()
  assert.deepEqual(await doubts(), [])
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent' })
  assert.equal(world.simulators.lines('twilio').length, 2)
})

test('what is reported while its call hangs is no doubt', async () => {
  await using world = await setup()
  world.report()
  world.simulators.script.set({ provider: 'sendgrid', answer: 'slow', ms: 4_000 })
  world.deps.limits = { leaseMs: 20_000, startWithinMs: 10_000, callMs: 1_500 }
  await world.deliver(await world.write(mails('anna')))
  assert.deepEqual(await world.ends(), { anna: 'sent' })
})

test('an address that bounced or complained is not used again, and a number that is none is dead', async () => {
  await using world = await setup()
  await world.deliver(await world.write(mails('anna', 'ben')))
  const mailed = await world.attempts()
  await world.deliver(
    await world.write({
      ...texts('anna', 'ben', 'cem'),
      to: texts('anna', 'ben', 'cem').to.map(one => ({ ...one, key: 't' })),
    }),
  )
  const texted = await world.attempts()
  await world.events([
    event(mailed.anna!, 'bounce', { type: 'bounce' }),
    event(mailed.ben!, 'bounce', { type: 'blocked', email: 'ben@example.com' }),
  ])
  const form = (n: number, code: string) => ({ MessageSid: `SM${n}`, MessageStatus: 'undelivered', ErrorCode: code })
  await world.status(texted.anna!, { ...form(1, '30005'), To: numbers.anna! })
  await world.status(texted.ben!, { ...form(2, '21610'), To: numbers.ben! })
  await world.status(texted.cem!, { ...form(3, '30003'), To: numbers.cem! })
  await world.applied()
  const rows = await world.db.query<{ id: string; endpoints: string }>(
    `select id, endpoints from recipients order by id`,
  )
  const states = rows.map(({ id, endpoints }) => [
    id,
    ...(JSON.parse(endpoints) as { state: string }[]).map(one => one.state),
  ])
  assert.deepEqual(states, [
    ['anna', 'suppressed', 'dead'],
    ['ben', 'active', 'suppressed'],
    ['cem', 'active', 'active'],
  ])
  assert.ok(await world.isSuppressed({ channel: 'email', address: 'Anna@example.com' }))
  assert.ok(await world.isSuppressed({ channel: 'sms', address: numbers.ben! }))
  const kept = JSON.stringify(await world.db.query('select * from receipts'))
  for (const address of ['@example.com', numbers.anna!.slice(1), numbers.ben!.slice(1)])
    assert.ok(!kept.includes(address), `${address} is kept nowhere`)
  assert.ok(!world.lines.join('').includes('@example.com'))
})

test('delivered stops a step that waits for nothing else', async () => {
  await using world = await setup()
  await world.deliver(await world.write(mails('anna')))
  const { anna } = await world.attempts()
  await world.events([event(anna!, 'delivered')])
  await world.applied()
  const rows = await world.db.query<{ line: string }>(`select recipient || ' ' || what as line from engagements`)
  assert.deepEqual(rows, [{ line: 'anna delivered' }])
})

test('what is not signed by the provider for us changes nothing', async () => {
  await using world = await setup()
  await world.deliver(await world.write(mails('anna')))
  await world.deliver(await world.write({ ...texts('anna'), to: [{ recipient: 'anna', endpoint: 'sms', key: 't' }] }))
  const { anna } = await world.attempts()
  const { sendgrid, twilio } = world.simulators.credentials
  const before = await everyRow(world.db)
  const said = JSON.stringify([event(anna!, 'delivered')])
  const good = signedEvents(said, sendgrid.webhook.privateKey)
  const old = String(Math.floor(world.clock.now() / 1000) - 86_401)
  const signedAt = (timestamp: string, key = sendgrid.webhook.privateKey) => ({
    ...good.headers,
    'x-twilio-email-event-webhook-timestamp': timestamp,
    'x-twilio-email-event-webhook-signature': sign('sha256', Buffer.from(timestamp + said), key).toString('base64'),
  })
  const now = good.headers['x-twilio-email-event-webhook-timestamp']
  const stranger = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const { 'x-twilio-email-event-webhook-signature': _left, ...unsigned } = good.headers
  const mailCases: [Record<string, string>, string][] = [
    [good.headers, `${said} `],
    [unsigned, said],
    [{ ...good.headers, 'x-twilio-email-event-webhook-signature': 'AAAA' }, said],
    [{ ...good.headers, 'x-twilio-email-event-webhook-timestamp': String(Number(now) + 1) }, said],
    [signedAt(old), said],
    [signedAt('not a time'), said],
    [signedAt(now, stranger.privateKey), said],
  ]
  for (const [headers, body] of mailCases)
    assert.equal((await world.post('/webhooks/sendgrid', { headers, body })).status, 403)
  const form = { MessageSid: 'SM1', MessageStatus: 'delivered', To: numbers.anna! }
  const query = signedAttempt({ attempt: anna!, delivery: 'd', secret: world.secret })
  const callback = `${publicUrl}/webhooks/twilio?${query}`
  const { authToken } = twilio
  const right = signedForm({ url: callback, form, authToken })
  const textCases: [string, { headers: Record<string, string>; body: string }][] = [
    [query, { ...right, body: `${right.body}&ErrorCode=30005` }],
    [`${query}x`, right],
    [query, signedForm({ url: callback, form, authToken: '' })],
    [query, signedForm({ url: callback, form, authToken: 'a stranger’s' })],
    // The host that a request names is not the one that was signed for.
    [query, signedForm({ url: `${world.url}/webhooks/twilio?${query}`, form, authToken })],
    [query, { ...right, headers: { ...right.headers, 'x-twilio-signature': '' } }],
  ]
  for (const [search, request] of textCases) {
    const headers = { ...request.headers, 'x-forwarded-host': 'bell.example', host: 'bell.example' }
    assert.equal((await world.post(`/webhooks/twilio?${search}`, { ...request, headers })).status, 403)
  }
  assert.equal((await world.events({ not: 'a list' })).status, 400)
  const large = { ...good, body: `${said}${' '.repeat(1024 * 1024)}` }
  assert.equal((await world.post('/webhooks/sendgrid', large)).status, 413)
  assert.equal(
    (await world.post('/webhooks/sendgrid', { ...good, headers: { 'content-type': 'text/plain' } })).status,
    415,
  )
  assert.deepEqual(await everyRow(world.db), before)
})

test('who goes on to post what is not signed is not read any more, whatever else it posts', async () => {
  await using world = await setup()
  const statuses: number[] = []
  for (let n = 0; n < 61; n++)
    statuses.push((await fetch(new URL('/webhooks/sendgrid', world.url), { method: 'POST' })).status)
  assert.deepEqual([statuses.at(0), statuses.includes(429)], [403, true])
  const refused = await world.post('/webhooks/twilio', { headers: {}, body: '' })
  assert.equal(refused.status, 429)
  assert.match(refused.headers.get('retry-after')!, /^[1-9]\d*$/)
  assert.match(refused.headers.get('content-type')!, /^application\/problem\+json/)
})

test('a request without a body is nobody’s', async () => {
  await using world = await setup()
  for (const provider of ['twilio', 'sendgrid'])
    assert.equal((await fetch(new URL(`/webhooks/${provider}`, world.url), { method: 'POST' })).status, 403)
})

test('a report of nobody is answered and counted, and one of long ago changes nothing any more', async () => {
  await using world = await setup()
  await world.deliver(await world.write(mails('anna')))
  const { anna } = await world.attempts()
  const strange = [
    attemptId({ batch: newBatchId(), slot: 0 }),
    `${anna!.split('.')[0]!}.7`,
    'ffffffff-ffff-7fff-bfff-ffffffffffff.0',
    'x',
    "'; drop table batches; --",
  ]
  const events = strange.map((attempt, n) => event(attempt, 'delivered', { sg_event_id: `e${n}` }))
  const none = [null, 7, {}, { event: 'delivered', sg_event_id: 'e', attempt_id: 7 }]
  assert.equal((await world.events([...events, ...none])).status, 200)
  // Signed by Twilio, for an attempt that we did not sign.
  const { authToken } = world.simulators.credentials.twilio
  const query = `a=${anna}&d=d&s=${'A'.repeat(43)}`
  const form = { MessageSid: 'SM9', MessageStatus: 'delivered', To: numbers.anna! }
  const callback = signedForm({ url: `${publicUrl}/webhooks/twilio?${query}`, form, authToken })
  assert.equal((await world.post(`/webhooks/twilio?${query}`, callback)).status, 200)
  await world.applied()
  assert.deepEqual(await world.told(), [])
  const metrics = await world.deps.metrics.text()
  assert.match(metrics, /receipts_total\{event="delivered",result="unknown"\} 4\n/)
  assert.match(metrics, /receipts_total\{event="report",result="unknown"\} 6\n/)
  world.clock.set(world.clock.now() + 31 * 86_400_000)
  const late = { headers: {}, body: '' }
  const { privateKey } = world.simulators.credentials.sendgrid.webhook
  const body = JSON.stringify([event(anna!, 'delivered')])
  const timestamp = String(Math.floor(world.clock.now() / 1000))
  const signature = sign('sha256', Buffer.from(timestamp + body), privateKey).toString('base64')
  const headers = {
    'content-type': 'application/json',
    'x-twilio-email-event-webhook-timestamp': timestamp,
    'x-twilio-email-event-webhook-signature': signature,
  }
  assert.equal((await world.post('/webhooks/sendgrid', { ...late, headers, body })).status, 200)
  await world.applied()
  assert.deepEqual(await world.told(), [])
})
