import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { lanes } from '#contracts/channel.ts'
import { createLog } from '#runtime/log.ts'
import { expandPage } from './expand.ts'
import { releaseDue } from './release.ts'
import { decisionsIn, emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const now = Date.now()
const minute = 60_000
const log = createLog({ role: 'test', write: () => {} })
const good = typeOf('comment.created')
const gone = typeOf('comment.removed')
let broken = false
const poison = typeOf('comment.poisoned', {
  dedupe: {
    key: () => {
      if (broken) throw new TypeError('a mistake in a catalogue')
      return 'k'
    },
    within: '1m',
  },
})
const types = [good, gone, poison]
const catalogue = catalogueOf('1', [good, poison])

test('an audience that cannot be expanded keeps no other waiting', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  await db.query(`insert into audience_members values ('team', 'u1'), ('away:team', 'u2')`)
  const away = { name: 'away', page: () => Promise.reject(new Error('the membership source is away')) }
  const asked = [
    { type: gone.type, audience: 'team' },
    { type: poison.type, audience: 'team' },
    { type: good.type, audience: 'away:team' },
    { type: good.type, audience: 'team' },
  ]
  for (const [at, { type, audience }] of asked.entries()) {
    const to = [{ kind: 'audience' as const, audience }]
    await routeAt(now - minute + at, [intentOf({ type, to, occurredAt: now })], { db, types })
  }
  broken = true
  const deps = { db, lanes, catalogue, log, sources: [away], now, trustEventTime: false }
  for (const _ of asked) assert.ok(await expandPage(deps))
  broken = false
  assert.deepEqual(await decisionsIn(db), ['u1 deliver'])
  assert.equal(await expandPage(deps), undefined, 'the others wait')
  assert.ok(await expandPage({ ...deps, now: now + 2 * minute, catalogue: catalogueOf('1', types) }))
  assert.deepEqual(await decisionsIn(db), ['u1 deliver', 'u1 deliver'], 'until somebody knows them')
})

test('audiences of one lane take turns, and a process works on those of its own lanes', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  await db.query(
    `insert into audience_members select a, 'u' || n from generate_series(1, 600) n, unnest('{a,b}'::text[]) a`,
  )
  const to = (audience: string) => [{ kind: 'audience' as const, audience }]
  for (const audience of ['a', 'b'])
    await routeAt(now - minute, [intentOf({ type: good.type, to: to(audience), occurredAt: now })], { db, types })
  const deps = { db, catalogue, log, sources: [], trustEventTime: false }
  assert.equal(await expandPage({ ...deps, now, lanes: ['critical', 'bulk'] }), undefined)
  for (const at of [0, 1]) await expandPage({ ...deps, now: now + at, lanes })
  const pages = await db.query<{ pages: number }>('select pages from expansions')
  assert.deepEqual(
    pages.map(row => row.pages),
    [1, 1],
  )
})

test('a hold that cannot be decided again is put off alone', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const held = (type: string, id: string) =>
    intentOf({ type, to: [{ kind: 'recipient', id }], occurredAt: now, sendAt: now })
  for (const [at, one] of [
    held(good.type, 'u1'),
    held(gone.type, 'u2'),
    held(poison.type, 'u3'),
    held(good.type, 'u4'),
  ].entries())
    await routeAt(now - minute + at, [one], { db, types })
  broken = true
  const deps = { lane: 'default', catalogue, log, now: now + minute } as const
  for (let turn = 0; turn < 8; turn++) await releaseDue(db, deps)
  broken = false
  const decided = (await decisionsIn(db)).filter(one => !one.endsWith(' held'))
  assert.deepEqual(decided.sort(), ['u1 deliver', 'u4 deliver'])
  const [open] = await db.query<{ n: number }>(
    `select count(*)::int as n from holds where released_at is null and due_at > to_timestamp($1 / 1000.0)`,
    [deps.now],
  )
  assert.equal(open!.n, 2)
})
