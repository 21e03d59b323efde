import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#tests/program.ts'
import { createStores } from './store.fixture.ts'
import { addSuppressions, liftSuppression, listSuppressions } from './suppression-acts.ts'
import { hearText } from './texted-words.ts'

const number = '+15005551001'
const now = Date.parse('2026-11-21T12:00:00Z')
const by = { now, source: 'operator' } as const

test('a STOP that comes while the number is lifted stands', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const store = { db, addressKey }
  await stores.upsert(now, {
    id: 'ann',
    endpoints: [{ id: 'sms', channel: 'sms', provider: 'twilio', address: number }],
  })
  await addSuppressions(store, [{ channel: 'sms', address: number, reason: 'manual' }], by)
  // Whoever holds her row keeps the lift between what it has read and what it does.
  const { lifted, heard } = await db.transaction(async tx => {
    await tx.query(`select from recipients where id = 'ann' for update`)
    const lift = liftSuppression(store, { channel: 'sms', address: number }, by)
    await until(() => stores.waiting(1))
    const stop = hearText(store, { message: 'SM1', word: 'stop', number, now: now + 1, lifts: [] })
    await until(() => stores.waiting(2))
    return { lifted: lift, heard: stop }
  })
  assert.equal(await lifted, 'lifted')
  assert.deepEqual(await heard, { changed: true })
  const { suppressions } = await listSuppressions(store, { after: '', limit: 10 })
  assert.deepEqual(
    suppressions.map(({ reason, source }) => [reason, source]),
    [['stop', 'sms']],
  )
  assert.deepEqual(await stores.endpoints('ann'), ['sms/sms suppressed'])
})

test('who lifts what is not suppressed any more changes nothing, and says nothing', async () => {
  await using stores = await createStores()
  const store = { db: stores.db, addressKey: stores.addressKey }
  const address = { channel: 'email', address: 'ann@mail.example' } as const
  await addSuppressions(store, [{ ...address, reason: 'complaint' }], by)
  assert.equal(await liftSuppression(store, address, by), 'needs why')
  const twice = [1, 2].map(() => liftSuppression(store, { ...address, why: 'asked by phone' }, by))
  assert.deepEqual((await Promise.all(twice)).toSorted(), ['lifted', 'not suppressed'])
  assert.equal((await stores.consent()).length, 1)
})
