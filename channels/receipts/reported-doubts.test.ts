import assert from 'node:assert/strict'
import { test } from 'node:test'
import { intentId, newDigestId } from '#contracts/ids.ts'
import { placeTombstone } from '#ledger/retractions.ts'
import { until } from '#tests/program.ts'
import { mails, numbers, setup, texts } from './webhooks.fixture.ts'

test('a worker that is lost after sending costs nobody a second mail or text when receipts arrive', async () => {
  await using world = await setup()
  world.report()
  const batches = [
    ...(await world.write(mails('anna', 'ben'))),
    ...(await world.write({
      ...texts('anna', 'cem'),
      intent: { type: 'test.greeting' },
      to: texts('anna', 'cem').to.map(one => ({ ...one, key: 't' })),
    })),
  ]
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  for (const batch of batches) await assert.rejects(world.deliver([batch]), /killed/)
  delete world.deps.failpoint
  await until(() => world.simulators.receipts.posted().length >= 6)
  assert.deepEqual([...new Set(world.simulators.receipts.posted().map(one => one.status))], [200])
  await world.applied()
  await world.lapse()
  await world.deliver(batches)
  assert.deepEqual(await world.open(), [])
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent', cem: 'sent' })
  const lines = [...world.simulators.lines('sendgrid'), ...world.simulators.lines('twilio')]
  assert.equal(lines.filter(({ accepted }) => accepted).length, 4, 'each went once')
  assert.deepEqual(await world.told(), ['anna delivered', 'anna delivered', 'ben delivered', 'cem delivered'])
  const ids = await world.db.query<{ ids: string }>(
    `select provider_ids as ids from batches where closed_at is not null`,
  )
  assert.ok(
    ids.every(row => !row.ids.includes('""')),
    'with the provider’s own id',
  )
})

test('what was told as one and reported is not sent again by those who are left when its speaker drops out', async () => {
  await using world = await setup()
  world.report()
  const to = ['a', 'b', 'c'].map(key => ({ recipient: 'anna', endpoint: 'mail', key }))
  const batches = await world.write({ ...mails(), to, intent: { digest: { id: newDigestId() } } })
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  await assert.rejects(world.deliver(batches), /killed/)
  delete world.deps.failpoint
  await until(() => world.simulators.receipts.posted().length >= 1)
  await world.applied()
  await placeTombstone(world.db, intentId({ producer: 'test', key: 'c' }))
  await world.lapse()
  await world.deliver(batches)
  assert.deepEqual(await world.open(), [])
  assert.equal(world.simulators.lines('sendgrid').length, 1)
})

test('a doubt waits for its receipt, and is sent again only where none came', async () => {
  await using world = await setup()
  world.report()
  world.simulators.receipts.set({ provider: 'twilio', address: numbers.ben!, receipts: [] })
  world.simulators.script.set({ provider: 'twilio', answer: 'acceptThen500', times: 2 })
  await world.deliver(await world.write(texts('anna', 'ben')))
  assert.deepEqual(await world.ends(), { anna: 'open', ben: 'open' })
  await until(() => world.simulators.receipts.posted().length >= 2)
  await world.applied()
  await world.db.query(`update batches set doubt = false, due_at = now() where doubt`)
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent' })
  const sent = world.simulators.lines('twilio').map(({ address }) => address)
  assert.deepEqual(sent.sort(), [numbers.anna, numbers.ben, numbers.ben])
})

test('a doubt ends when the last of it is reported, not when its time is over', async () => {
  await using world = await setup()
  world.simulators.script.set({ provider: 'twilio', answer: 'acceptThen500', times: 2 })
  const batches = await world.write(texts('anna', 'ben'))
  const asked = await world.attempts()
  await world.deliver(batches)
  const doubts = async () =>
    (await world.db.query<{ n: number }>(`select n from batches where doubt and closed_at is null`)).map(row => row.n)
  assert.deepEqual(await doubts(), [2])
  const said = (attempt: string, n: number) =>
    world.status(attempt, { MessageSid: `SM${n}`, MessageStatus: 'delivered', To: numbers.anna! })
  await said(asked.anna!, 1)
  await world.applied()
  assert.deepEqual(await doubts(), [2], 'one of two: the other is still in doubt')
  await said(asked.ben!, 2)
  await world.applied()
  assert.deepEqual(await doubts(), [])
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent' })
  assert.equal(world.simulators.lines('twilio').length, 2)
})

test('what is reported while its call hangs is no doubt', async () => {
  await using world = await setup()
  world.report()
  world.simulators.script.set({ provider: 'sendgrid', answer: 'slow', ms: 4_000 })
  world.deps.limits = { leaseMs: 20_000, startWithinMs: 10_000, callMs: 1_500 }
  await world.deliver(await world.write(mails('anna')))
  assert.deepEqual(await world.ends(), { anna: 'sent' })
})
