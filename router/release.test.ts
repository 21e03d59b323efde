import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyNotificationType, catalogueOf } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { createLog } from '#runtime/log.ts'
import type { Database } from '#runtime/postgres.ts'
import { releaseDue } from './release.ts'
import { decisionsIn, emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const minute = 60_000
const log = createLog({ role: 'test', write: () => {} })

async function releaseAll(db: Database, { types, now }: { types: readonly AnyNotificationType[]; now: EpochMs }) {
  const catalogue = catalogueOf('1', types)
  while (await releaseDue(db, { lane: 'default', catalogue, log, now }, 1));
}

test('an intent counts once for a person, however its holds were packed', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const now = Date.now()
  const rules = { dedupe: { key: () => 'k', within: '10m' }, throttle: { limit: 1, per: '1h' } } as const
  const deliver = [{ channel: 'in_app' }, { channel: 'push' }, { channel: 'sms' }] as const
  const types = [typeOf('comment.created', { ...rules, deliver })]
  // 501 decisions, one more than a row holds: the last person's would be parted.
  const to = Array.from({ length: 167 }, (_, n) => ({ kind: 'recipient' as const, id: `u${n}` }))
  const phones = JSON.stringify([
    { id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 },
    { id: 'm', channel: 'sms', provider: 'twilio', address: 'x', state: 'active', since: 0 },
  ])
  await db.query(`insert into recipients (id, endpoints) select 'u' || n, $1 from generate_series(0, 166) n`, [phones])
  await routeAt(now, [intentOf({ type: 'comment.created', to, occurredAt: now, sendAt: now + minute })], { db, types })
  await releaseAll(db, { types, now: now + 2 * minute })
  const counts = Map.groupBy(await decisionsIn(db), decision => decision.split(' ')[1]!)
  assert.deepEqual(Object.fromEntries([...counts].map(([what, those]) => [what, those.length])), {
    held: 501,
    deliver: 501,
  })
})

test('what waited is not throttled by its own intent, which left on another channel', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const deliver = [{ channel: 'in_app' }, { channel: 'push' }] as const
  const types = [typeOf('comment.created', { deliver, throttle: { limit: 1, per: '1h' } })]
  const phone = [{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }]
  await db.query(`insert into recipients (id, zone, quiet, endpoints) values ('u1', 'UTC', '22:00-08:00', $1)`, [
    JSON.stringify(phone),
  ])
  const morning = Date.parse(`${new Date(Date.now()).toISOString().slice(0, 10)}T08:00:00Z`)
  const to = [{ kind: 'recipient' as const, id: 'u1' }]
  const told = (at: EpochMs) => routeAt(at, [intentOf({ type: 'comment.created', to, occurredAt: at })], { db, types })
  await told(morning - 30 * minute)
  await told(morning - 20 * minute)
  await releaseAll(db, { types, now: morning + minute / 2 })
  await told(morning + minute)
  assert.deepEqual(await decisionsIn(db), [
    ...['u1 deliver', 'u1 held'],
    ...['u1 throttled', 'u1 held'],
    ...['u1 deliver', 'u1 throttled'],
    ...['u1 throttled', 'u1 throttled'],
  ])
})

test('a zone wakes in three parts, within a minute and never early', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [typeOf('comment.created', { deliver: [{ channel: 'push' }] })]
  const phone = [{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }]
  await db.query(
    `insert into recipients (id, zone, quiet, endpoints)
     select 'u' || n, 'Asia/Kolkata', '22:00-08:00', $1 from generate_series(0, 299) n`,
    [JSON.stringify(phone)],
  )
  const morning = Date.parse(`${new Date(Date.now()).toISOString().slice(0, 10)}T02:30:00Z`)
  const to = Array.from({ length: 300 }, (_, n) => ({ kind: 'recipient' as const, id: `u${n}` }))
  await routeAt(morning - minute, [intentOf({ type: 'comment.created', to, occurredAt: morning - minute })], {
    db,
    types,
  })
  const awake = async () => (await decisionsIn(db)).filter(one => one.endsWith('deliver')).length
  const counts = []
  for (const later of [-1, 0, 15_000, 30_000]) {
    await releaseAll(db, { types, now: morning + later })
    counts.push(await awake())
  }
  assert.equal(counts[0], 0)
  assert.equal(counts[3], 300)
  for (const part of [counts[1]!, counts[2]! - counts[1]!, 300 - counts[2]!]) assert.ok(part > 60, counts.join(' '))
})
