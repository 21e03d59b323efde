import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { createWorld, greeting } from '../world.fixture.ts'
import { twilioProvider } from './twilio.ts'

/** A text as long as its data says. */
const long = {
  ...greeting,
  templates: { en: { sms: ({ data }: { data: { name: string } }) => ({ text: data.name }) } },
}

test('a text of more segments than its type may take is not sent, says how many, and costs nothing', async () => {
  await using simulators = await startSimulators()
  const types = [{ ...long, sms: { segmentsMax: 2 }, deliver: [{ channel: 'sms' as const }] } as never]
  await using world = await createWorld({ types })
  const { accountSid, authToken, from } = simulators.credentials.twilio
  world.use(twilioProvider({ accountSid, authToken, from, baseUrl: `http://127.0.0.1:${simulators.ports.twilio}` }))
  world.deps.smsPrices = { currency: 'USD', perSegment: { '+1202': 0.25 } }
  const number = (n: number) => `+1${n === 3 ? '415' : '202'}555010${n}`
  const to = ['x'.repeat(306), 'x'.repeat(307), '\u202ey'.repeat(100), 'z'].map((name, n) => ({
    name,
    who: `u${n}`,
    n,
  }))
  for (const { who, n } of to)
    await world.addPerson(who, {
      endpoints: [
        { id: 'phone', channel: 'sms', provider: 'twilio', state: 'active', since: 0, address: number(n) } as never,
      ],
    })
  await world.deliver(
    await world.write({
      ...{ channel: 'sms', provider: 'twilio' },
      to: to.map(({ name, who }) => ({ recipient: who, endpoint: 'phone', key: who, intent: { data: { name } } })),
    }),
  )
  assert.deepEqual(await world.ends(), { u0: 'sent', u1: 'template_error', u2: 'sent', u3: 'sent' })
  assert.match(world.lines.join(), /test\.greeting, sms, en: it takes 3 segments, and may take 2/)
  const numbers = await world.deps.metrics.text()
  // Two, and one without the characters that turn it round; the last one's price is not known.
  assert.match(numbers, /sms_segments_total\{priced="yes"\} 3/)
  assert.match(numbers, /sms_segments_total\{priced="no"\} 1/)
  assert.match(numbers, /sms_cost_total\{currency="USD"\} 0\.75/)
})
