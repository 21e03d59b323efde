import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { isOutage } from '#runtime/postgres.ts'
import { sendgridProvider } from './email/sendgrid.ts'
import { inboxProvider } from './in-app/inbox.ts'
import { limitsOf } from './limits.ts'
import { createWorld, device, greeting, inboxes, mailbox, phones, worldWithFcm } from './world.fixture.ts'

/** A way to a server that can be cut for a while: connections are reset, new ones refused. */
async function severableLine() {
  const sockets = new Set<net.Socket>()
  let target: URL
  let severed = false
  const server = net.createServer(near => {
    if (severed) {
      near.resetAndDestroy()
      return
    }
    const far = net.connect(Number(target.port), target.hostname)
    for (const socket of [near, far])
      sockets.add(socket.on('error', () => {}).on('close', () => far.destroy() && near.destroy()))
    near.pipe(far).pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    to: (url: string) => {
      target = new URL(url)
      const near = new URL(url)
      near.port = String((server.address() as net.AddressInfo).port)
      return near.href
    },
    /** Resolves when the line is back. */
    sever: async (ms: number) => {
      severed = true
      for (const socket of sockets) socket.resetAndDestroy()
      await sleep(ms)
      severed = false
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('inbox items are there once, in the language of the person', async () => {
  await using world = await createWorld()
  world.use(inboxProvider(world.db))
  await world.addPerson('anna', { locale: 'de-AT' })
  const batches = await world.write(inboxes('anna', 'ben'))
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  await assert.rejects(world.deliver(batches), /killed/)
  delete world.deps.failpoint
  await world.lapse()
  await world.deliver(batches)
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'delivered', ben: 'delivered' })
  const items = await world.db.query<{ recipient: string; content: string }>(
    'select recipient, content from inbox_items order by recipient',
  )
  assert.deepEqual(
    items.map(item => [item.recipient, JSON.parse(item.content).title]),
    [
      ['anna', 'Hallo'],
      ['ben', 'Hello'],
    ],
  )
})

test('a dead device is marked, the others get their push with the delivery as its tag', async () => {
  await using world = await worldWithFcm()
  for (const who of ['anna', 'dan-dead']) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  await world.deliver(await world.write(phones('anna', 'dan-dead')))
  assert.deepEqual(await world.ends(), { anna: 'sent', 'dan-dead': 'address_dead' })
  const line = world.simulators.lines('fcm').find(({ address }) => address === 'token-anna')!
  assert.match(line.deliveryId!, /^[\w-]{22}$/)
  await world.deliver(await world.write(phones('dan-dead')))
  assert.equal((await world.ends())['dan-dead'], 'no_endpoint', 'what is dead is not asked again')
  assert.equal(world.simulators.lines('fcm').length, 2)
})

test('what a person withdrew after the decision is not sent', async () => {
  await using world = await worldWithFcm()
  const kept = [device('token')]
  const people = {
    fine: { endpoints: kept },
    off: { endpoints: kept, choices: { categories: { social: { push: false } } } },
    muted: { endpoints: kept, choices: { threads: { t1: true } } },
    dead: { endpoints: [device('token', { state: 'dead' as const })] },
    stopped: { endpoints: [device('token', { state: 'suppressed' as const })] },
    moved: { endpoints: [device('token', { id: 'another phone' })] },
    gone: {},
    erased: { endpoints: kept },
  }
  for (const [who, person] of Object.entries(people)) await world.addPerson(who, person)
  await world.db.query(`update recipients set erased_at = now() where id = 'erased'`)
  const batches = await world.write({ ...phones(...Object.keys(people)), intent: { thread: 't1' } })
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), {
    dead: 'no_endpoint',
    erased: 'suppressed_preference',
    fine: 'sent',
    gone: 'no_endpoint',
    moved: 'no_endpoint',
    muted: 'suppressed_mute',
    off: 'suppressed_preference',
    stopped: 'suppressed_address',
  })
  assert.equal(world.simulators.lines('fcm').length, 1)
})

test('a wish that comes after the claim counts as well, as long as nothing was sent', async () => {
  await using world = await worldWithFcm()
  await world.addPerson('anna', { endpoints: [device('token')] })
  const batches = await world.write(phones('anna'))
  const choices = { categories: { social: { push: false } } }
  world.deps.failpoint = async name => {
    if (name === 'after claim') await world.addPerson('anna', { endpoints: [device('token')], choices })
  }
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'suppressed_preference' })
  assert.equal(world.simulators.lines('fcm').length, 0)
})

test('what expired on its way is not sent', async () => {
  await using world = await createWorld()
  world.use(inboxProvider(world.db))
  const batches = await world.write({ ...inboxes('anna'), intent: { expiresAt: world.clock.now() + 1_000 } })
  world.clock.set(world.clock.now() + 1_001)
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'expired' })
})

test('a template that throws costs its own slots only, and its data stays out of the log', async () => {
  const templates = structuredClone({ en: {} }) as typeof greeting.templates
  templates.en = {
    ...greeting.templates.en,
    in_app: ({ data }) => {
      const { name } = data as { name: string }
      if (name === 'bad') throw new Error(`cannot greet ${name} of Secret Street`)
      return { title: 'Hello', body: (name === 'hole' ? undefined : name) as string }
    },
  }
  await using world = await createWorld({ types: [{ ...greeting, templates }] })
  world.use(inboxProvider(world.db))
  const to = ['anna-good', 'ben-bad', 'cleo-hole'].map(recipient => ({
    recipient,
    endpoint: 'inbox',
    key: recipient.split('-')[1]!,
  }))
  await world.deliver(await world.write({ ...inboxes(), to }))
  assert.deepEqual(await world.ends(), {
    'anna-good': 'delivered',
    'ben-bad': 'template_error',
    'cleo-hole': 'template_error',
  })
  assert.equal(world.lines.length, 2)
  assert.doesNotMatch(world.lines.join(), /Secret/)
  assert.match(world.lines[0]!, /test\.greeting, in_app, en: it failed after it read data\.name/)
  assert.match(world.lines[1]!, /test\.greeting, in_app, en: it gives no body/)
})

test('a batch of a type, or for a provider, that this worker does not know waits for another worker', async () => {
  await using world = await createWorld()
  const strange = await world.write({ ...inboxes('anna'), intent: { type: 'test.newer' } })
  const unserved = await world.write(phones('ben'))
  world.use(inboxProvider(world.db))
  await world.deliver([...strange, ...unserved])
  await world.deliver([...strange, ...unserved])
  assert.deepEqual(await world.ends(), { anna: 'open', ben: 'open' })
  assert.equal(world.lines.length, 2, 'offered again later, not at once')
  const newer = new Map([...world.deps.catalogue.types, ['test.newer', { ...greeting, type: 'test.newer' }]])
  world.deps.catalogue = { ...world.deps.catalogue, version: '2', types: newer }
  await world.makeDue()
  await world.deliver(strange)
  assert.equal((await world.ends()).anna, 'delivered')
})

test('what is of a type that this worker does not know keeps nothing else of its batch waiting', async () => {
  await using world = await createWorld()
  world.use(inboxProvider(world.db))
  const of = (recipient: string, more: object) => ({ recipient, endpoint: 'inbox', key: recipient, ...more })
  const expiresAt = world.clock.now() - 1
  const to = [of('anna', {}), of('ben', { type: 'test.gone' }), of('cleo', { type: 'test.gone', expiresAt })]
  await world.deliver(await world.write({ ...inboxes(), to }))
  assert.deepEqual(await world.ends(), { anna: 'delivered', ben: 'open', cleo: 'expired' })
  await world.makeDue()
  const left = await world.open()
  await world.deliver(left)
  assert.deepEqual((await world.open())[0]!.id, left[0]!.id, 'and makes no new batch each time')
})

test('a paused provider is not asked, batches wait unclaimed, and no try is spent', async () => {
  await using world = await worldWithFcm()
  for (const who of ['anna', 'ben']) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  world.simulators.script.set({ provider: 'fcm', answer: 'quota', times: 1, retryAfterSeconds: 61 })
  await world.deliver(await world.write(phones('anna')))
  const waiting = await world.write(phones('ben'))
  await world.deliver(waiting)
  assert.equal(world.simulators.lines('fcm').length, 1)
  const rows = await world.db.query(
    `select attempt, tries, waits_for, due_at - now() between interval '30 s' and interval '61 s' as asked from batches where closed_at is null`,
  )
  const paused = { attempt: 0, tries: 0, waits_for: 'pause', asked: true }
  assert.deepEqual(rows, [paused, paused])
  world.clock.set(world.clock.now() + 61_000)
  await world.makeDue()
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent' })
})

test('a worker that was overtaken changes nothing', async () => {
  await using world = await createWorld()
  world.use(inboxProvider(world.db))
  const batches = await world.write(inboxes('anna'))
  world.deps.failpoint = async name => {
    if (name === 'after claim') return
    delete world.deps.failpoint
    await world.lapse()
    await world.deliver(batches)
  }
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'delivered' })
  assert.match(await world.deps.metrics.text(), /fenced_total\{channel="in_app"\} 1/)
  assert.match(world.lines.join(), /took the batch over/)
})

test('no send starts too long after its claim', async t => {
  await using world = await worldWithFcm()
  await world.addPerson('anna', { endpoints: [device('token')] })
  const batches = await world.write({ ...phones('anna'), lane: 'critical' })
  const { startWithinMs } = limitsOf({ lane: 'critical', channel: 'push' })
  const now = performance.now.bind(performance)
  world.deps.failpoint = async name => {
    if (name === 'after claim') t.mock.method(performance, 'now', () => now() + startWithinMs)
  }
  await world.deliver(batches)
  t.mock.restoreAll()
  assert.equal(world.simulators.lines('fcm').length, 0)
  delete world.deps.failpoint
  await world.makeDue()
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'sent' })
})

test('a provider is told until when what else its call takes may begin', async () => {
  await using world = await createWorld()
  await world.addPerson('anna', { endpoints: [device('token')] })
  let untilMs = Number.NaN
  world.use({
    ...{ name: 'fcm', channel: 'push', callSizeMax: 500, callsAtOnce: 1, pauses: 'lane', mixes: () => true },
    send: async (messages, { startUntilMs }) => {
      untilMs = startUntilMs!
      return messages.map(() => ({ kind: 'accepted', providerId: 'p' }))
    },
    async [Symbol.asyncDispose]() {},
  })
  const batches = await world.write(phones('anna'))
  const begunMs = performance.now()
  await world.deliver(batches)
  const { startWithinMs } = limitsOf({ lane: 'default', channel: 'push' })
  assert.ok(untilMs >= begunMs + startWithinMs && untilMs <= performance.now() + startWithinMs, `${untilMs}`)
})

test('a batch that no worker can send ends when all of it has expired', async () => {
  await using world = await createWorld()
  const expiresAt = world.clock.now() + 60_000
  await world.write({
    channel: 'sms',
    provider: 'twilio',
    to: [{ recipient: 'anna', endpoint: 'phone' }],
    intent: { expiresAt },
  })
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'open' })
  world.clock.set(expiresAt + 1)
  await world.makeDue()
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'expired' })
})

test('of a batch that no worker can send the expired part ends; the rest waits, told as not tried', async () => {
  await using world = await createWorld()
  const expiresAt = world.clock.now() + 60_000
  const to = [
    { recipient: 'anna', endpoint: 'phone', key: 'a', expiresAt },
    { recipient: 'ben', endpoint: 'phone', key: 'b' },
  ]
  const batches = await world.write({ channel: 'sms', provider: 'twilio', to })
  assert.equal(batches.length, 1)
  world.clock.set(expiresAt + 1)
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'expired', ben: 'open' })
  const [told] = await world.db.query<{ whys: { rule: string }[]; slots: { what: string; w: number }[] }>(
    `select payload::json->'whys' as whys, payload::json->'slots' as slots from outbox
     where payload::json->>'kind' = 'settled'`,
  )
  assert.deepEqual(Object.fromEntries(told!.slots.map(({ what, w }) => [what, told!.whys[w]!.rule])), {
    expired: 'expired',
    moved: 'not_called',
  })
})

test('one bad mailbox does not cost the others their mail, and a lost answer waits for its receipt', async () => {
  await using simulators = await startSimulators()
  await using world = await createWorld()
  const { apiKey } = simulators.credentials.sendgrid
  const baseUrl = `http://127.0.0.1:${simulators.ports.sendgrid}/`
  world.use(sendgridProvider({ apiKey, from: 'notify@carillon.test', baseUrl }))
  const names = Array.from({ length: 20 }, (_, n) => (n === 13 ? 'u13-dead' : `u${n}`))
  for (const who of names) await world.addPerson(who, { endpoints: [mailbox(`${who}@carillon.test`)] })
  const to = names.map(recipient => ({ recipient, endpoint: 'mail' }))
  await world.deliver(await world.write({ channel: 'email', provider: 'sendgrid', to }))
  assert.deepEqual(
    await world.ends(),
    Object.fromEntries(names.map(who => [who, who === 'u13-dead' ? 'rejected' : 'sent'])),
  )
  const taken = simulators.lines('sendgrid').filter(({ accepted }) => accepted)
  assert.equal(taken.length, 19)
  assert.equal(new Set(taken.map(({ attemptId }) => attemptId)).size, 19)
  simulators.script.set({ provider: 'sendgrid', answer: 'acceptThen500', times: 1 })
  await world.deliver(await world.write({ channel: 'email', provider: 'sendgrid', to: to.slice(0, 1) }))
  const doubts = await world.db.query(`select n, tries from batches where doubt and closed_at is null`)
  assert.deepEqual(doubts, [{ n: 1, tries: 1 }])
})

test('a database that goes away while sending is sat out: nothing is sent twice', async () => {
  await using line = await severableLine()
  await using world = await worldWithFcm({ via: line.to })
  await world.addPerson('anna', { endpoints: [device('token')] })
  const batches = await world.write(phones('anna'))
  world.deps.failpoint = async point => {
    if (point === 'after send before record') void line.sever(800)
  }
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'sent' })
  assert.equal(world.simulators.lines('fcm').length, 1)
})

test('a record whose answer is lost counts as recorded, once', async () => {
  await using world = await createWorld()
  world.use(inboxProvider(world.db))
  const batches = await world.write(inboxes('anna', 'ben'))
  const { db } = world
  let lost = 0
  world.deps.db = {
    ...db,
    query: async <Row extends object>(text: string, values?: readonly unknown[]) => {
      const rows = await db.query<Row>(text, values)
      if (!text.includes('insert into outbox') || lost++ > 0) return rows
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    },
  }
  await world.deliver(batches)
  assert.equal(lost, 2)
  assert.deepEqual(await world.ends(), { anna: 'delivered', ben: 'delivered' })
  const numbers = await world.deps.metrics.text()
  assert.match(numbers, /outcomes_total\{channel="in_app",outcome="delivered"\} 2/)
  assert.doesNotMatch(numbers, /fenced_total\{/)
  assert.deepEqual(world.lines, [])
})

test('a database that goes away before anything was sent leaves no doubt', async () => {
  await using line = await severableLine()
  await using world = await worldWithFcm({ via: line.to, types: [{ ...greeting, doubt: 'never' }] })
  await world.addPerson('anna', { endpoints: [device('token')] })
  const batches = await world.write(phones('anna'))
  let back: Promise<void> | undefined
  world.deps.failpoint = async () => void (back = line.sever(800))
  await assert.rejects(world.deliver(batches), isOutage)
  await back
  assert.equal(world.simulators.lines('fcm').length, 0)
  delete world.deps.failpoint
  await world.lapse()
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'sent' })
})

test('answers are counted by provider', async () => {
  await using world = await worldWithFcm()
  await world.addPerson('anna', { endpoints: [device('token')] })
  await world.deliver(await world.write(phones('anna')))
  const text = await world.deps.metrics.text()
  assert.match(text, /answers_total\{provider="fcm",answer="accepted"\} 1/)
  assert.match(text, /outcomes_total\{channel="push",outcome="sent"\} 1/)
})
