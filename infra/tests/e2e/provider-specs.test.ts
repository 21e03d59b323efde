import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sendgridProvider } from '#channels/email/sendgrid.ts'
import { fcmProvider } from '#channels/push/fcm.ts'
import { twilioProvider } from '#channels/sms/twilio.ts'
import { createWorld, device, greeting, mailbox } from '#channels/world.fixture.ts'
import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { Endpoint } from '#preferences/preferences.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { type Prism, startGoogleFront, startPrism } from '../prism.ts'
import { until } from '../program.ts'
import { specsFolder } from '../servers.ts'

const folder = specsFolder()
// The runner says the same loudly, and fails where CI demands it.
const skip = folder === undefined && 'the providers’ descriptions are not there: set CARILLON_TEST_SPECS'

const specs = { fcm: 'fcm_v1.strict', sendgrid: 'sendgrid_mail_v3', twilio: 'twilio_messages' } as const
const people = ['ann', 'bob', 'eve']
const texts: Record<string, string> = { short: 'Hi', long: 'ä🦊'.repeat(600), markup: '<b>"{{x}}" & \\u0000\n</b>' }

/** What differs from one message to the next: languages, lengths, expiry, links, images, threads. */
const varied: AnyNotificationType = {
  ...greeting,
  deliver: (['push', 'sms', 'email'] as const).map(channel => ({ channel })),
  templates: {
    en: {
      push: ({ data }) => ({ title: textOf(data), body: textOf(data), ...links }),
      sms: ({ data }) => ({ text: textOf(data).slice(0, 1_600) }),
      email: ({ data }) => ({ subject: textOf(data).slice(0, 70), html: { html: textOf(data) }, text: textOf(data) }),
    },
  },
}
const links = { url: 'https://example.com/a?b=c#d', image: 'https://example.com/a.png' }
const textOf = (data: never): string => texts[(data as { name: string }).name.split(' ')[1]!] ?? 'Hello'

// In a suite: its connections to Google are turned for the whole process, and back at the end of it.
describe('the readers of what workers send', () => {
  let world: Awaited<ReturnType<typeof judgedWorld>>
  before(async () => void (folder && (world = await judgedWorld(folder))))
  after(async () => world?.[Symbol.asyncDispose]())

  const channels = {
    fcm: { channel: 'push', endpoint: 'phone' },
    sendgrid: { channel: 'email', endpoint: 'mail' },
    twilio: { channel: 'sms', endpoint: 'number' },
  } as const

  for (const [provider, { channel, endpoint }] of Object.entries(channels))
    test(`what workers send to ${provider} is what its description allows`, { skip }, async () => {
      const prism = world.prisms[provider as keyof typeof specs]
      for (const key of ['greeting', ...Object.keys(texts)])
        for (const lane of ['critical', 'default', 'bulk'] as const)
          await world.deliver(
            await world.write({
              ...{ channel, provider, lane },
              intent: { thread: 't-1', ...(lane !== 'bulk' && { expiresAt: Date.now() + 60_000 }) },
              to: people.map(recipient => ({ recipient, endpoint, key: `${lane} ${key}` })),
            }),
          )
      // What it says of a request comes another way than the answer.
      await until(() => prism.read() > 0)
      assert.deepEqual([...new Set(prism.faults())], [])
      assert.deepEqual(await world.openOf(channel), 0)
      assert.deepEqual(Object.keys(world.simulators.log.counts()[provider as keyof typeof specs]!.answers), ['accept'])
    })

  test('the reader does find faults', { skip }, async () => {
    const { fcm, sendgrid, twilio } = world.prisms
    const bad: [Prism, string, string, string][] = [
      [fcm, '/v1/projects/p/messages:send', 'application/json', '{"message":{"token":"t","nonsense":1}}'],
      [sendgrid, '/v3/mail/send', 'application/json', '{"personalizations":[{"to":"a@example.com"}]}'],
      [twilio, '/2010-04-01/Accounts/AC/Messages.json', 'application/x-www-form-urlencoded', 'ValidityPeriod=soon'],
    ]
    for (const [prism, url, type, body] of bad) {
      const before = prism.faults().length
      const headers = { 'content-type': type, authorization: 'Bearer x' }
      await fetch(`http://127.0.0.1:${prism.port}${url}`, { method: 'POST', headers, body })
      await until(() => prism.faults().length > before)
    }
  })
})

/** Workers, readers, simulators: every request passes the reader of its provider. */
async function judgedWorld(folder: string) {
  await using opened = new AsyncDisposableStack()
  const simulators = opened.use(await startSimulators())
  const { credentials, ports } = simulators
  const { caFile, sendgrid, twilio } = credentials
  const judge = async (name: keyof typeof specs, upstream: string): Promise<Prism> =>
    opened.use(await startPrism({ spec: path.join(folder, `${specs[name]}.oas3.json`), upstream, caFile }))
  const [fcmPrism, sendgridPrism, twilioPrism] = await Promise.all([
    judge('fcm', `https://localhost:${ports.google}`),
    judge('sendgrid', `http://127.0.0.1:${ports.sendgrid}`),
    judge('twilio', `http://127.0.0.1:${ports.twilio}`),
  ])
  const front = opened.use(
    await startGoogleFront({ credentials, prismPort: fcmPrism.port, simulatorPort: ports.google }),
  )
  opened.defer(redirectGoogleApis({ port: front.port, caFile }))
  const world = opened.use(await createWorld({ types: [varied] }))
  world.use(fcmProvider(credentials.fcm))
  const { apiKey } = sendgrid
  const from = 'notify@carillon.test'
  world.use(sendgridProvider({ apiKey, from, baseUrl: `http://127.0.0.1:${sendgridPrism.port}/` }))
  const callback = { url: 'https://carillon.test/webhooks/twilio', secret: 'a secret of this test' }
  world.use(twilioProvider({ ...twilio, baseUrl: `http://127.0.0.1:${twilioPrism.port}`, callback }))
  for (const [n, id] of people.entries()) await world.addPerson(id, { endpoints: endpointsOf(n) })
  const running = opened.move()
  return {
    ...world,
    simulators,
    prisms: { fcm: fcmPrism, sendgrid: sendgridPrism, twilio: twilioPrism },
    openOf: async (channel: string) => (await world.open()).filter(batch => batch.channel === channel).length,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const endpointsOf = (n: number): Endpoint[] => [
  device(`token-${n}`),
  mailbox(`person-${n}@example.com`),
  device(`+1202555010${n}`, { id: 'number', channel: 'sms', provider: 'twilio' }),
]
