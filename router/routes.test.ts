import assert from 'node:assert/strict'
import { test } from 'node:test'
import { intentId } from '#contracts/ids.ts'
import { until } from '#runtime/link.fixture.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'
import { startScheduler } from './scheduler.ts'
import { schedulerParts } from './scheduling.fixture.ts'

const now = Date.parse('2026-11-21T12:00:00Z')
const routes = {
  sms: [
    { name: 'twilio', weight: 3 },
    { name: 'twilio_b', weight: 1 },
  ],
}

const number = { id: 'number', channel: 'sms', provider: 'twilio', address: '+12025550100', state: 'active', since: 0 }

test('where a channel has several accounts its deliveries are decided for them by weight, other channels as they are', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const people = Array.from({ length: 200 }, (_, n) => `u${n}`)
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

test('what waited, what is told together and who is in an audience go by the same weights', async () => {
  const deliver = [{ channel: 'sms' }] as const
  const types = [
    typeOf('test.alarm', { deliver, maxRecipients: 1_000 }),
    typeOf('test.together', { deliver, digest: { every: '10m' }, maxRecipients: 1_000 }),
  ]
  await using world = await schedulerParts(types)
  const { db, parts } = world
  const people = Array.from({ length: 60 }, (_, n) => `u${n}`)
  await db.query(`insert into recipients (id, endpoints) select unnest($1::text[]), $2`, [
    people,
    JSON.stringify([number]),
  ])
  await db.query(`insert into audience_members (audience, recipient) select 'all', unnest($1::text[])`, [people])
  const even = { sms: routes.sms.map(({ name }) => ({ name, weight: 1 })) }
  const at = Date.now() - 3_600_000
  const all = people.map(id => ({ kind: 'recipient' as const, id }))
  const tell = (key: string, about: Partial<Parameters<typeof intentOf>[0]> = {}) =>
    routeAt(at, [intentOf({ type: 'test.alarm', key, to: all, occurredAt: at, ...about })], { db, types, routes: even })
  await tell('audience', { to: [{ kind: 'audience', audience: 'all' }] })
  await tell('later', { sendAt: at + 60_000 })
  for (const key of ['one', 'two']) await tell(key, { type: 'test.together' })
  /** The deliveries of each intent, by account. */
  const shares = async () => {
    const rows = await db.query<{ intent: string; provider: string; n: number }>(
      `select d.intent_id as intent, b.provider, count(*)::int as n from deliveries d join batches b on b.id = d.batch_id group by 1, 2`,
    )
    return Map.groupBy(rows, row => row.intent)
  }
  assert.equal((await shares()).size, 0, 'all of it is left to the scheduler')
  await using _ = await startScheduler({ ...parts, lanes: ['default'], routes: even })
  const keyed = (key: string) => intentId({ producer: 'test', key })
  const intents = ['audience', 'later', 'one', 'two'].map(keyed)
  const sum = (of: readonly { n: number }[] = []) => of.reduce((total, { n }) => total + n, 0)
  await until(async () => {
    const found = await shares()
    return intents.every(intent => sum(found.get(intent)) === people.length)
  }, 'all of it is on its way')
  for (const [intent, of] of await shares()) {
    assert.deepEqual(of.map(({ provider }) => provider).toSorted(), ['twilio', 'twilio_b'])
    assert.ok(Math.min(...of.map(({ n }) => n)) > 10, `${intent}: ${JSON.stringify(of)}`)
  }
  const parted = await db.query(
    `select d.recipient from deliveries d join batches b on b.id = d.batch_id where d.intent_id = any($1::uuid[])
     group by 1 having count(distinct b.provider) > 1`,
    [[keyed('one'), keyed('two')]],
  )
  assert.deepEqual(parted, [], 'what is told as one goes by one account')
})
