import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markEndpoint } from './preferences.ts'
import { createStores, type Stores } from './store.fixture.ts'
import { addSuppressions, liftSuppression, listSuppressions } from './suppression-acts.ts'
import { hearText, type TextedWord } from './texted-words.ts'

const number = '+15005551001'
const sms = { channel: 'sms', address: number } as const
const code = '21610'

async function setup() {
  const stores = await createStores()
  await stores.upsert(1, { id: 'ann', endpoints: [{ ...sms, id: 'sms', provider: 'twilio' }] })
  let n = 0
  return {
    ...stores,
    text: (word: TextedWord, now: number) =>
      hearText(stores, { message: `SM${n++}`, word, number, now, lifts: [code] }),
    report: (at: number, reason = code) =>
      markEndpoint(stores, [{ ...sms, recipient: 'ann', endpoint: 'sms', state: 'suppressed', reason, at }]),
  }
}
/** Who said what of the number. */
const said = async (stores: Stores) =>
  (await listSuppressions(stores, { after: '', limit: 10 })).suppressions.map(one => `${one.reason} ${one.source}`)

test('what a provider says of a STOP comes late and undoes no START; of a later STOP it counts', async () => {
  await using world = await setup()
  await world.text('start', 10)
  await world.report(5)
  assert.deepEqual([await said(world), await world.endpoints('ann')], [[], ['sms/sms active']], 'STOP was never heard')
  await world.text('stop', 20)
  await world.report(21)
  assert.deepEqual(await world.text('start', 30), { changed: true })
  await world.report(22)
  assert.deepEqual([await said(world), await world.endpoints('ann')], [[], ['sms/sms active']])
  await liftSuppression(world, { ...sms, why: 'asked by mail' }, { now: 31, source: 'operator' })
  await world.report(23, 'complaint')
  assert.deepEqual(await said(world), ['complaint provider'], 'another reason is another matter, however late')
  await liftSuppression(world, { ...sms, why: 'asked by mail' }, { now: 32, source: 'operator' })
  await world.report(24)
  assert.deepEqual(await said(world), [], 'nobody who lifts it makes START forgotten')
  await world.report(31)
  assert.deepEqual([await said(world), await world.endpoints('ann')], [[`${code} provider`], ['sms/sms suppressed']])
})

for (const source of ['operator', 'api'] as const)
  test(`START lifts nothing that was said by ${source}, also if it was said as \`stop\``, async () => {
    await using world = await setup()
    await addSuppressions(world, [{ ...sms, reason: 'stop' }], { now: 5, source })
    assert.deepEqual(await world.text('start', 10), { changed: false })
    await world.text('stop', 11)
    assert.deepEqual(await world.text('start', 12), { changed: false })
    assert.deepEqual([await said(world), await world.endpoints('ann')], [[`stop ${source}`], ['sms/sms suppressed']])
  })

test('HELP is answered each time, and leaves nothing behind', async () => {
  await using world = await setup()
  for (const now of [5, 6]) assert.deepEqual(await world.text('help', now), { changed: true })
  assert.deepEqual(await world.db.query('select from texted_words'), [])
})
