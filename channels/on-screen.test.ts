import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { screenOf } from '#local/simulators/screen.ts'
import { until } from '#tests/program.ts'
import { subjects } from './providers.fixture.ts'
import { device, worldWithFcm } from './world.fixture.ts'

const tokens = { fcm: 'token-1', apns: '1'.padStart(64, '0') }
const apns = subjects.find(({ name }) => name === 'apns')!

/** Two devices of one person, and one push to each. */
async function pushes() {
  const world = await worldWithFcm()
  const { simulators } = world
  world.use(apns.open(simulators.credentials, simulators.ports))
  await world.addPerson('ann', {
    endpoints: [device(tokens.fcm), device(tokens.apns, { id: 'iphone', provider: 'apns' })],
  })
  const batches = [
    ...(await world.write({ channel: 'push', provider: 'fcm', to: [{ recipient: 'ann', endpoint: 'phone' }] })),
    ...(await world.write({
      channel: 'push',
      provider: 'apns',
      to: [{ recipient: 'ann', endpoint: 'iphone', key: 'k2' }],
    })),
  ]
  return { world, batches, arrived: (of: keyof typeof tokens) => simulators.lines(of).filter(line => line.accepted) }
}

test('a push that arrives twice is on the screen once', async () => {
  const { world, batches, arrived } = await pushes()
  await using _ = world
  for (const provider of ['fcm', 'apns'] as const)
    world.simulators.script.set({ provider, answer: 'resetAfter', times: 1 })
  await world.deliver(batches)
  // The answer was lost, so it is sent again.
  await world.makeDue()
  await world.deliver(await world.open())
  for (const [provider, token] of Object.entries(tokens)) {
    const lines = arrived(provider as keyof typeof tokens)
    assert.ok(lines.length >= 2, `${provider}: ${lines.length}`)
    assert.equal(screenOf(lines, token).shown.length, 1, provider)
  }
  assert.deepEqual(await world.open(), [])
})

test('a worker that dies after it sent leaves one on the screen', async () => {
  const { world, batches, arrived } = await pushes()
  await using _ = world
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  for (const batch of batches) await assert.rejects(world.deliver([batch]), /killed/)
  delete world.deps.failpoint
  await world.lapse()
  await world.deliver(batches)
  for (const [provider, token] of Object.entries(tokens)) {
    assert.equal(arrived(provider as keyof typeof tokens).length, 2, provider)
    assert.equal(screenOf(arrived(provider as keyof typeof tokens), token).shown.length, 1, provider)
  }
})

test('a call of FCM’s library is at most five POSTs, deadline or not, and one on the screen', async () => {
  const { world, batches, arrived } = await pushes()
  await using _ = world
  world.simulators.script.set({ provider: 'fcm', answer: 'acceptThen503' })
  await world.deliver(batches.slice(0, 1))
  // It goes on behind our back: at once, then after 1, 2 and 4 s.
  await until(() => arrived('fcm').length >= 5)
  await sleep(1_000)
  assert.equal(arrived('fcm').length, 5)
  assert.equal(screenOf(arrived('fcm'), tokens.fcm).shown.length, 1)
})
