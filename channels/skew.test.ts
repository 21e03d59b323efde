import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resendDoubts } from '#ledger/doubts.ts'
import { sendgridProvider } from './email/sendgrid.ts'
import { createWorld, device, inboxes, mailbox, phones, worldWithFcm } from './world.fixture.ts'

const quarterHourMs = 900_000

/** Seconds until the open batches are due, by the clock of the database. */
const waits = async ({ db }: Awaited<ReturnType<typeof createWorld>>) =>
  (
    await db.query<{ s: number }>(
      `select ceil(extract(epoch from due_at - now()))::int as s from batches where closed_at is null order by s`,
    )
  ).map(({ s }) => s)
const about = (found: readonly number[], wanted: readonly number[]) =>
  assert.ok(
    found.length === wanted.length && found.every((s, at) => s <= wanted[at]! && s > wanted[at]! - 14),
    `waits ${found.join()} s instead of ${wanted.join()} s`,
  )

for (const [how, skewMs] of [
  ['behind', -quarterHourMs],
  ['ahead', quarterHourMs],
] as const) {
  test(`a worker whose clock is ${how} tries again after the back-off`, async () => {
    await using world = await worldWithFcm()
    world.clock.set(Date.now() + skewMs)
    await world.addPerson('anna', { endpoints: [device('token')] })
    world.simulators.script.set({ provider: 'fcm', answer: 'deviceQuota' })
    await world.deliver(await world.write(phones('anna')))
    await world.deliver(await world.open())
    assert.equal(world.simulators.lines('fcm').length, 1)
    about(await waits(world), [60])
  })

  test(`a worker whose clock is ${how} waits for receipts, for its lease, for a provider that pauses and for other workers`, async () => {
    await using world = await worldWithFcm()
    const { apiKey } = world.simulators.credentials.sendgrid
    const baseUrl = `http://127.0.0.1:${world.simulators.ports.sendgrid}/`
    world.use(sendgridProvider({ apiKey, from: 'notify@carillon.test', baseUrl }))
    world.clock.set(Date.now() + skewMs)
    for (const who of ['anna', 'ben', 'cleo'])
      await world.addPerson(who, { endpoints: [device(`token-${who}`), mailbox(`${who}@carillon.test`)] })
    world.simulators.script.set({ provider: 'sendgrid', answer: 'acceptThen500' })
    const to = [{ recipient: 'anna', endpoint: 'mail' }]
    await world.deliver(await world.write({ channel: 'email', provider: 'sendgrid', to }))
    world.simulators.script.set({ provider: 'fcm', answer: 'resetAfter', times: 1 })
    await world.deliver(await world.write(phones('anna')))
    world.simulators.script.set({ provider: 'fcm', answer: 'quota', times: 1, retryAfterSeconds: 61 })
    await world.deliver(await world.write(phones('ben')))
    await world.deliver(await world.write(phones('cleo')))
    // No worker here serves the inbox.
    await world.deliver(await world.write(inboxes('anna')))
    about(await waits(world), [15, 61, 61, 90, 600])
    assert.equal(await resendDoubts(world.db, { limit: 10 }), 0)
    await world.makeDue()
    assert.equal(await resendDoubts(world.db, { limit: 10 }), 1)
  })
}
