import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AnyNotificationType, catalogueOf } from '#contracts/catalogue.ts'
import type { To } from '#contracts/intent.ts'
import type { Database } from '#runtime/postgres.ts'
import { compare, type ComparedRow } from './compare.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const hour = 3_600_000
const noon = Date.now() - 12 * hour
const to = (...ids: string[]): To[] => ids.map(id => ({ kind: 'recipient', id }))
const catalogue = (...types: AnyNotificationType[]) => catalogueOf('1', types)

const differenceOf = async (db: Database, current: AnyNotificationType[], candidate: AnyNotificationType[]) => {
  const period = { since: noon - hour, until: noon + 11 * hour }
  return compare(db, { ...period, current: catalogue(...current), candidate: catalogue(...candidate) })
}
const shown = (rows: readonly ComparedRow[]) =>
  rows.map(({ type, channel, verdict, rule, current, candidate }) =>
    [type, channel, verdict, rule, current, candidate].join(' ').replace('  ', ' '),
  )

test('what another catalogue would have sent, refused and held, and nothing is written', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const comment = typeOf('comment', { dedupe: { key: data => (data as { id: string }).id, within: '10m' } })
  const [invite, secret, gone] = [typeOf('invite'), typeOf('secret', { sensitive: true }), typeOf('gone')]
  secret.deliver = [{ channel: 'push' }]
  const types = [comment, invite, secret, gone]
  await db.query(`insert into recipients (id, choices) values ('u2', '{"categories":{"team":{"in_app":false}}}')`)
  for (const [minute, type, data] of [
    [0, comment, { id: 'a' }],
    [5, comment, { id: 'a' }],
    [6, comment, { id: 'b' }],
    [7, invite, {}],
    [8, secret, {}],
    [9, gone, {}],
  ] as const) {
    const at = noon + minute * 60_000
    await routeAt(at, [intentOf({ type: type.type, to: to('u1', 'u2'), occurredAt: at, data })], { db, types })
  }
  const before = await db.query('select * from windows order by 1')
  const { rows, ...found } = await differenceOf(db, types, [
    { ...comment, throttle: { limit: 1, per: '1h' } },
    { ...invite, category: 'team' },
    secret,
    typeOf('other'),
  ])
  // The repeat of a comment was refused everywhere and has lost its data: nobody asks whether it is one.
  assert.deepEqual(found, { since: noon - hour, until: noon + 11 * hour, cases: 12, withoutData: 4 })
  assert.deepEqual(shown(rows), [
    'comment in_app deliver default 6 2',
    'comment in_app throttled throttled 0 4',
    'gone unknown not in the catalogue 0 2',
    'gone in_app deliver default 2 0',
    'invite in_app deliver default 2 1',
    'invite in_app suppressed_preference opted_out 0 1',
    'secret push no_endpoint no_endpoint 2 2',
  ])
  assert.deepEqual(await db.query('select * from windows order by 1'), before)
})

test('a period longer than a page is folded for each person in order', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [typeOf('a')]
  const everybody = to(...Array.from({ length: 400 }, (_, n) => `u${n}`))
  for (const minute of [50, 0, 70])
    await routeAt(noon, [intentOf({ type: 'a', to: everybody, occurredAt: noon + minute * 1000 })], { db, types })
  const { rows, cases } = await differenceOf(db, types, [typeOf('a', { throttle: { limit: 1, per: '1m' } })])
  assert.equal(cases, 1200)
  // At 0 s, not at 50 s, again at 70 s.
  assert.deepEqual(shown(rows), ['a in_app deliver default 1200 800', 'a in_app throttled throttled 0 400'])
})

test('under the catalogue that decided, a period is decided as it was', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [
    typeOf('a', { throttle: { limit: 2, per: '1h' }, holdout: 0.3 }),
    typeOf('b', { deliver: [{ channel: 'in_app' }, { channel: 'push' }] }),
  ]
  const phone = { id: 'd', channel: 'push', provider: 'fcm', address: 't', state: 'active', since: 0 }
  await db.query(
    `insert into recipients (id, choices, quiet, zone, endpoints) values
       ('u1', '{"levels":{"tenant":{"s1":{"level":"mentions"}}}}', null, null, null), ('u2', null, '00:00-23:59', 'UTC', $1)`,
    [JSON.stringify([phone])],
  )
  const stated = fc.record({
    type: fc.constantFrom('a', 'b'),
    minute: fc.nat(300),
    reason: fc.constantFrom('mention', 'participating'),
    who: fc.subarray(['u1', 'u2', 'u3', 'u4'], { minLength: 1 }),
  })
  const [all] = fc.sample(fc.array(stated, { minLength: 60, maxLength: 60 }), { numRuns: 1, seed: 7 })
  for (const { type, minute, who, reason } of all!.toSorted((a, b) => a.minute - b.minute)) {
    const at = noon + minute * 60_000
    const named = to(...who).map(one => ({ ...one, reason }))
    await routeAt(at, [intentOf({ type, to: named, occurredAt: at, tenant: 's1' })], { db, types })
  }
  type Pack = {
    intents: { type: string }[]
    slots: { i: number; channel: string; what: string; w: number }[]
    whys: { rule: string }[]
  }
  const decided = new Map<string, number>()
  for (const { payload } of await db.query<{ payload: string }>('select payload from outbox')) {
    const { intents, slots, whys } = JSON.parse(payload) as Pack
    for (const { i, channel, what, w } of slots) {
      const name = `${intents[i]!.type} ${channel} ${what} ${whys[w]!.rule}`
      decided.set(name, (decided.get(name) ?? 0) + 1)
    }
  }
  const { rows } = await differenceOf(db, types, types)
  assert.deepEqual(new Set(shown(rows)), new Set([...decided].map(([name, count]) => `${name} ${count} ${count}`)))
  for (const rule of ['throttled', 'holdout', 'no_endpoint', 'default', 'level', 'quiet_hours'])
    assert.ok(
      [...decided.keys()].some(name => name.endsWith(rule)),
      rule,
    )
})
