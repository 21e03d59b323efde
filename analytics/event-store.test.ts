import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isName } from '#contracts/ids.ts'
import type { EventPack } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { day, decidedPack, engagedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { parseEventPack } from './pack.ts'

async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 10, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 2 })
  const running = started.move()
  return { db, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

test('every column comes out as it went in', async () => {
  await using world = await setup()
  const of = { intents: [intentFacts('k', { tenant: 'acme', lane: 'critical' })] }
  const decided = decidedPack(['u1'], { ...of, whys: [{ rule: 'opted_out', value: 'a\tb\\N\n' }] })
  const settled = settledPack(['u1'], of)
  settled.slots[0]!.arm = 'subject-line/b'
  const engaged = engagedPack([{ recipient: 'u1', what: 'opened' }], { ...of, simulated: true })
  assert.deepEqual(await storePacks(world.db, [decided, settled, engaged]), { packs: 3, events: 3 })
  const rows = await world.db.query<Record<string, unknown>>(
    `select day::text, extract(epoch from at) * 1000 = $1 as at_first, kind, what, intent_id, type, category, producer, tenant, lane,
       extract(epoch from occurred_at) * 1000 = $2 as occurred, recipient, channel, endpoint, provider, rule, rule_value,
       batch_id, set_id, simulated, arm from delivery_events order by at`,
    [decided.at, of.intents[0]!.occurredAt],
  )
  const { id: intent_id, type, category, producer, tenant, lane } = of.intents[0]!
  const intent = { intent_id, type, category, producer, tenant, lane, occurred: true }
  const none = { endpoint: null, provider: null, rule: null, rule_value: null, batch_id: null, set_id: null, arm: null }
  const common = { ...none, ...intent, day, recipient: 'u1', channel: 'push', at_first: false, simulated: false }
  const why = { rule: 'opted_out', rule_value: 'a\tb\\N\n' }
  const sent = {
    endpoint: 'device-1',
    provider: 'fcm',
    batch_id: settled.batch,
    set_id: settled.set,
    arm: 'subject-line/b',
  }
  assert.deepEqual(rows, [
    { ...common, ...why, at_first: true, kind: 'decided', what: 'deliver', set_id: decided.set },
    { ...common, ...sent, kind: 'settled', what: 'sent' },
    { ...common, kind: 'engaged', what: 'opened', simulated: true },
  ])
})

test('the same packs in several transactions at the same time, in any order, are stored once and never deadlock', async () => {
  await using world = await setup()
  for (let round = 1; round <= 3; round++) {
    const packs = Array.from({ length: 2000 }, () => settledPack(people(2)))
    const results = await Promise.all(
      [packs, packs.toReversed(), packs.slice(20), packs.toReversed()].map(part => storePacks(world.db, part)),
    )
    assert.equal(
      results.reduce((sum, result) => sum + result.packs, 0),
      2000,
    )
    assert.deepEqual(
      await world.db.query('select count(*)::int as n, count(distinct batch_id)::int as packs from delivery_events'),
      [{ n: 4000 * round, packs: 2000 * round }],
    )
  }
})

test('a set that fails leaves nothing behind, and the connection is as good as new', async () => {
  await using world = await setup()
  const stray = settledPack(people(2), { day: '2001-12-24' })
  await assert.rejects(storePacks(world.db, [settledPack(people(2)), stray]), /no partition/)
  const nul = decidedPack(people(2), { intents: [intentFacts('k', { type: 'a\0b' })] })
  await assert.rejects(storePacks(world.db, [settledPack(people(2)), nul]), /invalid byte sequence/)
  assert.deepEqual(await world.db.query('select count(*)::int as n from delivery_events'), [{ n: 0 }])
  assert.deepEqual(await storePacks(world.db, [settledPack(people(2))]), { packs: 1, events: 2 })
})

test('whatever the parser lets through, Postgres takes and gives back', async () => {
  await using world = await setup()
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const name = fc.oneof(
    text.filter(isName),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter(isName),
  )
  const packs = fc.record({ recipient: name, type: name, value: text, tenant: fc.option(name, { nil: undefined }) })
  await fc.assert(
    fc.asyncProperty(fc.array(packs, { minLength: 1, maxLength: 20 }), async values => {
      const made = values.map(({ recipient, type, value, tenant }) =>
        decidedPack([recipient], {
          intents: [intentFacts('k', { type, ...(tenant !== undefined && { tenant }) })],
          whys: [{ rule: 'default', value }],
        }),
      )
      const parsed = made.map(pack => parseEventPack(Buffer.from(JSON.stringify(pack))))
      await world.db.query('truncate delivery_events')
      await storePacks(
        world.db,
        parsed.map(one => (one as { pack: EventPack }).pack),
      )
      const rows = await world.db.query<{ recipient: string; type: string; rule_value: string }>(
        `select recipient, type, rule_value, tenant from delivery_events order by array_position($1, set_id)`,
        [made.map(pack => pack.set)],
      )
      assert.deepEqual(
        rows,
        values.map(({ recipient, type, value, tenant = null }) => {
          const rule_value = value.toWellFormed().replaceAll('\0', '')
          return { recipient, type, rule_value, tenant }
        }),
      )
    }),
    { numRuns: 60 },
  )
})
