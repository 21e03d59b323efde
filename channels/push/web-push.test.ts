import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Answer } from '#contracts/outcome.ts'
import { pushServiceHost } from '#local/credentials.ts'
import { decrypted, subscriptionOf } from '#local/simulators/browser.ts'
import { setup } from '#local/simulators/test-setup.ts'
import type { OutMessage } from '../provider.ts'
import { messageTo, subjects } from '../providers.fixture.ts'
import { webPushProvider } from './web-push.ts'

const subject = subjects.find(({ name }) => name === 'webpush')!
const now = 1_795_000_000_000

/** A push service that keeps what it gets. */
async function startService() {
  await using simulators = await setup()
  const { credentials } = simulators
  const says = { status: 201 }
  const got: { headers: IncomingHttpHeaders; body: Buffer; path: string }[] = []
  const server = https.createServer(
    { cert: credentials.server.certificate, key: credentials.server.key },
    async (request, response) => {
      got.push({ headers: request.headers, body: await buffer(request), path: request.url! })
      response.writeHead(says.status).end()
    },
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const provider = webPushProvider({
    ...credentials.webpush,
    hosts: [pushServiceHost, '*.push.example', 'fcm.googleapis.com'],
    server: { host: '127.0.0.1', port, caFile: credentials.caFile },
  })
  const send = async (message: OutMessage, lane: 'critical' | 'default' | 'bulk' = 'default') =>
    (await provider.send([message as OutMessage<'push'>], { lane, now, deadlineMs: 5_000 }))[0]!
  return {
    ...{ send, got, says, last: () => got.at(-1)! },
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

const ending = (message: OutMessage, expiresAt: number | undefined): OutMessage => {
  const { expiresAt: _, ...intent } = message.intent
  return { ...message, intent: expiresAt === undefined ? intent : { ...intent, expiresAt } }
}
const to = (message: OutMessage, address: string): OutMessage => ({
  ...message,
  endpoint: { ...message.endpoint, address },
})

test('the browser reads what its service worker needs, and nobody on the way does', async () => {
  await using service = await startService()
  const content = {
    title: 'Anna commented',
    body: 'Well done',
    url: 'https://app.test/t/1',
    image: 'https://app.test/i',
  }
  const message = { ...messageTo(subject, 1, content), receipt: 'AQGf', badge: 3 }
  assert.equal((await service.send(message)).kind, 'accepted')
  const { body, path } = service.last()
  assert.equal(path, '/push/browser-1')
  assert.ok(!body.toString('latin1').includes('Anna'))
  assert.equal(decrypted('browser-2', body), undefined, 'another browser cannot read it')
  assert.deepEqual(JSON.parse(decrypted('browser-1', body)!.toString()), {
    ...{ nid: message.deliveryId, type: 'test.greeting', ...content, receipt: 'AQGf', badge: 3 },
    thread: 't1',
  })
})

test('its service keeps it until it expires, replaces it by delivery, and wakes a device by lane', async () => {
  await using service = await startService()
  const message = messageTo(subject, 1)
  const said = ({ headers: { ttl, urgency, topic } }: ReturnType<typeof service.last>) => [ttl, urgency, topic]
  await service.send(ending(message, now + 90_500), 'critical')
  assert.deepEqual(said(service.last()), ['90', 'high', message.deliveryId])
  await service.send(ending(message, undefined), 'bulk')
  assert.deepEqual(said(service.last()), [String(28 * 24 * 3_600), 'low', message.deliveryId])
  // What is over reaches those who are there, or nobody.
  await service.send(ending(message, now - 1))
  assert.deepEqual(said(service.last()), ['0', 'normal', message.deliveryId])
  assert.match(message.deliveryId, /^[\w-]{1,32}$/)
})

test('what a browser could only show as nothing is not sent', async () => {
  await using service = await startService()
  const content = { title: 'Title', body: 'Body', silent: true as const }
  const reason = 'a browser shows every push'
  const answer = await service.send(messageTo(subject, 1, content))
  assert.deepEqual(answer, { kind: 'messageDead', reason, uncalled: true })
  assert.equal(service.got.length, 0)
})

test('a service that is asked too much is left alone for its time, and no other is', async t => {
  await using service = await startService()
  const subscription = JSON.parse(subscriptionOf('browser-1')) as { endpoint: string }
  const at = (host: string) =>
    service.send(to(messageTo(subject, 1), JSON.stringify({ ...subscription, endpoint: `https://${host}/push/1` })))
  service.says.status = 406
  const pause = { kind: 'pause', afterMs: 60_000, reason: 'HTTP 406', ofSome: true }
  assert.deepEqual(await at(pushServiceHost), pause)
  service.says.status = 201
  const second = await at(pushServiceHost)
  assert.ok(second.kind === 'pause' && second.ofSome && second.afterMs <= 60_000 && second.uncalled)
  assert.equal(service.got.length, 1, 'it hears of nothing more')
  assert.equal((await at('fcm.googleapis.com')).kind, 'accepted')
  const passed = performance.now() + 60_000
  t.mock.method(performance, 'now', () => passed)
  assert.equal((await at(pushServiceHost)).kind, 'accepted')
})

test('the longest push fits into what a service takes', async () => {
  await using service = await startService()
  const content = { title: '\u{1f600}'.repeat(3_000), body: '\u0001'.repeat(9_000), url: 'https://app.test/' }
  const receipt = 'A'.repeat(120)
  await service.send({ ...messageTo(subject, 1, content), receipt })
  assert.ok(service.last().body.length <= 4_096, `${service.last().body.length} bytes`)
})

test('what a browser registered leads to a known push service or nowhere', async () => {
  await using service = await startService()
  const subscription = JSON.parse(subscriptionOf('browser-1')) as { endpoint: string }
  const at = (endpoint: string) =>
    service.send(to(messageTo(subject, 1), JSON.stringify({ ...subscription, endpoint })))
  const strange = [
    'https://169.254.169.254/latest',
    'https://localhost/push/1',
    `https://${pushServiceHost}:8443/push/1`,
    `https://${pushServiceHost}.evil.test/push/1`,
    `https://${pushServiceHost}@evil.test/push/1`,
    'https://push.example/push/1',
    'https://evilpush.example/push/1',
  ]
  const strangeness: Answer = { kind: 'messageDead', reason: 'not a known push service', uncalled: true }
  for (const endpoint of strange) assert.deepEqual(await at(endpoint), strangeness, endpoint)
  const none: Answer = { kind: 'addressDead', reason: 'not a subscription', uncalled: true }
  for (const address of ['', '{}', 'null', '{"endpoint":"http://push.example/1"}', subscriptionOf('x').slice(0, -3)])
    assert.deepEqual(await service.send(to(messageTo(subject, 1), address)), none, address)
  const keyless = JSON.stringify({ ...subscription, keys: { p256dh: 'BA', auth: 'x' } })
  assert.deepEqual(await service.send(to(messageTo(subject, 1), keyless)), none)
  assert.equal(service.got.length, 0)
})
