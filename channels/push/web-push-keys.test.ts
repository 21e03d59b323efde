import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subscriptionOf } from '#local/simulators/browser.ts'
import type { ProviderName } from '#local/simulators/answers.ts'
import { startSubject, messageTo, subjects } from '../providers.fixture.ts'
import { createWorld, device } from '../world.fixture.ts'

const webpush: ProviderName = 'webpush'
const subject = subjects.find(({ name }) => name === webpush)!

/** Browsers, a worker, and the push service that they subscribed at: some for another key than ours. */
async function setup({ ours, others }: { ours: number; others: number }) {
  await using opened = new AsyncDisposableStack()
  const service = opened.use(await startSubject(subject))
  const world = opened.use(await createWorld())
  world.use(subject.open(service.simulators.credentials, service.simulators.ports))
  const names = [
    ...Array.from({ length: ours }, (_, n) => `browser-${n}`),
    ...Array.from({ length: others }, (_, n) => `other-key-${n}`),
  ]
  for (const name of names)
    await world.addPerson(name, { endpoints: [device(subscriptionOf(name), { provider: webpush })] })
  const running = opened.move()
  return {
    ...{ ...world, service },
    say: async (...who: string[]) =>
      world.deliver(
        await world.write({
          ...{ channel: 'push', provider: webpush },
          to: who.map(recipient => ({ recipient, endpoint: 'phone' })),
        }),
      ),
    dead: async () => {
      const rows = await world.db.query<{ id: string }>(
        `select id from recipients where endpoints like '%"state":"dead"%' order by id`,
      )
      return rows.map(row => row.id)
    },
    others: names.slice(ours),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('a browser that subscribed for another key is dead, and nobody else waits for it', async () => {
  await using world = await setup({ ours: 2, others: 1 })
  await world.say('browser-0')
  await world.say('other-key-0', 'browser-1')
  assert.deepEqual(await world.ends(), { 'browser-0': 'sent', 'browser-1': 'sent', 'other-key-0': 'address_dead' })
  assert.deepEqual(await world.dead(), ['other-key-0'])
  assert.deepEqual(world.deps.pace.openCircuits(), [])
})

test('a key that no browser takes is a fault of ours: nobody is dead, all wait, and the circuit opens', async () => {
  await using world = await setup({ ours: 1, others: 30 })
  await world.say(...world.others)
  assert.deepEqual(new Set(Object.values(await world.ends())), new Set(['open']))
  assert.deepEqual(await world.dead(), [])
  assert.deepEqual(world.deps.pace.openCircuits(), [{ provider: webpush, cause: 'config' }])
})

test('a key that goes bad meanwhile ends no more than ten', async () => {
  await using service = await startSubject(subject)
  const { send } = service
  assert.equal((await send(messageTo(subject, 1))).kind, 'accepted')
  service.simulators.script.set({ provider: webpush, answer: 'unauthorized' })
  const kinds: string[] = []
  for (let n = 0; n < 15; n++) kinds.push((await send(messageTo(subject, n))).kind)
  assert.deepEqual(kinds, [
    ...Array.from({ length: 10 }, () => 'addressDead'),
    ...Array.from({ length: 5 }, () => 'config'),
  ])
})
