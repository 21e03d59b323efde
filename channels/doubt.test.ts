import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimBatch, returnBatch } from '#ledger/claim.ts'
import { resendDoubts } from '#ledger/doubts.ts'
import { inboxProvider } from './in-app/inbox.ts'
import { triesMax } from './limits.ts'
import { twilioProvider } from './sms/twilio.ts'
import { createWorld, device, greeting, inboxes, phones, worldWithFcm } from './world.fixture.ts'

test('what a lost worker may have sent is sent again only where the type allows it', async () => {
  await using world = await worldWithFcm({ types: [greeting, { ...greeting, type: 'test.once', doubt: 'never' }] })
  for (const who of ['anna', 'ben']) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  const again = await world.write(phones('anna'))
  const once = await world.write({ ...phones('ben'), intent: { type: 'test.once' } })
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  for (const batches of [again, once]) await assert.rejects(world.deliver(batches), /killed/)
  delete world.deps.failpoint
  await world.lapse()
  await world.deliver([...again, ...once])
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'in_doubt' })
  const sent = world.simulators.lines('fcm').map(({ address }) => address)
  assert.deepEqual(sent.sort(), ['token-anna', 'token-anna', 'token-ben'], 'the one that may arrive twice went twice')
})

test('what may have been sent is never told as not sent, whatever ends it', async () => {
  await using world = await worldWithFcm()
  const people = ['opted-out', 'late', 'moved']
  for (const who of people) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  // The answers are lost after the messages were taken; then each has another reason not to be sent again.
  world.simulators.script.set({ provider: 'fcm', answer: 'acceptThen500', times: 3 })
  const expiresAt = world.clock.now() + 3_600_000
  const batches = [
    ...(await world.write(phones('opted-out'))),
    ...(await world.write({ ...phones('late'), intent: { expiresAt } })),
    ...(await world.write(phones('moved'))),
  ]
  await world.deliver(batches)
  await world.addPerson('opted-out', {
    endpoints: [device('token-opted-out')],
    choices: { categories: { social: { push: false } } },
  })
  await world.addPerson('moved', { endpoints: [] })
  world.clock.set(expiresAt + 1)
  await world.makeDue()
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { late: 'in_doubt', moved: 'in_doubt', 'opted-out': 'in_doubt' })
  assert.equal(world.simulators.lines('fcm').length, 3, 'none was sent again')
})

test('what a lost worker may have sent does not end as expired', async () => {
  await using world = await createWorld()
  world.use(inboxProvider(world.db))
  const expiresAt = world.clock.now() + 60_000
  const batches = await world.write({ ...inboxes('anna'), intent: { expiresAt } })
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  await assert.rejects(world.deliver(batches), /killed/)
  delete world.deps.failpoint
  await world.lapse()
  world.clock.set(expiresAt + 1)
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'in_doubt' })
})

test('what a lost worker may have sent is still in doubt after it was moved on without a call', async () => {
  await using world = await worldWithFcm({ types: [{ ...greeting, doubt: 'never' }] })
  for (const who of ['anna', 'ben']) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  const expiresAt = world.clock.now() + 60_000
  const [anna, ben] = phones('anna', 'ben').to
  const to = [
    { ...anna!, key: 'a', expiresAt },
    { ...ben!, key: 'b' },
  ]
  const batches = await world.write({ ...phones(), to })
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  await assert.rejects(world.deliver(batches), /killed/)
  delete world.deps.failpoint
  await world.lapse()
  world.clock.set(expiresAt + 1)
  const { catalogue } = world.deps
  world.deps.catalogue = { ...world.deps.catalogue, version: '0', types: new Map() }
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'in_doubt', ben: 'open' })
  world.deps.catalogue = catalogue
  await world.makeDue()
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'in_doubt', ben: 'in_doubt' })
  assert.equal(world.simulators.lines('fcm').length, 2, 'none was sent again')
})

test('doubt is told as doubt: sent again after the lease, or never, as the type says', async () => {
  await using world = await worldWithFcm({
    types: [greeting, { ...greeting, type: 'test.once', doubt: 'never' }],
  })
  for (const who of ['anna', 'ben']) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  world.simulators.script.set({ provider: 'fcm', answer: 'resetAfter', times: 2 })
  await world.deliver(await world.write({ ...phones('ben'), intent: { type: 'test.once' } }))
  await world.deliver(await world.write(phones('anna')))
  assert.deepEqual(await world.ends(), { anna: 'open', ben: 'in_doubt' })
  const [again] = await world.db.query<{ tries: number; wait: number }>(
    `select tries, extract(epoch from due_at - now())::float8 as wait from batches where closed_at is null`,
  )
  assert.equal(again!.tries, 1)
  assert.ok(again!.wait > 60 && again!.wait <= 90, `waits ${again!.wait} s`)
  await world.makeDue()
  await world.deliver(await world.open())
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'in_doubt' })
  const taken = world.simulators.lines('fcm').filter(({ accepted, address }) => accepted && address === 'token-anna')
  assert.equal(taken.length, 2)
  assert.equal(taken[0]!.deliveryId, taken[1]!.deliveryId, 'the second replaces the first on the screen')
})

for (const doubt of ['resend', 'await_receipt'] as const)
  test(`what ends every worker that sends it goes out six times and no more, in all its batches (${doubt})`, async () => {
    await using world = await worldWithFcm({ types: [{ ...greeting, doubt }] })
    const { simulators } = world
    const baseUrl = `http://127.0.0.1:${simulators.ports.twilio}`
    world.use(twilioProvider({ ...simulators.credentials.twilio, baseUrl }))
    const by = doubt === 'resend' ? 'fcm' : 'twilio'
    const number = device('+12025550001', { id: 'number', channel: 'sms', provider: 'twilio' })
    await world.addPerson('anna', { endpoints: [device('token-anna'), number] })
    const text = { channel: 'sms', provider: 'twilio', to: [{ recipient: 'anna', endpoint: 'number' }] } as const
    await world.write(doubt === 'resend' ? phones('anna') : text)
    const sent = () => simulators.lines(by).length
    let before = 0
    world.deps.failpoint = async name => {
      if (name !== 'after send before record' || sent() === before) return
      before = sent()
      throw new Error('killed')
    }
    for (let n = 0; n < 4 * triesMax; n++) {
      await world.deliver(await world.open()).catch((error: Error) => assert.match(error.message, /killed/))
      await world.lapse()
      await world.makeDue()
      await resendDoubts(world.db, { limit: 10 })
    }
    assert.deepEqual([sent(), await world.ends()], [triesMax, { anna: 'in_doubt' }])
  })

test('claims that were given back without a call cost no try', async () => {
  await using world = await worldWithFcm()
  await world.addPerson('anna', { endpoints: [device('token-anna')] })
  const batches = await world.write(phones('anna'))
  const giveBack = async () => {
    for (let n = 0; n < 2 * triesMax; n++) {
      const batch = await claimBatch(world.db, { id: batches[0]!.id, now: world.clock.now(), leaseMs: 10_000 })
      await returnBatch(world.db, { batch: batch!, dueInMs: 0 })
    }
  }
  await giveBack()
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  await assert.rejects(world.deliver(batches), /killed/)
  delete world.deps.failpoint
  await world.lapse()
  await giveBack()
  await world.deliver(batches)
  assert.deepEqual([world.simulators.lines('fcm').length, await world.ends()], [2, { anna: 'sent' }])
})

test('a device whose push hangs is in doubt by itself: the others of its batch end, and it alone is sent again', async () => {
  await using world = await worldWithFcm()
  world.deps.limits = { leaseMs: 60_000, startWithinMs: 10_000, callMs: 1_500 }
  const people = ['anna', 'ben', 'dead', 'hangs']
  for (const who of people) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  world.simulators.script.set({ provider: 'fcm', address: 'token-dead', answer: 'unregistered' })
  world.simulators.script.set({ provider: 'fcm', address: 'token-hangs', answer: 'hang' })
  await world.deliver(await world.write(phones(...people)))
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'sent', dead: 'address_dead', hangs: 'open' })
  const told = await world.db.query(
    `select slot->>'recipient' as who, payload::json->'whys'->(slot->>'w')::int as why
       from outbox, json_array_elements(payload::json->'slots') as slot where slot->>'what' = 'moved'`,
  )
  assert.deepEqual(told, [{ who: 'hangs', why: { rule: 'tried_again', value: 'deadline' } }])
})
