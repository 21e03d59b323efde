import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { withKeyedDedupe } from '#contracts/keyed-dedupe.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'
import { purgeWindows } from './windows-store.ts'

const now = Date.now()
const dayMs = 86_400_000

test('windows stay for as long as a message may come that they matter to, and are forgotten then', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [
    typeOf('a', { dedupe: { key: () => 'k', within: '31d' } }),
    typeOf('b', { throttle: { limit: 1, per: '1h' } }),
  ]
  const tell = (type: string, id: string) =>
    routeAt(now, [intentOf({ type, to: [{ kind: 'recipient', id }], occurredAt: now })], { db, types })
  await tell('a', 'long')
  await tell('b', 'short')
  const left = async (days: number) => {
    assert.equal(await purgeWindows(db, { now: now + days * dayMs }), false)
    const rows = await db.query<{ recipient: string }>('select recipient from windows order by 1')
    return rows.map(row => row.recipient)
  }
  assert.deepEqual(await left(35), ['long', 'short'])
  assert.deepEqual(await left(44), ['long'])
  assert.deepEqual(await left(66), ['long'])
  assert.deepEqual(await left(75), [])
  await tell('b', 'long')
  assert.deepEqual(await left(0), ['long'], 'who was forgotten begins anew')
})

test('the dedupe key of a sensitive type cannot be found in its window by trying, and repeats are told all the same', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const dedupe = { key: () => '1234', within: '1h' } as const
  const plain = [
    typeOf('secret', { dedupe, sensitive: true, deliver: [{ channel: 'push' }] }),
    typeOf('open', { dedupe }),
  ]
  await db.query(`insert into recipients (id, endpoints) values ('u1', $1)`, [
    JSON.stringify([{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }]),
  ])
  const types = [...withKeyedDedupe(catalogueOf('1', plain), 'the secret of a test').types.values()]
  const tell = (type: string) =>
    routeAt(now, [intentOf({ type, to: [{ kind: 'recipient', id: 'u1' }], occurredAt: now })], { db, types })
  for (const type of ['secret', 'open', 'secret']) await tell(type)
  const [row] = await db.query<{ state: string }>('select state from windows')
  const guessed = (type: string) => createHash('sha256').update(`${type} 1234`).digest('base64url').slice(0, 16)
  assert.ok(row!.state.includes(guessed('open')), 'whoever knows how, finds those of other types')
  assert.ok(!row!.state.includes(guessed('secret')))
  const outcomes = await db.query<{ n: number }>(
    'select cardinality(outcomes) as n from batches where outcomes is not null',
  )
  assert.equal(
    outcomes.reduce((sum, { n }) => sum + n, 0),
    1,
    'the second one is a repeat',
  )
})
