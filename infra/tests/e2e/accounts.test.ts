import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { twilioProvider } from '#channels/sms/twilio.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { localCredentials } from '#local/credentials.ts'
import { startSimulators } from '#local/simulators/server.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { until } from '../program.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { startWorld } from '../world.ts'

const alarm = defineNotification({
  ...{ type: 'alarm.raised', category: 'work', lane: 'default', owner: 'ops', value: 5, schema: z.object({}) },
  deliver: [{ channel: 'sms' }],
  templates: { en: { sms: () => ({ text: 'Alarm' }) } },
})
const people = Array.from({ length: 80 }, (_, n) => `u${n}`)
const routes = {
  sms: [
    { name: 'twilio', weight: 3 },
    { name: 'twilio_b', weight: 1 },
  ],
}

/** The whole pipeline, and two accounts of Twilio, each with its own keys at a server of its own. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const credentials = await localCredentials(path.join(folder.path, 'second'))
  const second = opened.use(await startSimulators({ credentials }))
  const account = twilioProvider({
    ...{ ...credentials.twilio, name: 'twilio_b', baseUrl: `http://127.0.0.1:${second.ports.twilio}` },
  })
  const world = opened.use(await startWorld({ catalogue: catalogueOf('1', [alarm]), accounts: [account], routes }))
  const { db } = world.installation
  assert.notEqual(credentials.twilio.accountSid, world.credentials.twilio.accountSid)
  await db.query(`insert into recipients (id, endpoints) select * from unnest($1::text[], $2::text[])`, [
    people,
    people.map((_, n) =>
      JSON.stringify([
        { id: 'n', channel: 'sms', provider: 'twilio', address: `+1202555${1000 + n}`, state: 'active', since: 0 },
      ]),
    ),
  ])
  const running = opened.move()
  return {
    ...{ world, second },
    tell: () => world.notifier.notify(alarm, { to: people, data: {}, key: 'fire' }),
    /** The numbers that each account has taken, each as often as it did. */
    taken: () =>
      [world.simulators, second].map(({ log }) =>
        log.entries().flatMap(one => (one.provider === 'twilio' && one.accepted ? [one.address] : [])),
      ) as [string[], string[]],
    /** Of the last batches of deliveries, how many each account has, by whether they are open. */
    parts: async () => {
      const rows = await db.query<{ part: string; n: number }>(
        `select provider || case when outcome is null then ' open' else ' done' end as part, count(*)::int as n
         from deliveries where outcome is distinct from 0 group by 1`,
      )
      return Object.fromEntries(rows.map(({ part, n }) => [part, n]))
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
const isOnceEach = (...taken: string[][]) => {
  const all = taken.flat()
  assert.equal(new Set(all).size, all.length, 'nobody is told twice')
  assert.equal(all.length, people.length, 'everybody is told')
}

test('two accounts of a provider share its messages as they weigh', async () => {
  await using two = await setup()
  await two.tell()
  await two.world.settle()
  const [first, second] = two.taken()
  isOnceEach(first, second)
  assert.ok(second.length >= 8 && second.length <= 36, `${second.length} of ${people.length}`)
  assert.equal((await two.world.audit()).balanced, true)
})

test('what an account refuses for its settings goes by the other one, everything once', async () => {
  await using two = await setup()
  two.world.simulators.script.set({ provider: 'twilio', answer: '20003' })
  await two.tell()
  await two.world.settle()
  const [first, second] = two.taken()
  assert.deepEqual(first, [])
  isOnceEach(second)
  assert.deepEqual(await two.parts(), { 'twilio_b done': people.length })
  assert.equal((await two.world.audit()).balanced, true)
})

test('what an account may have sent never goes by the other one', async () => {
  await using two = await setup()
  // It takes each, and nobody hears of it.
  two.world.simulators.script.set({ provider: 'twilio', answer: 'resetAfter' })
  await two.tell()
  await until(async () => {
    const parts = await two.parts()
    const [first, second] = two.taken()
    return first.length + second.length === people.length && parts['twilio_b done'] === second.length
  })
  const [first, second] = two.taken()
  isOnceEach(first, second)
  assert.ok(first.length > 0, 'some were in doubt')
  assert.deepEqual(await two.parts(), { 'twilio open': first.length, 'twilio_b done': second.length })
  assert.equal((await two.world.audit()).balanced, true)
})
