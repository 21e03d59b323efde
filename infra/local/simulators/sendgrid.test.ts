import assert from 'node:assert/strict'
import { test } from 'node:test'
import sendgrid from '@sendgrid/mail'
import type { LocalCredentials } from '#local/credentials.ts'
import { sendgridAnswers } from './sendgrid.ts'
import type { Rule } from './script.ts'
import type { Simulators } from './server.ts'
import { setup } from './test-setup.ts'

type MailDataRequired = Exclude<Parameters<typeof sendgrid.send>[0], unknown[]>
// The package's export is one shared instance; its class is not among the types.
const MailService = sendgrid.constructor as new () => typeof sendgrid
type ClientWithDefaults = { setDefaultRequest(name: string, value: unknown): void }
type Failure = Error & { code: number | string; response?: { headers: Record<string, string>; body: unknown } }

function mailService({ ports, credentials }: Simulators & { credentials: LocalCredentials }, apiKey?: string) {
  const service = new MailService()
  service.setApiKey(apiKey ?? credentials.sendgrid.apiKey)
  const { client } = service as unknown as { client: ClientWithDefaults }
  // Setting the key resets it, so after.
  client.setDefaultRequest('baseUrl', `http://127.0.0.1:${ports.sendgrid}/`)
  return service
}

const mail = (addresses: string[]): MailDataRequired => ({
  from: { email: 'notify@carillon.test', name: 'Carillon' },
  subject: 'Subject',
  text: 'Text',
  html: '<p>Text</p>',
  personalizations: addresses.map((to, index) => ({ to, customArgs: { attempt_id: `attempt-${index}` } })),
})
const addresses = (count: number) => Array.from({ length: count }, (_, index) => `u${index}@carillon.test`)

const failureOf = (sending: Promise<unknown>): Promise<Failure> =>
  sending.then(
    () => assert.fail('the request was accepted'),
    error => error as Failure,
  )

test('1,000 personalizations are accepted and logged, one line each', async () => {
  await using simulators = await setup()
  const [response] = await mailService(simulators).send(mail(addresses(1000)))
  assert.equal(response.statusCode, 202)
  assert.ok((response.headers as Record<string, string>)['x-message-id'])
  const lines = simulators.lines('sendgrid')
  assert.deepEqual(
    lines.map(line => line.address),
    addresses(1000),
  )
  assert.deepEqual([lines[7]!.attemptId, lines[7]!.status, lines[7]!.accepted], ['attempt-7', 202, true])
})

test('every answer of SendGrid becomes an error with the status as code', async () => {
  await using simulators = await setup()
  const service = mailService(simulators)
  const table = {
    badRequest: 400,
    badPersonalization: 400,
    unauthorized: 401,
    forbidden: 403,
    notFound: 404,
    methodNotAllowed: 405,
    tooLarge: 413,
    unsupportedMediaType: 415,
    tooManyRequests: 429,
    internal: 500,
    unavailable: 503,
    acceptThen500: 500,
    html502: 502,
  } as const satisfies Partial<Record<Extract<Rule, { provider: 'sendgrid' }>['answer'], number>>
  for (const name of Object.keys(sendgridAnswers)) assert.ok(name in table, `${name} is tested`)
  for (const [answer, status] of Object.entries(table)) {
    simulators.script.set({
      provider: 'sendgrid',
      address: 'u2@carillon.test',
      answer: answer as keyof typeof table,
      retryAfterSeconds: 9,
    })
    const { code, response } = await failureOf(service.send(mail(addresses(4))))
    assert.equal(code, status)
    if (answer === 'badPersonalization')
      assert.equal(
        (response!.body as { errors: { field: string }[] }).errors[0]!.field,
        'personalizations.2.to.0.email',
      )
    const wait = Number(response!.headers['x-ratelimit-reset']) - Date.now() / 1000
    if (answer === 'tooManyRequests') assert.ok(wait > 7 && wait <= 10, `waits ${wait} s`)
    const lines = simulators.log.entries().slice(-4)
    assert.deepEqual(
      lines.map(line => line.accepted),
      Array(4).fill(answer === 'acceptThen500'),
    )
  }
})

test('what ends without an answer is an error without response', async () => {
  await using simulators = await setup()
  const service = mailService(simulators)
  const impatient = mailService(simulators)
  impatient.setTimeout(2_000)
  for (const [answer, code] of [
    ['hang', 'ECONNABORTED'],
    ['resetBefore', 'ECONNRESET'],
    ['resetAfter', 'ECONNRESET'],
  ] as const) {
    simulators.script.set({ provider: 'sendgrid', answer, times: 1 })
    const failure = await failureOf((answer === 'hang' ? impatient : service).send(mail(addresses(1))))
    assert.deepEqual([failure.code, failure.response], [code, undefined])
    const line = simulators.log.entries().at(-1)!
    assert.deepEqual([line.answer, line.withheld, line.accepted], [answer, true, answer === 'resetAfter'])
  }
  assert.equal((await service.send(mail(addresses(1))))[0].statusCode, 202)
})

test('mails that SendGrid would refuse are refused as a whole', async () => {
  await using simulators = await setup()
  const service = mailService(simulators)
  const fieldOf = async (data: MailDataRequired) => {
    const { code, response } = await failureOf(service.send(data))
    assert.equal(code, 400)
    return (response!.body as { errors: { field: string }[] }).errors[0]!.field
  }
  const good = mail(addresses(2))
  assert.equal(await fieldOf(mail(addresses(1001))), 'personalizations')
  assert.equal(await fieldOf(mail(['a@carillon.test', 'no address'])), 'personalizations.1.to.0.email')
  assert.equal(await fieldOf({ ...good, from: 'nobody' }), 'from.email')
  assert.equal(await fieldOf({ ...good, text: '' }), 'content.0.value')
  assert.equal(await fieldOf({ ...good, text: undefined, html: undefined } as never), 'content')
  assert.equal(await fieldOf({ ...good, headers: { 'DKIM-Signature': 'x' } }), 'headers.DKIM-Signature')
  const args = { attempt_id: 'x'.repeat(10_000) }
  const large: MailDataRequired = { ...good, personalizations: [{ to: 'a@carillon.test', customArgs: args }] }
  assert.equal(await fieldOf(large), 'personalizations.0.custom_args')
  assert.equal(simulators.log.counts().sendgrid!.accepted, 0)
})

test('a wrong key is refused, and demonstration addresses fail', async () => {
  await using simulators = await setup()
  assert.equal((await failureOf(mailService(simulators, 'SG.wrong').send(mail(addresses(1))))).code, 401)
  const service = mailService(simulators)
  assert.equal((await failureOf(service.send(mail(['u1@carillon.test', 'dead@carillon.test'])))).code, 400)
  assert.equal((await failureOf(service.send(mail(['flaky@carillon.test'])))).code, 429)
  assert.equal((await service.send(mail(['flaky@carillon.test'])))[0].statusCode, 202)
})

test('a malformed body is refused and does not end the simulator', async () => {
  await using simulators = await setup()
  const { ports, credentials } = simulators
  const personalizations = [{ to: [{ email: 'a@carillon.test' }] }]
  const from = { email: 'a@carillon.test' }
  const content = [{ type: 'text/plain', value: 'x' }]
  const mail = { from, content, subject: 's', personalizations }
  const to = personalizations[0]!.to
  const bad = [null, 7, {}, { to: {} }, { to: [null] }, { to: [{ email: 7 }] }, { to, cc: {} }]
  const mails = [
    {},
    [],
    7,
    null,
    { ...mail, content: {} },
    { ...mail, content: [null] },
    { ...mail, from: null },
    { ...mail, subject: undefined },
    ...bad.map(one => ({ ...mail, personalizations: [one] })),
  ]
  const bodies = ['', '{', ...mails.map(one => JSON.stringify(one))]
  for (const body of bodies) {
    const response = await fetch(`http://127.0.0.1:${ports.sendgrid}/v3/mail/send`, {
      method: 'POST',
      headers: { authorization: `Bearer ${credentials.sendgrid.apiKey}`, 'content-type': 'application/json' },
      body,
    })
    assert.equal(response.status, 400, body)
    await response.arrayBuffer()
  }
})
