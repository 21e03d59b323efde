import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressHash } from '#preferences/preferences.ts'
import { createWorld, device, mailbox } from '../world.fixture.ts'
import { applyReports } from './apply-reports.ts'
import { keepReports } from './receipt-store.ts'
import { purgeTroubles } from './trouble-store.ts'

const number = '+4915112345678'
const dayMs = 86_400_000

/** A person with a number and a mailbox, messages to them, and what their providers report of those. */
async function setup() {
  const world = await createWorld()
  const { db, deps } = world
  const sms = device(number, { id: 'sms', channel: 'sms', provider: 'twilio' })
  await world.addPerson('anna', { endpoints: [sms, mailbox('anna@mail.example')] })
  let n = 0
  const report = async (channel: 'sms' | 'email', body: Record<string, string | number>) => {
    const provider = channel === 'sms' ? 'twilio' : 'sendgrid'
    const endpoint = channel === 'sms' ? 'sms' : 'mail'
    const key = `k${n++}`
    const [batch] = await world.write({ channel, provider, to: [{ recipient: 'anna', endpoint, key }] })
    const hash = addressHash(deps.addressKey, { channel, address: channel === 'sms' ? number : 'anna@mail.example' })
    const said = { attempt: `${batch!.id}.0`, provider, hash } as const
    // Twice, under two names: one attempt is one trouble.
    for (const copy of ['a', 'b']) await keepReports(db, [{ ...said, event: key + copy, body: { id: key, ...body } }])
    while (await applyReports(deps));
  }
  return {
    ...{ ...world, report },
    lost: () => report('sms', { status: 'undelivered', code: '30003' }),
    delivered: () => report('sms', { status: 'delivered' }),
    blocked: () => report('email', { event: 'bounce blocked' }),
    stateOf: async (id: string) => {
      const [row] = await db.query<{ endpoints: string }>(`select endpoints from recipients where id = 'anna'`)
      const found = JSON.parse(row!.endpoints) as { id: string; state: string; why?: string }[]
      const { state, why } = found.find(one => one.id === id)!
      return [state, why].filter(Boolean).join(' ')
    },
  }
}

test('a number that is out of reach three times in a month is suspect, until something is delivered', async () => {
  await using world = await setup()
  for (const expected of ['active', 'active', 'suspect 30003']) {
    await world.lost()
    assert.equal(await world.stateOf('sms'), expected)
  }
  world.clock.set(world.clock.now() + 1_000)
  await world.delivered()
  assert.equal(await world.stateOf('sms'), 'active')
  await world.report('sms', { status: 'undelivered', code: '30004' })
  assert.equal(await world.stateOf('sms'), 'dead 30004')
  world.clock.set(world.clock.now() + 1_000)
  await world.delivered()
  assert.equal(await world.stateOf('sms'), 'active', 'what is delivered proves that it lives')
})

test('a mailbox that is blocked three times in a week is suspect, and not by what was long ago', async () => {
  await using world = await setup()
  await world.blocked()
  await world.blocked()
  await world.db.query(`update troubles set at = at - interval '8 days'`)
  for (const expected of ['active', 'active', 'suspect blocked']) {
    await world.blocked()
    assert.equal(await world.stateOf('mail'), expected)
  }
  const now = world.clock.now()
  assert.equal(await purgeTroubles(world.db, { before: now - 7 * dayMs }), false)
  const [{ n } = { n: 0 }] = await world.db.query<{ n: number }>(`select count(*)::int as n from troubles`)
  assert.equal(n, 3)
})

test('what attempts came to is counted once each, for the alarm of complaints', async () => {
  await using world = await setup()
  await world.report('email', { event: 'delivered' })
  await world.report('email', { event: 'spamreport' })
  const text = await world.deps.metrics.text()
  for (const standing of ['delivered', 'complained'])
    assert.match(text, new RegExp(`standings_total\\{provider="sendgrid",standing="${standing}"\\} 1`))
  assert.equal(await world.stateOf('mail'), 'suppressed complaint')
})
