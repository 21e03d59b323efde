import assert from 'node:assert/strict'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LoggedRequest } from './request-log.ts'
import { createScript } from './script.ts'
import { setup, temporaryFolder } from './test-setup.ts'

type Setup = Awaited<ReturnType<typeof setup>>

/** One text by plain HTTP: these tests are about the log and the script, not about a client. */
async function text({ ports, credentials }: Setup, to: string): Promise<number> {
  const { accountSid, authToken, from } = credentials.twilio
  const response = await fetch(`http://127.0.0.1:${ports.twilio}/2010-04-01/Accounts/${accountSid}/Messages.json`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}` },
    body: new URLSearchParams({ To: to, From: from, Body: 'Text' }),
  })
  await response.arrayBuffer()
  return response.status
}

const control = ({ ports }: Setup, path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${ports.control}${path}`, init)
const number = (index: number) => `+1202555${String(index).padStart(4, '0')}`

test('another process sets the script, reads counts and log, and clears the script', async () => {
  await using simulators = await setup()
  const rules = [
    { provider: 'twilio', address: number(1), answer: '21610' },
    { provider: 'twilio', answer: 'slow', ms: 1, times: 1 },
  ]
  assert.equal((await control(simulators, '/script', { method: 'POST', body: JSON.stringify(rules) })).status, 204)
  const statuses = [
    await text(simulators, number(1)),
    await text(simulators, number(2)),
    await text(simulators, number(3)),
  ]
  assert.deepEqual(statuses, [400, 201, 201])
  const counts = await (await control(simulators, '/counts')).json()
  const answers = { '21610': 1, slow: 1, accept: 1 }
  assert.deepEqual(counts, { twilio: { messages: 3, accepted: 2, withheld: 0, answers } })
  const log = await (await control(simulators, '/log?after=1')).text()
  const lines = log
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as LoggedRequest)
  assert.deepEqual(
    lines.map(({ seq, address }) => [seq, address]),
    [
      [2, number(2)],
      [3, number(3)],
    ],
  )
  assert.equal((await control(simulators, '/script', { method: 'DELETE' })).status, 204)
  assert.equal(await text(simulators, number(1)), 201)
})

test('a bad order is refused with what is wrong', async () => {
  await using simulators = await setup()
  const orders: [unknown, RegExp][] = [
    [{ provider: 'pigeon', answer: 'accept' }, /provider must be one of fcm/],
    [{ provider: 'fcm', answer: 'Unregistered' }, /answer of fcm must be one of accept/],
    [{ provider: 'fcm', answer: 'accept', times: 0 }, /times must be a number/],
    [{ provider: 'fcm', answer: 'accept', time: 1 }, /has no field time/],
    ['nonsense', /a rule is an object/],
  ]
  for (const [order, expected] of orders) {
    const response = await control(simulators, '/script', { method: 'POST', body: JSON.stringify(order) })
    assert.equal(response.status, 400)
    assert.match(((await response.json()) as { error: string }).error, expected)
  }
  assert.equal((await control(simulators, '/nothing')).status, 404)
})

test('the log file holds every request once, in order, also over a restart that cut a line', async () => {
  await using dir = await temporaryFolder()
  const logFile = join(dir.path, 'requests.ndjson')
  const send = async (numbers: number[]) => {
    await using simulators = await setup({ logFile })
    await Promise.all(numbers.map(index => text(simulators, number(index))))
    await simulators.log.stored()
    return simulators.log.entries().map(line => JSON.stringify(line))
  }
  const first = await send([1, 2, 3, 4, 5])
  await appendFile(logFile, '{"seq":6,"at":"2026-')
  const second = await send([6, 7])
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n')
  assert.deepEqual(lines, [...first, ...second])
  assert.deepEqual(
    lines.map(line => (JSON.parse(line) as LoggedRequest).seq),
    [1, 2, 3, 4, 5, 6, 7],
  )
})

test('memory keeps the last lines and says when older ones are asked for', async () => {
  await using simulators = await setup({ keepRequests: 2 })
  for (const index of [1, 2, 3, 4, 5]) await text(simulators, number(index))
  assert.throws(() => simulators.log.entries(0), /read the log file/)
  assert.equal((await control(simulators, '/log?after=0')).status, 410)
  assert.deepEqual(
    simulators.log.entries(3).map(line => line.address),
    [number(4), number(5)],
  )
  await using counting = await setup({ keepRequests: 0 })
  await text(counting, number(1))
  assert.equal(counting.log.counts().twilio!.messages, 1)
  assert.deepEqual(counting.log.entries(), [])
})

test('the most specific order wins, and one with times ends', () => {
  const script = createScript()
  const said = (address: string) => script.decide('fcm', [address]).answer
  script.set({ provider: 'fcm', answer: 'internal', times: 2 })
  script.set({ provider: 'fcm', address: 'tok-*', answer: 'quota' })
  script.set({ provider: 'fcm', address: 'tok-1*', answer: 'hang' })
  script.set({ provider: 'fcm', address: 'tok-12', answer: 'unregistered', times: 1 })
  assert.deepEqual(['tok-12', 'tok-12', 'tok-2', 'a', 'b', 'c'].map(said), [
    'unregistered',
    'hang',
    'quota',
    'internal',
    'internal',
    'accept',
  ])
  script.set({ provider: 'fcm', address: 'tok-*', answer: 'accept' })
  assert.equal(said('tok-2'), 'accept')
  assert.equal(script.decide('apns', ['tok-2']).answer, 'accept')
})

test('an order for a time begins and ends by itself, and stands before one without', () => {
  let now = 0
  const script = createScript(() => now)
  const said = () => script.decide('fcm', ['tok-1']).answer
  script.set({ provider: 'fcm', answer: 'internal' })
  script.set({ provider: 'fcm', answer: 'unavailable', fromMs: 100, forMs: 50 })
  script.set({ provider: 'fcm', answer: 'quota', fromMs: 200, times: 1 })
  script.set({ provider: 'fcm', address: 'tok-1', answer: 'hang', fromMs: 300 })
  const heard = [0, 99, 100, 149, 150, 200, 200, 300].map(at => ((now = at), said()))
  const usual = 'internal'
  assert.deepEqual(heard, [usual, usual, 'unavailable', 'unavailable', usual, 'quota', usual, 'hang'])
})

test('nothing is answered that is not in the file', async () => {
  await using dir = await temporaryFolder()
  const logFile = join(dir.path, 'requests.ndjson')
  await using simulators = await setup({ logFile })
  for (const index of [1, 2, 3]) {
    await text(simulators, number(index))
    assert.ok((await readFile(logFile, 'utf8')).includes(number(index)))
  }
})

test('an answer may be given word for word', async () => {
  await using simulators = await setup()
  const reply = { status: 418, headers: { 'content-type': 'text/plain' }, body: 'teapot' }
  const order = { provider: 'twilio', answer: 'reply', reply }
  for (const bad of [
    { ...order, reply: undefined },
    { ...order, answer: 'accept' },
    { ...order, reply: { status: '200' } },
  ])
    assert.equal((await control(simulators, '/script', { method: 'POST', body: JSON.stringify(bad) })).status, 400)
  assert.equal((await control(simulators, '/script', { method: 'POST', body: JSON.stringify(order) })).status, 204)
  assert.equal(await text(simulators, number(1)), 418)
  assert.equal(simulators.lines('twilio')[0]!.accepted, false)
})
