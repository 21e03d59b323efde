import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyNotificationType, catalogueOf } from '#contracts/catalogue.ts'
import { lanes } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { createLog } from '#runtime/log.ts'
import type { Database } from '#runtime/postgres.ts'
import { expandPage } from './expand.ts'
import { turnOf } from './policies/spread.ts'
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
  const decided = await decisionsIn(db)
  // The two that waited are due at one instant.
  assert.deepEqual(
    [...decided.slice(0, 4), ...decided.slice(4, 6).toSorted(), ...decided.slice(6)],
    [
      ...['u1 deliver', 'u1 held'],
      ...['u1 throttled', 'u1 held'],
      ...['u1 deliver', 'u1 throttled'],
      ...['u1 throttled', 'u1 throttled'],
    ],
  )
})

const phone = JSON.stringify([{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }])
/** A person with a phone, whose nights are over at eight in the morning of today: that instant. */
async function asleep(db: Database): Promise<EpochMs> {
  await db.query(`insert into recipients (id, zone, quiet, endpoints) values ('u1', 'UTC', '22:00-08:00', $1)`, [phone])
  return Date.parse(`${new Date().toISOString().slice(0, 10)}T08:00:00Z`)
}
const toOne = [{ kind: 'recipient' as const, id: 'u1' }]
const pushOnly = typeOf('comment.created', { deliver: [{ channel: 'push' }] })

test('what waits for the end of quiet hours is held again when they have become longer, and leaves when they are none', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [pushOnly]
  const morning = await asleep(db)
  await routeAt(morning - minute, [intentOf({ type: 'comment.created', to: toOne, occurredAt: morning - minute })], {
    db,
    types,
  })
  const later = {
    windows: [
      { start: '22:00', end: '08:00' },
      { start: '07:00', end: '10:00' },
    ],
  }
  await db.query('update recipients set quiet = $1', [JSON.stringify(later)])
  await releaseAll(db, { types, now: morning + minute })
  assert.deepEqual(await decisionsIn(db), ['u1 held', 'u1 held'])
  await releaseAll(db, { types, now: morning + 119 * minute })
  assert.equal((await decisionsIn(db)).length, 2, 'not early')
  await db.query('update recipients set quiet = null')
  await releaseAll(db, { types, now: morning + 121 * minute })
  assert.deepEqual(await decisionsIn(db), ['u1 held', 'u1 held', 'u1 deliver'])
})

test('what has expired while it waited for the end of quiet hours says so', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [pushOnly]
  const morning = await asleep(db)
  const expiresAt = morning - 1
  await routeAt(
    morning - minute,
    [intentOf({ type: 'comment.created', to: toOne, occurredAt: morning - minute, expiresAt })],
    { db, types },
  )
  await releaseAll(db, { types, now: morning + minute })
  assert.deepEqual(await decisionsIn(db), ['u1 held', 'u1 expired'])
  const [pack] = await db.query<{ payload: string }>('select payload from outbox order by id desc limit 1')
  const { whys, intents } = JSON.parse(pack!.payload) as { whys: unknown[]; intents: { success?: boolean }[] }
  assert.equal(intents[0]!.success, false, 'its type names no success')
  assert.deepEqual(whys, [{ rule: 'expired', value: new Date(expiresAt).toISOString() }])
})

test('whoever it is and wherever, a hold is due at the end of quiet hours or within a minute of it', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [pushOnly]
  await db.query(
    `insert into recipients (id, zone, quiet, endpoints)
     select 'u' || n, (array['UTC', 'Asia/Kathmandu', 'Australia/Lord_Howe'])[1 + n % 3], '22:00-' || lpad((n % 24)::text, 2, '0') || ':' || lpad((n % 60)::text, 2, '0'), $1
     from generate_series(0, 499) n where n % 24 <> 22`,
    [phone],
  )
  const to = Array.from({ length: 500 }, (_, n) => ({ kind: 'recipient' as const, id: `u${n}` }))
  const at = Date.parse(`${new Date().toISOString().slice(0, 10)}T13:07:41Z`)
  await routeAt(at, [intentOf({ type: 'comment.created', to, occurredAt: at })], { db, types })
  const holds = await db.query<{ due_at: Date; whys: string }>('select due_at, whys from holds')
  const waits = holds.flatMap(({ due_at, whys }) =>
    (JSON.parse(whys) as { values: { value: string }[] }).values.map(
      ({ value }) => due_at.getTime() - Date.parse(value),
    ),
  )
  assert.ok(waits.length > 50 && waits.some(wait => wait > 15_000))
  for (const wait of waits) assert.ok(wait >= 0 && wait < minute, `${wait} ms`)
})

test('a thousand members are told over the whole time of a spread, and none before their turn', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [typeOf('comment.created', { dedupe: { key: () => 'k', within: '1h' } })]
  await db.query(
    `insert into audience_members (audience, recipient) select 'all', 'u' || n from generate_series(1, 1000) n`,
  )
  const now = Date.now()
  const from = now + minute
  const overMs = 10 * minute
  const to = [{ kind: 'audience' as const, audience: 'all' }]
  await routeAt(now, [intentOf({ type: 'comment.created', to, occurredAt: now, sendAt: from, spreadOverMs: overMs })], {
    db,
    types,
  })
  const deps = { db, lanes, catalogue: catalogueOf('1', types), log, sources: [], trustEventTime: false }
  // Pages are read later than the intent came: the places in the spread stay.
  for (let page = 0; await expandPage({ ...deps, now: now + page * 2_000 }); page++);
  const told = new Map<string, EpochMs>()
  for (let at = now; at <= from + overMs; at += 15_000) {
    await releaseAll(db, { types, now: at })
    for (const one of await decisionsIn(db)) if (one.endsWith(' deliver') && !told.has(one)) told.set(one, at)
  }
  assert.equal(told.size, 1000)
  for (const [one, at] of told) {
    const turn = turnOf({ from, overMs }, one.split(' ')[0]!)
    assert.ok(at >= turn && at < turn + minute, `${one} ${at - turn} ms after the turn`)
  }
  // Dedupe is asked at each one's turn.
  const late = [...told.keys()].at(-1)!.split(' ')[0]!
  const again = intentOf({ type: 'comment.created', to: [{ kind: 'recipient', id: late }], occurredAt: now + 1 })
  await routeAt(now + 1, [again], { db, types })
  assert.equal((await decisionsIn(db)).at(-1), `${late} deduplicated`)
  const minutes = Map.groupBy(told.values(), at => Math.ceil((at - from) / minute))
  assert.ok(minutes.size >= 10, 'ten, and perhaps the very start')
  for (const [n, those] of minutes)
    assert.ok(n === 0 || (those.length > 60 && those.length < 140), `${those.length} in ${n}`)
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

test('what is of a type that is not known waits on by itself, for who knows it', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const now = Date.now()
  const kept = typeOf('comment.created')
  const types = [kept, typeOf('comment.retired')]
  const told = types.map(({ type }) => intentOf({ type, to: toOne, occurredAt: now, sendAt: now + minute }))
  await routeAt(now, told, { db, types })
  await releaseAll(db, { types: [kept], now: now + 2 * minute })
  assert.deepEqual((await decisionsIn(db)).slice(2).toSorted(), ['u1 deliver', 'u1 held'])
  await releaseAll(db, { types: [kept], now: now + 10 * minute })
  assert.equal((await decisionsIn(db)).length, 4, 'and is written no more')
  await releaseAll(db, { types, now: now + 12 * minute })
  assert.equal((await decisionsIn(db)).at(-1), 'u1 deliver')
})
