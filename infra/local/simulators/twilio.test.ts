import assert from 'node:assert/strict'
import { test } from 'node:test'
import twilio from 'twilio'
import type { LocalCredentials } from '#local/credentials.ts'
import type { Simulators } from './server.ts'
import { twilioAnswers } from './twilio.ts'
import type { TwilioAnswer } from './twilio.ts'
import { setup } from './test-setup.ts'

type RequestOptions = Parameters<InstanceType<typeof twilio.RequestClient>['request']>[0]
type Failure = Error & { code?: number | string; status?: number }

/** Twilio's client has no option for its address; its HTTP client may be replaced by a subclass. */
class LocalRequestClient extends twilio.RequestClient {
  readonly #origin: string
  constructor(origin: string, timeout?: number) {
    super({ timeout })
    this.#origin = origin
  }
  override request<Data>(options: RequestOptions) {
    return super.request<Data>({
      ...options,
      uri: options.uri.replace('https://api.twilio.com', this.#origin),
    } as never)
  }
}

type Other = { authToken?: string; timeoutMs?: number }

function client({ ports, credentials }: Simulators & { credentials: LocalCredentials }, other: Other = {}) {
  const httpClient = new LocalRequestClient(`http://127.0.0.1:${ports.twilio}`, other.timeoutMs)
  return twilio(credentials.twilio.accountSid, other.authToken ?? credentials.twilio.authToken, { httpClient })
}

const to = '+12025550123'
const message = ({ twilio: { from } }: LocalCredentials) => ({
  to,
  from,
  body: 'Your code is 123456',
  validityPeriod: 300,
  statusCallback: 'https://carillon.test/receipts/twilio?a=attempt-1&d=delivery-1',
})

const failureOf = (sending: Promise<unknown>): Promise<Failure> =>
  sending.then(
    () => assert.fail('the message was accepted'),
    error => error as Failure,
  )

const codeOf = async (sending: Promise<unknown>) => (await failureOf(sending)).code

test('a message is accepted, and logged with the ids of its callback', async () => {
  await using simulators = await setup()
  const { sid, status } = await client(simulators).messages.create(message(simulators.credentials))
  assert.match(sid, /^SM[0-9a-f]{32}$/)
  assert.equal(status, 'queued')
  const [line] = simulators.lines('twilio')
  assert.deepEqual([line!.address, line!.deliveryId, line!.attemptId], [to, 'delivery-1', 'attempt-1'])
})

test('every code of Twilio becomes an error with that code', async () => {
  await using simulators = await setup()
  const { messages } = client(simulators)
  for (const answer of Object.keys(twilioAnswers) as TwilioAnswer[]) {
    simulators.script.set({ provider: 'twilio', address: to, answer })
    const { code, status, name } = await failureOf(messages.create(message(simulators.credentials)))
    const expected = /^\d/.test(answer) ? Number(answer) : 20500
    assert.deepEqual([name, code, status], ['Error', expected, simulators.log.entries().at(-1)!.status])
  }
  assert.equal(simulators.log.counts().twilio!.messages, Object.keys(twilioAnswers).length, 'the client posts once')
})

test('what ends without a good answer is an error without code', async () => {
  await using simulators = await setup()
  const { messages } = client(simulators)
  const impatient = client(simulators, { timeoutMs: 2_000 }).messages
  const table = {
    hang: 'ECONNABORTED',
    resetBefore: 'ECONNRESET',
    resetAfter: 'ECONNRESET',
    garbage: undefined,
    html502: undefined,
    acceptThen500: 20500,
  } as const
  for (const [answer, expected] of Object.entries(table)) {
    simulators.script.set({ provider: 'twilio', answer: answer as keyof typeof table, times: 1 })
    const asked = answer === 'hang' ? impatient : messages
    const { code } = await failureOf(asked.create(message(simulators.credentials)))
    assert.equal(code, expected)
    const line = simulators.log.entries().at(-1)!
    assert.equal(line.accepted, ['resetAfter', 'garbage', 'acceptThen500'].includes(answer))
  }
})

test('messages that Twilio would refuse, and a wrong token, are refused', async () => {
  await using simulators = await setup()
  const { messages } = client(simulators)
  const good = message(simulators.credentials)
  assert.equal(await codeOf(messages.create({ ...good, to: '12' })), 21211)
  assert.equal(await codeOf(messages.create({ ...good, body: 'x'.repeat(1601) })), 21617)
  assert.equal(await codeOf(messages.create({ ...good, body: '' })), 21602)
  assert.equal(await codeOf(messages.create({ ...good, from: undefined })), 21603)
  assert.equal(await codeOf(messages.create({ ...good, statusCallback: 'nowhere' })), 21609)
  assert.equal(await codeOf(client(simulators, { authToken: 'wrong' }).messages.create(good)), 20003)
  assert.equal(await codeOf(messages.create({ ...good, to: '+9993323000001' })), 21211)
  assert.equal(await codeOf(messages.create({ ...good, to: '+9993525900001' })), 20429)
  assert.equal((await messages.create({ ...good, to: '+9993525900001' })).status, 'queued')
})
