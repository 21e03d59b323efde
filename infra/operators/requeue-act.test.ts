import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newBatchId } from '#contracts/ids.ts'
import { refuseMessages } from '#ledger/admit.ts'
import { listRefused, readBacklog, readDoubts } from '#ledger/backlog.ts'
import { claimBatch, recordBatch } from '#ledger/claim.ts'
import { delivering, held, now, setup, write } from '#ledger/ledger.fixture.ts'
import { readActs } from '#ledger/operator-log.ts'
import { unqueuedBatches } from '#ledger/ready.ts'
import { requeue } from './requeue-act.ts'

const by = { who: 'ada', why: 'a test' }

test('the backlog counts what is ready, with a worker, later, in doubt and held; requeue brings the rest forward', async () => {
  await using world = await setup()
  const { db } = world
  const claim = async (key: string) => {
    const [ready] = await write(db, [delivering(key, 'anna'), delivering(key, 'ben')])
    return (await claimBatch(db, { id: ready!.id, now, leaseMs: 60_000 }))!
  }
  const retried = await claim('retried')
  const wait = { kind: 'retry', dueInMs: 600_000, reason: 'pause', spent: true } as const
  await recordBatch(db, { batch: retried, results: [wait, { kind: 'doubt', dueInMs: 600_000, spent: true }], now })
  await claim('leased')
  await write(db, [delivering('ready', 'anna'), held('held', 'ben', now + 3_600_000)])

  const { deliveries, waiting: later, held: waiting, expanding } = await readBacklog(db)
  assert.deepEqual(
    deliveries.map(one => ({ ...one, oldestS: 0 })),
    [{ lane: 'default', channel: 'push', ready: 1, oldestS: 0, leased: 2, later: 1, doubts: 1 }],
  )
  assert.deepEqual(
    later.map(({ lane, provider, reason, deliveries: n }) => [lane, provider, reason, n]),
    [['default', 'fcm', 'pause', 1]],
  )
  assert.deepEqual(
    waiting.map(one => [one.lane, one.reason, one.decisions]),
    [['default', 'quiet_hours', 1]],
  )
  assert.deepEqual(expanding, [])
  const [doubt] = await readDoubts(db)
  assert.deepEqual([doubt!.provider, doubt!.deliveries], ['fcm', 1])

  assert.equal(await requeue(db, by, { batch: newBatchId() }), 0, 'of an unknown batch nothing')
  assert.equal(await requeue(db, by, { batch: doubt!.batch }), 0, 'a doubt waits for its receipt')
  assert.equal(await requeue(db, by, { lane: 'bulk' }), 0)
  assert.equal(await requeue(db, by, { lane: 'default' }), 2)
  assert.equal((await unqueuedBatches(db, { lane: 'default', limit: 9 })).length, 2, 'enqueued by the next turn')
  const [act] = await readActs(db, { limit: 1 })
  assert.deepEqual([act!.who, act!.what, act!.about], ['ada', 'requeue', { lane: 'default', deliveries: 2 }])
})

test('what was refused is listed with what was wrong, not with what it holds', async () => {
  await using world = await setup()
  const message = {
    messageId: '1',
    lane: 'default',
    reason: 'parked',
    type: 'new.type',
    problems: ['it is new'],
  } as const
  await refuseMessages(world.db, [{ ...message, problems: [...message.problems], message: Buffer.from('secret') }], now)
  const refused = await listRefused(world.db)
  assert.deepEqual(
    refused.map(({ reason, type, problems }) => [reason, type, problems]),
    [['parked', 'new.type', 'it is new']],
  )
  assert.doesNotMatch(JSON.stringify(refused), /secret/)
})
