import assert from 'node:assert/strict'
import { createHmac, verify } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import twilio from 'twilio'
import { setup } from './test-setup.ts'

type Received = { url: string; headers: http.IncomingHttpHeaders; body: string }
type Event = Record<string, string>

/** Takes receipts, as whoever is told of them would. `statuses`: its first answers, then 204. */
async function startTaker(statuses: number[] = []) {
  const received: Received[] = []
  const server = http.createServer(async (request, response) => {
    received.push({ url: request.url!, headers: request.headers, body: await text(request) })
    response.writeHead(statuses.shift() ?? 204).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...{ received, origin },
    /** Waits for so many. */
    took: async (n: number) => {
      const deadline = AbortSignal.timeout(60_000)
      while (received.length < n) {
        deadline.throwIfAborted()
        await new Promise(resolve => setTimeout(resolve, 5))
      }
      return received
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

type World = Awaited<ReturnType<typeof setup>>
const callback = 'https://carillon.test/webhooks/twilio?a=attempt-1&d=delivery-1&s=x%2By'
const number = '+12025550123'

async function sms({ ports, credentials }: World, to = number): Promise<number> {
  const { accountSid, authToken, from } = credentials.twilio
  const response = await fetch(`http://127.0.0.1:${ports.twilio}/2010-04-01/Accounts/${accountSid}/Messages.json`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}` },
    body: new URLSearchParams({ To: to, From: from, Body: 'Text', StatusCallback: callback }),
  })
  await response.arrayBuffer()
  return response.status
}

async function mail({ ports, credentials }: World, names: string[]): Promise<number> {
  const personalizations = names.map(name => ({
    to: [{ email: `${name}@carillon.test` }],
    custom_args: { attempt_id: `attempt-${name}` },
  }))
  const from = { email: 'notify@carillon.test' }
  const body = { from, personalizations, subject: 'S', content: [{ type: 'text/plain', value: 'T' }] }
  const response = await fetch(`http://127.0.0.1:${ports.sendgrid}/v3/mail/send`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credentials.sendgrid.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  await response.arrayBuffer()
  return response.status
}

const formOf = ({ body }: Received) => Object.fromEntries(new URLSearchParams(body)) as Record<string, string>
const eventsOf = ({ body }: Received) => JSON.parse(body) as Event[]

test('status callbacks are signed for the URL that Twilio was given, and arrive in order', async () => {
  await using simulators = await setup()
  await using taker = await startTaker()
  simulators.receipts.pointTo({ twilio: taker.origin })
  assert.equal(await sms(simulators), 201)
  const received = await taker.took(2)
  assert.deepEqual(
    received.map(one => formOf(one).MessageStatus),
    ['sent', 'delivered'],
  )
  const { authToken } = simulators.credentials.twilio
  for (const one of received) {
    const { pathname, search } = new URL(callback)
    assert.equal(one.url, pathname + search)
    const signature = one.headers['x-twilio-signature'] as string
    assert.ok(twilio.validateRequest(authToken, signature, callback, formOf(one)))
    assert.ok(!twilio.validateRequest(authToken, signature, `${callback}x`, formOf(one)))
    assert.ok(!twilio.validateRequest(authToken, signature, callback, { ...formOf(one), MessageStatus: 'read' }))
  }
})

test('a text whose answer was lost is reported too, one that was refused is not', async () => {
  await using simulators = await setup()
  await using taker = await startTaker()
  simulators.receipts.pointTo({ twilio: taker.origin })
  simulators.script.set({ provider: 'twilio', answer: '21610', times: 1 })
  assert.equal(await sms(simulators), 400)
  simulators.script.set({ provider: 'twilio', answer: 'acceptThen500', times: 1 })
  assert.equal(await sms(simulators), 500)
  const received = await taker.took(2)
  assert.equal(new Set(received.map(one => formOf(one).MessageSid)).size, 1)
})

test('receipts come late, many times, out of order, with a code, or not at all, as they are ordered', async () => {
  await using simulators = await setup()
  await using taker = await startTaker()
  const { receipts } = simulators
  receipts.pointTo({ twilio: taker.origin })
  receipts.set({ provider: 'twilio', receipts: [] })
  receipts.set({ provider: 'twilio', address: '+1202*', receipts: ['sent', 'undelivered 30003'], reversed: true })
  receipts.set({ provider: 'twilio', address: '+12025550199', receipts: ['delivered'], copies: 46, lateMs: 100 })
  await sms(simulators, '+491711234567')
  await sms(simulators)
  const wrongWay = await taker.took(2)
  assert.deepEqual(
    wrongWay.map(one => [formOf(one).MessageStatus, formOf(one).ErrorCode]),
    [
      ['undelivered', '30003'],
      ['sent', undefined],
    ],
  )
  const begun = performance.now()
  await sms(simulators, '+12025550199')
  await taker.took(3)
  assert.ok(performance.now() - begun >= 95)
  const all = await taker.took(2 + 46)
  const copies = all.slice(2)
  assert.equal(new Set(copies.map(one => one.body)).size, 1)
  assert.equal(new Set(copies.map(one => one.headers['i-twilio-idempotency-token'])).size, 1)
})

test('events are signed over timestamp and raw body, and name the attempt', async () => {
  await using simulators = await setup()
  await using taker = await startTaker()
  const { receipts, credentials } = simulators
  receipts.pointTo({ sendgrid: `${taker.origin}/webhooks/sendgrid` })
  receipts.set({
    provider: 'sendgrid',
    address: 'bob@carillon.test',
    receipts: ['processed', 'dropped Spam Reporting'],
  })
  assert.equal(await mail(simulators, ['ann', 'bob']), 202)
  const received = await taker.took(2)
  // Two requests, of which either may be there first.
  const isFirst = (one: (typeof received)[number]) => eventsOf(one)[0]!.event === 'processed'
  const inOrder = received.toSorted((a, b) => Number(isFirst(b)) - Number(isFirst(a)))
  assert.deepEqual(
    inOrder.flatMap(eventsOf).map(({ event, attempt_id, reason }) => [event, attempt_id, reason]),
    [
      ['processed', 'attempt-ann', undefined],
      ['processed', 'attempt-bob', undefined],
      ['delivered', 'attempt-ann', undefined],
      ['dropped', 'attempt-bob', 'Spam Reporting'],
    ],
  )
  for (const { url, headers, body } of received) {
    assert.equal(url, '/webhooks/sendgrid')
    const timestamp = headers['x-twilio-email-event-webhook-timestamp'] as string
    const signature = Buffer.from(headers['x-twilio-email-event-webhook-signature'] as string, 'base64')
    const { publicKey } = credentials.sendgrid.webhook
    assert.ok(verify('sha256', Buffer.from(timestamp + body), publicKey, signature))
    assert.ok(!verify('sha256', Buffer.from(`${timestamp}${body} `), publicKey, signature))
  }
})

test('events that were not taken come again with the same ids', async () => {
  await using simulators = await setup()
  await using taker = await startTaker([500, 503])
  simulators.receipts.pointTo({ sendgrid: taker.origin })
  simulators.receipts.set({ provider: 'sendgrid', receipts: ['delivered'] })
  await mail(simulators, ['ann'])
  const received = await taker.took(3)
  assert.equal(new Set(received.map(one => eventsOf(one)[0]!.sg_event_id)).size, 1)
  const statuses = () => simulators.receipts.posted().map(({ status }) => status)
  while (statuses().length < 3) await new Promise(resolve => setTimeout(resolve, 5))
  assert.deepEqual(statuses(), [500, 503, 204])
})

test('another process points, orders, and lets a person answer; nothing leaves the machine', async () => {
  await using simulators = await setup()
  await using taker = await startTaker()
  const { ports, credentials } = simulators
  const control = async (method: string, path: string, body: unknown) => {
    const url = `http://127.0.0.1:${ports.control}${path}`
    const response = await fetch(url, { method, body: JSON.stringify(body) })
    return [response.status, await response.text()] as const
  }
  const [refused, why] = await control('PUT', '/receipts/targets', { sendgrid: 'https://example.com/' })
  assert.deepEqual([refused, /sendgrid must be a URL on this machine/.test(why)], [400, true])
  assert.equal((await control('POST', '/receipts/rules', { provider: 'twilio', receipts: ['seen'] }))[0], 400)
  const inbound = `${taker.origin}/webhooks/twilio/inbound`
  assert.equal((await control('PUT', '/receipts/targets', { inbound }))[0], 204)
  assert.equal((await control('POST', '/inbound', { from: number, body: 'STOP' }))[0], 204)
  const [one] = await taker.took(1)
  const form = formOf(one!)
  assert.deepEqual([form.From, form.To, form.Body], [number, credentials.twilio.from, 'STOP'])
  const said =
    inbound +
    Object.keys(form)
      .sort()
      .map(name => name + form[name])
      .join('')
  const expected = createHmac('sha1', credentials.twilio.authToken).update(said).digest('base64')
  assert.equal(one!.headers['x-twilio-signature'], expected)
})
