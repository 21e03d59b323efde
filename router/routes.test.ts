import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const now = Date.parse('2026-11-21T12:00:00Z')
const routes = {
  sms: [
    { name: 'twilio', weight: 3 },
    { name: 'twilio_b', weight: 1 },
  ],
}

test('where a channel has several accounts its deliveries are decided for them by weight, other channels as they are', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const people = Array.from({ length: 200 }, (_, n) => `u${n}`)
  const number = {
    id: 'number',
    channel: 'sms',
    provider: 'twilio',
    address: '+12025550100',
    state: 'active',
    since: 0,
  }
  await db.query(`insert into recipients (id, endpoints) select unnest($1::text[]), $2`, [
    people,
    JSON.stringify([number]),
  ])
  const type = typeOf('test.alarm', { deliver: [{ channel: 'sms' }, { channel: 'in_app' }], maxRecipients: 1_000 })
  await routeAt(
    now,
    [intentOf({ type: 'test.alarm', to: people.map(id => ({ kind: 'recipient' as const, id })), occurredAt: now })],
    {
      ...{ db, types: [type], routes },
    },
  )
  const rows = await db.query<{ provider: string; n: number }>(
    `select provider, sum(n)::int as n from batches where closed_at is null group by 1 order by 1`,
  )
  assert.deepEqual(
    rows.map(({ provider }) => provider),
    ['inbox', 'twilio', 'twilio_b'],
  )
  const [inbox, first, second] = rows.map(({ n }) => n)
  assert.equal(inbox, 200)
  assert.equal(first! + second!, 200)
  assert.ok(second! > 25 && second! < 80, `${second} of 200`)
})
