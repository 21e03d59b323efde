import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AnyNotificationType, type Budget, catalogueOf } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { type CarriedIntent, splitJson } from '#ledger/batch.ts'
import { openStop } from '#ledger/stops.ts'
import { createLog } from '#runtime/log.ts'
import { releaseDigests } from './release-digests.ts'
import { decisionsIn, emptyLedger, intentOf, messagesIn, routeAt, typeOf } from './routing.fixture.ts'

const minute = 60_000
const log = createLog({ role: 'test', write: () => {} })
const noon = Date.parse(`${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T12:00:00Z`)
const deliver = [{ channel: 'push' }] as const
const types: AnyNotificationType[] = [
  typeOf('worth.five', { deliver, value: 5 }),
  typeOf('worth.three', { deliver, value: 3 }),
  typeOf('worth.one', { deliver, value: 1 }),
  typeOf('any.time', { deliver, value: 1, quietHours: 'ignore' }),
  typeOf('must.tell', { deliver, mandatory: true }),
  typeOf('may.tell', { deliver, budget: 'exempt' }),
  typeOf('in.both', { deliver: [{ channel: 'in_app' }, { channel: 'push' }] }),
  typeOf('other.category', { deliver, category: 'work' }),
  typeOf('in.digest', { deliver, value: 2, digest: { every: '10m' } }),
]

let ledger: Awaited<ReturnType<typeof emptyLedger>>
before(async () => void (ledger = await emptyLedger()))
after(() => ledger[Symbol.asyncDispose]())

async function world(budget: Partial<Budget>, quiet?: string) {
  const { db } = ledger
  await db.query('truncate recipients, digests, holds, windows, batches, outbox, sets')
  const phone = [{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }]
  await db.query(`insert into recipients (id, quiet, endpoints) values ('u1', $1, $2)`, [
    quiet ?? null,
    JSON.stringify(phone),
  ])
  const options = {
    budgets: [
      { name: 'push', channel: 'push', limit: 2, per: '1h', wait: '3h', afterwards: 'digest', ...budget } as const,
    ],
  }
  const catalogue = catalogueOf('1', types, options)
  const due = { lane: 'default', catalogue, log } as const
  return {
    db,
    tell: (at: EpochMs, ...named: string[]) => {
      const to = [{ kind: 'recipient' as const, id: 'u1' }]
      const intents = named.map(type => intentOf({ type, to, occurredAt: at, data: { said: type } }))
      return routeAt(at, intents, { db, types, options })
    },
    release: async (now: EpochMs) => {
      while (await releaseDigests(db, { ...due, now }));
    },
    decided: async () => (await decisionsIn(db)).map(one => one.slice('u1 '.length)),
    told: async () => {
      const rows = await db.query<{ payload: string }>(
        `select payload from batches where closed_at is null order by id`,
      )
      return rows.flatMap(row => splitJson<CarriedIntent>(row.payload))
    },
  }
}

test('what finds no place waits, and takes the next one that falls free, what is worth most first', async () => {
  const { tell, release, decided, told } = await world({})
  await tell(noon, 'worth.one', 'worth.one')
  await tell(noon + 10 * minute, 'worth.one', 'worth.three')
  await tell(noon + 20 * minute, 'worth.five')
  assert.deepEqual(await decided(), ['deliver', 'deliver', 'held', 'held', 'held'])
  await release(noon + 60 * minute - 1)
  assert.equal((await told()).length, 2)
  await release(noon + 60 * minute)
  assert.deepEqual(
    (await told())
      .slice(2)
      .map(intent => intent.type)
      .toSorted(),
    ['worth.five', 'worth.three'],
    'both places fell free at once',
  )
  await release(noon + 119 * minute)
  assert.equal((await told()).length, 4)
  await release(noon + 120 * minute)
  assert.equal((await told()).at(-1)!.type, 'worth.one')
})

test('after the wait the rest is told as one, by what is worth most, within the budget', async () => {
  const { db, tell, release, told } = await world({ limit: 1, wait: '90m' })
  await tell(noon, 'worth.one')
  await tell(noon + 1, 'worth.one', 'worth.five', 'worth.five', 'worth.three')
  await release(noon + 60 * minute)
  assert.deepEqual(
    (await told()).map(intent => intent.type),
    ['worth.one', 'worth.five'],
  )
  await release(noon + 119 * minute)
  assert.equal((await told()).length, 2)
  await release(noon + 120 * minute)
  assert.deepEqual(
    (await messagesIn(db)).at(-1)!.map(intent => intent.type),
    ['worth.one', 'worth.three', 'worth.five'],
  )
})

test('a digest that finds no place waits as one, and takes one', async () => {
  const { db, tell, release, decided } = await world({ limit: 1 })
  await tell(noon, 'worth.one')
  await tell(noon + 1, 'in.digest', 'in.digest', 'in.digest')
  await tell(noon + 2, 'worth.one')
  await release(noon + 10 * minute + 1)
  assert.deepEqual((await decided()).slice(-3), ['held', 'held', 'held'])
  await release(noon + 60 * minute)
  const sizes = async () => (await messagesIn(db)).map(told => told.length)
  assert.deepEqual(await sizes(), [1, 3])
  await release(noon + 119 * minute)
  assert.deepEqual(await sizes(), [1, 3])
  await release(noon + 120 * minute)
  assert.deepEqual(await sizes(), [1, 3, 1])
})

test('after the wait the rest is not told at all, where the budget says so', async () => {
  const { tell, release, decided } = await world({ limit: 1, wait: '90m', afterwards: 'expire' })
  await tell(noon, 'worth.one')
  await tell(noon + 1, 'worth.one', 'worth.five', 'worth.three')
  await release(noon + 60 * minute)
  assert.equal((await decided()).filter(one => one === 'deliver').length, 2)
  await release(noon + 91 * minute)
  assert.deepEqual((await decided()).slice(-2), ['over_budget', 'over_budget'])
})

test('who is exempt or must be told counts and never waits; another channel or category does not count', async () => {
  const { tell, decided } = await world({ categories: ['social'] })
  await tell(noon, 'must.tell')
  await tell(noon, 'may.tell')
  await tell(noon, 'worth.five')
  await tell(noon, 'must.tell')
  await tell(noon, 'may.tell')
  await tell(noon, 'in.both')
  await tell(noon, 'other.category')
  assert.deepEqual(await decided(), ['deliver', 'deliver', 'held', 'deliver', 'deliver', 'deliver', 'held', 'deliver'])
})

test('what waits for a place when quiet hours come waits for their end', async () => {
  const { tell, release, decided } = await world({ limit: 1 }, '12:30-14:00')
  await tell(noon, 'worth.one')
  await tell(noon + 1, 'worth.three')
  await release(noon + 60 * minute)
  await release(noon + 119 * minute)
  assert.deepEqual(await decided(), ['deliver', 'held'])
  await release(noon + 121 * minute)
  assert.deepEqual(await decided(), ['deliver', 'held', 'deliver'])
})

test('what quiet hours or a stop hold in a room keeps nobody else waiting there', async () => {
  const { db, tell, release, decided, told } = await world({ limit: 1 }, '12:30-14:00')
  await tell(noon, 'worth.one')
  await tell(noon + 1, 'worth.three')
  await tell(noon + 2, 'any.time')
  await release(noon + 60 * minute)
  assert.deepEqual((await decided()).slice(3).toSorted(), ['deliver', 'held'])
  assert.equal((await told()).at(-1)!.type, 'any.time')

  await db.query('truncate digests, holds, windows, batches, outbox, sets')
  await db.query('update recipients set quiet = null')
  const stop = { scope: 'type', name: 'worth.three', resume: 'send', who: 'ada', why: 'a test' } as const
  await tell(noon, 'worth.one')
  await tell(noon + 1, 'worth.three', 'worth.one')
  await openStop(db, stop)
  await release(noon + 60 * minute)
  await db.query('truncate stops')
  assert.deepEqual((await decided()).slice(3).toSorted(), ['deliver', 'held'])
})

test('no window of a budget is ever exceeded, whatever comes when', async () => {
  let seed = 1 + (Date.now() % 1_000_000)
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
  const started = seed
  const { tell, release, db } = await world({ limit: 3, per: '10m', wait: '20m' })
  const names = ['worth.five', 'worth.three', 'worth.one']
  for (let at = noon; at < noon + 60 * minute; at += Math.floor(random() * 2 * minute)) {
    if (random() < 0.6) await tell(at, ...names.slice(0, 1 + Math.floor(random() * 3)))
    else await release(at)
  }
  await release(noon + 180 * minute)
  const packs = await db.query<{ payload: string }>(`select payload from outbox order by id`)
  const decidedAt = new Map(
    packs.map(({ payload }) => JSON.parse(payload) as { set: string; at: EpochMs }).map(({ set, at }) => [set, at]),
  )
  const rows = await db.query<{ set_id: string; payload: string }>(
    'select set_id, payload from batches where closed_at is null',
  )
  const sent = rows.flatMap(({ set_id: set, payload }) => {
    const messages = new Set(splitJson<CarriedIntent>(payload).map(({ id, digest }) => digest?.id ?? id))
    return [...messages].map(() => decidedAt.get(set)!)
  })
  for (const from of sent)
    assert.ok(
      sent.filter(at => at >= from && at < from + 10 * minute).length <= 3,
      `more than 3 in 10 minutes from ${from - noon} ms on (seed ${started})`,
    )
  const [open] = await db.query<{ n: number }>(`select count(*)::int as n from holds where released_at is null`)
  assert.equal(open!.n, 0, `nothing waits for ever (seed ${started})`)
  assert.ok(sent.length > 5)
})
