import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventPack } from '#contracts/event.ts'
import { device, greeting, phones, worldWithFcm } from './world.fixture.ts'

test('events tell what a device runs, as far as it is known, and the arm; of what was not sent nothing of a device', async () => {
  const type = { ...greeting, arms: { name: 'wording', split: { long: 1, short: 1e-9 } } }
  await using world = await worldWithFcm({ types: [type] })
  await world.addPerson('anna', { endpoints: [device('a', { platform: 'android', version: '8.1.0' })] })
  await world.addPerson('ben', { endpoints: [device('b', { platform: 'ios' })] })
  await world.addPerson('cem', { endpoints: [device('c')] })
  await world.addPerson('dora', { endpoints: [] })
  await world.deliver(await world.write(phones('anna', 'ben', 'cem', 'dora')))
  const [row] = await world.db.query<{ payload: string }>(`select payload from outbox where pack like '%/settled'`)
  const facts = (JSON.parse(row!.payload) as EventPack).slots.map(({ recipient, what, arm, platform, version }) => [
    ...[recipient, what, arm, platform, version],
  ])
  assert.deepEqual(facts, [
    ['anna', 'sent', 'wording/long', 'android', '8.1.0'],
    ['ben', 'sent', 'wording/long', 'ios', undefined],
    ['cem', 'sent', 'wording/long', undefined, undefined],
    ['dora', 'no_endpoint', 'wording/long', undefined, undefined],
  ])
})
