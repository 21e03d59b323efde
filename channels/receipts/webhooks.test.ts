import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { test } from 'node:test'
import type { EventPack } from '#contracts/event.ts'
import { attemptId, newBatchId } from '#contracts/ids.ts'
import { signedEvents } from '#local/simulators/sendgrid-events.ts'
import { signedForm } from '#local/simulators/twilio-callbacks.ts'
import { signedAttempt } from '../attempt-signature.ts'
import { everyRow } from './every-row.fixture.ts'
import { event, mails, newKeys, numbers, publicUrl, setup, texts } from './webhooks.fixture.ts'

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

test('an image that was loaded is told, by a machine apart from others, and has neither read nor stopped anything', async () => {
  await using world = await setup()
  await world.deliver(await world.write(mails('anna', 'ben')))
  const { anna, ben } = await world.attempts()
  const opens = [event(anna!, 'open', { sg_machine_open: false }), event(ben!, 'open', { sg_machine_open: true })]
  for (let n = 0; n < 3; n++)
    await world.events(opens.map(one => ({ ...one, sg_event_id: `${one.sg_event_id} ${n}`.replace(' ', '-') })))
  await world.applied()
  const rows = await world.db.query<{ payload: string }>(`select payload from outbox where payload like '%engaged%'`)
  const packs = new Map(rows.map(row => JSON.parse(row.payload) as EventPack).map(pack => [pack.pack, pack.slots[0]!]))
  const told = [...packs.values()].map(({ recipient, what }) => `${recipient} ${what}`)
  assert.deepEqual(told.toSorted(), ['anna seen', 'ben machine_opened'])
  assert.deepEqual(await world.db.query('select from engagements'), [])
  assert.deepEqual(await world.told(), [], 'no word on whether it arrived')
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
  const stranger = newKeys()
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

test('while SendGrid’s key is changed what either has signed is believed', async () => {
  await using world = await setup()
  await world.deliver(await world.write(mails('anna', 'ben')))
  const { anna, ben } = await world.attempts()
  const { privateKey } = world.simulators.credentials.sendgrid.webhook
  const by = (key: string, attempt: string) =>
    world.post('/webhooks/sendgrid', signedEvents(JSON.stringify([event(attempt, 'delivered')]), key))
  assert.equal((await by(world.former.privateKey, anna!)).status, 200)
  assert.equal((await by(privateKey, ben!)).status, 200)
  assert.equal((await by(newKeys().privateKey, ben!)).status, 403)
  await world.applied()
  assert.deepEqual(await world.told(), ['anna delivered', 'ben delivered'])
})

test('who goes on to post what is not signed is told to wait; what is signed is heard from the same address', async () => {
  await using world = await setup()
  const posts = Array.from({ length: 150 }, (_, n) => (n % 2 ? '/webhooks/sendgrid' : '/webhooks/twilio'))
  const said = await Promise.all(posts.map(path => fetch(new URL(path, world.url), { method: 'POST' })))
  assert.deepEqual(new Set(said.map(response => response.status)), new Set([403, 429]))
  const refused = said.find(response => response.status === 429)!
  assert.match(refused.headers.get('retry-after')!, /^[1-9]\d*$/)
  assert.match(refused.headers.get('content-type')!, /^application\/problem\+json/)
  await world.deliver(await world.write(mails('anna')))
  const { anna } = await world.attempts()
  // All customers of a provider post from its addresses, each what they like.
  assert.equal((await world.events([event(anna!, 'delivered')])).status, 200)
  assert.equal((await world.status(anna!, { MessageSid: 'SM1', MessageStatus: 'delivered', To: '' })).status, 200)
  await world.applied()
  assert.deepEqual(await world.told(), ['anna delivered'])
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
