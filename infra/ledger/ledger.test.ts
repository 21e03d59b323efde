import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BatchId, newSetId } from '#contracts/ids.ts'
import { admitIntents, readmitParked, refuseMessages } from './admit.ts'
import { audit } from './audit.ts'
import { claimBatch, recordBatch, returnBatch } from './claim.ts'
import { dueHolds, releaseHolds } from './holds.ts'
import { delivering, held, intent, now, refused, setup, write } from './ledger.fixture.ts'
import { relayOutbox } from './outbox.ts'
import { markEnqueued, startSweep, type Sweep, unqueuedBatches } from './ready.ts'
import { type ReadyBatch, writeSet } from './set.ts'

const leaseMs = 30_000

test('a batch is claimed by one worker, closed once, and the books balance', async () => {
  await using world = await setup()
  const { db } = world
  const ready = await write(db, [
    delivering('a', 'u1'),
    delivering('a', 'u2'),
    delivering('b', 'u1'),
    refused('b', 'u1'),
  ])
  assert.equal(ready.length, 1, 'one channel and provider is one batch')
  const id = ready[0]!.id
  const claims = await Promise.all([1, 2, 3].map(() => claimBatch(db, { id, now, leaseMs })))
  const batch = claims.find(claim => claim !== undefined)!
  assert.equal(claims.filter(claim => claim !== undefined).length, 1)
  assert.deepEqual(
    batch.slots.map(slot => [slot.recipient, batch.intents[slot.intent]!.data.excerpt]),
    [
      ['u1', 'text of a'],
      ['u2', 'text of a'],
      ['u1', 'text of b'],
    ],
  )
  const results = batch.slots.map(() => ({ kind: 'closed', outcome: 'sent' }) as const)
  assert.equal(await recordBatch(db, { batch, results, now }), 'recorded')
  assert.equal(await recordBatch(db, { batch, results, now }), 'recorded', 'said again, as after a lost answer')
  assert.equal(await claimBatch(db, { id, now, leaseMs }), undefined, 'a closed batch is not claimed')
  const report = await audit(db)
  assert.deepEqual(report.problems, [])
  assert.deepEqual(report.outcomes, { sent: 3, no_endpoint: 1 })
  const packs: string[] = []
  assert.deepEqual(await relayOutbox(db, async payload => packs.push(payload)), { published: 2, refused: [] })
  assert.deepEqual(
    packs.map(pack => JSON.parse(pack).kind),
    ['decided', 'settled'],
  )
})

test('why each person is told stays with them, also in what is tried again; where nobody has a reason none is kept', async () => {
  await using world = await setup()
  const { db } = world
  const reasons = ['mention', undefined, 'everyone', 'mention']
  const decided = reasons.map((reason, at) => ({ ...delivering('a', `u${at}`), ...(reason && { reason }) }))
  const [told, alone, plain] = [
    await write(db, decided),
    await write(db, [{ ...delivering('b', 'u1'), reason: 'role' }]),
    await write(db, [delivering('c', 'u1')]),
  ].map(ready => ready[0]!)
  const claimed = async (id: BatchId) => (await claimBatch(db, { id, now, leaseMs }))!
  const batch = await claimed(told!.id)
  assert.deepEqual(
    batch.slots.map(slot => slot.reason),
    reasons,
  )
  const results = batch.slots.map((_, at) =>
    at === 0 ? ({ kind: 'closed', outcome: 'sent' } as const) : ({ kind: 'retry', dueInMs: 0, spent: true } as const),
  )
  await recordBatch(db, { batch, results, now })
  const [moved] = await db.query<{ id: BatchId }>('select id from batches where from_batch is not null')
  assert.deepEqual(
    (await claimed(moved!.id)).slots.map(slot => slot.reason),
    reasons.slice(1),
  )
  assert.equal((await claimed(alone!.id)).slots[0]!.reason, 'role')
  assert.equal((await claimed(plain!.id)).slots[0]!.reason, undefined)
  const kept = await db.query('select 1 from batches where reasons is not null')
  assert.equal(kept.length, 3)
})

test('a worker whose lease lapsed cannot write over the one that took over', async () => {
  await using world = await setup()
  const { db } = world
  const [ready] = await write(db, [delivering('a', 'u1')])
  const first = (await claimBatch(db, { id: ready!.id, now, leaseMs: -1 }))!
  const second = (await claimBatch(db, { id: ready!.id, now, leaseMs }))!
  const results = [{ kind: 'closed', outcome: 'sent' }] as const
  assert.equal(await recordBatch(db, { batch: first, results, now }), 'fenced')
  assert.equal(await recordBatch(db, { batch: second, results, now }), 'recorded')
})

test('a batch is ready at once, and found if its job is lost, however far ahead the clock of its router is', async () => {
  await using world = await setup()
  const { db } = world
  const [ready] = await write(db, [delivering('a', 'u1'), refused('a', 'u1')], Date.now() + 60_000)
  const found = async (sweep?: Sweep) => (await unqueuedBatches(db, { lane: 'default', limit: 10, sweep })).length
  assert.equal(await found(await startSweep(db)), 1, 'the queue store was wiped right after')
  assert.equal(await found(), 0)
  await db.query(`update batches set enqueued_at = enqueued_at - interval '16 s' where closed_at is null`)
  assert.equal(await found(), 1, 'its router was lost before the job was added')
  assert.ok(await claimBatch(db, { id: ready!.id, now, leaseMs }))
})

test('what a lost worker may have sent is still in doubt after it was given back', async () => {
  await using world = await setup()
  const { db } = world
  const [{ id }] = (await write(db, [delivering('a', 'u1')])) as [ReadyBatch]
  const lapsed = []
  for (const leaseOfMs of [-1, leaseMs, leaseMs]) {
    const batch = (await claimBatch(db, { id, now, leaseMs: leaseOfMs }))!
    lapsed.push(batch.lapsed)
    if (leaseOfMs > 0) await returnBatch(db, { batch, dueInMs: 0 })
  }
  assert.deepEqual(lapsed, [false, true, true])
})

test('a claim changes nothing that an index looks at', async () => {
  await using world = await setup()
  const { db } = world
  const [ready] = await write(db, [delivering('a', 'u1')])
  const [claimed] = await db.transaction(async tx => {
    await claimBatch(tx, { id: ready!.id, now, leaseMs })
    return tx.query(
      `select sum(pg_stat_get_xact_tuples_updated(oid))::int as rows, sum(pg_stat_get_xact_tuples_hot_updated(oid))::int as hot
       from pg_class where relkind = 'r' and relname like 'batches_%'`,
    )
  })
  assert.deepEqual(claimed, { rows: 1, hot: 1 })
})

test('a batch may be offered again for months', async () => {
  await using world = await setup()
  const { db } = world
  const [ready] = await write(db, [delivering('a', 'u1')])
  await db.query('update batches set attempt = 32767')
  assert.equal((await claimBatch(db, { id: ready!.id, now, leaseMs }))?.attempt, 32_768)
})

test('after a wipe what was enqueued is found again, page by page, and what is enqueued meanwhile is not', async () => {
  await using world = await setup()
  const { db } = world
  for (let n = 0; n < 5; n++) await write(db, [delivering(`k${n}`, 'u1')], now - 10_000 + n)
  await db.query(`update batches set enqueued_at = now() - interval '1 s'`)
  assert.deepEqual(await unqueuedBatches(db, { lane: 'default', limit: 2 }), [])
  let sweep = await startSweep(db)
  const pages: string[][] = []
  do {
    const page = await unqueuedBatches(db, { lane: 'default', limit: 2, sweep })
    await markEnqueued(db, page)
    pages.push(page.map(batch => batch.id))
    sweep = { ...sweep, dueFrom: page.at(-1)!.dueAt }
  } while (pages.at(-1)!.length === 2)
  assert.deepEqual(
    pages.map(page => page.length),
    [2, 2, 1],
  )
  assert.equal(new Set(pages.flat()).size, 5)
  assert.deepEqual(await unqueuedBatches(db, { lane: 'default', limit: 2, sweep }), [])
})

test('what is to be tried again moves into a batch of its own, and the audit follows it', async () => {
  await using world = await setup()
  const { db } = world
  const [ready] = await write(db, [delivering('a', 'u1'), delivering('b', 'u2'), delivering('c', 'u3')])
  const batch = (await claimBatch(db, { id: ready!.id, now, leaseMs }))!
  await recordBatch(db, {
    ...{ batch, now },
    results: [
      { kind: 'closed', outcome: 'sent' },
      { kind: 'retry', dueInMs: 0, spent: true },
      { kind: 'doubt', dueInMs: 60_000, spent: true },
    ],
  })
  const record = { batch, now, results: batch.slots.map(() => ({ kind: 'retry', dueInMs: 0, spent: true }) as const) }
  assert.equal(await recordBatch(db, record), 'recorded', 'by this attempt, before')
  const again = await unqueuedBatches(db, { lane: 'default', limit: 10 })
  assert.equal(again.length, 1, 'the doubt waits for its receipt')
  const retry = (await claimBatch(db, { id: again[0]!.id, now, leaseMs }))!
  assert.equal(retry.tries, 1)
  assert.deepEqual(retry.intents[retry.slots[0]!.intent]!.data, { excerpt: 'text of b' })
  await returnBatch(db, { batch: retry, dueInMs: 0 })
  const once = (await claimBatch(db, { id: retry.id, now, leaseMs }))!
  await recordBatch(db, { batch: once, results: [{ kind: 'closed', outcome: 'rejected' }], now })
  const report = await audit(db)
  assert.deepEqual(report.problems, [])
  assert.deepEqual([report.outcomes, report.inFlight.deliveries], [{ sent: 1, rejected: 1 }, 1])
  await db.query('delete from batches where doubt')
  const red = await audit(db)
  assert.match(red.problems.map(problem => problem.sentence).join(), /for u3 by push left batch .* did not arrive/)
})

test('a slot or a batch that is deleted behind our back turns the audit red and is named', async () => {
  await using world = await setup()
  const { db } = world
  const [ready] = await write(db, [delivering('a', 'u1'), delivering('b', 'u2')])
  const published = async function* () {
    yield { intent: intent('a').id, recipients: ['u1'], audiences: [] }
    yield { intent: intent('b').id, recipients: ['u2'], audiences: [] }
    yield { intent: intent('lost').id, recipients: ['u9'], audiences: [] }
  }
  const lost = await audit(db, published())
  assert.deepEqual(
    lost.problems.map(problem => problem.intent),
    [intent('lost').id],
  )
  await db.query(
    `update batches set n = 1, recipients = recipients[1:1], endpoints = endpoints[1:1], picks = picks[1:1]`,
  )
  const short = await audit(db, published())
  const named = short.problems.map(problem => `${problem.check} ${problem.intent ?? ''} ${problem.recipient ?? ''}`)
  assert.ok(named.includes(`published ${intent('b').id} u2`), named.join('\n'))
  assert.ok(named.some(name => name.startsWith('journal')))
  await db.query('delete from batches where id = $1', [ready!.id])
  const gone = (await audit(db, published())).problems.map(
    problem => `${problem.check} ${problem.intent ?? ''} ${problem.recipient ?? ''}`,
  )
  assert.ok(
    gone.includes(`published ${intent('a').id} u1`) && gone.includes(`published ${intent('b').id} u2`),
    gone.join('\n'),
  )
})

test('a hold is taken up by one set and its decisions are counted as released', async () => {
  await using world = await setup()
  const { db } = world
  await write(db, [held('a', 'u1', now - 60_000), held('a', 'u2', now - 60_000), held('a', 'u3', now + 3_600_000)])
  await db.transaction(async tx => {
    const holds = await dueHolds(tx, { lane: 'default', now, limit: 10 })
    assert.deepEqual(
      holds.flatMap(hold => hold.slots.map(slot => slot.recipient)),
      ['u1', 'u2'],
    )
    const other = await db.transaction(tx2 => dueHolds(tx2, { lane: 'default', now, limit: 10 }))
    assert.equal(other.length, 0, 'another scheduler skips them')
    const set = newSetId()
    await releaseHolds(tx, { holds, set, now })
    const decided = [delivering('a', 'u1'), delivering('a', 'u2')]
    await writeSet(tx, { id: set, lane: 'default', origin: 'release', now, intake: {}, decided, released: 2 })
  })
  const report = await audit(db)
  assert.deepEqual(report.problems, [])
  assert.deepEqual([report.decisions.held, report.inFlight.held, report.inFlight.deliveries], [3, 1, 2])
})

test('the same intents in many transactions at once are admitted once, without deadlock', async () => {
  await using world = await setup()
  const { db } = world
  const ids = Array.from({ length: 200 }, (_, n) => intent(`k${n}`).id)
  const shuffled = () => ids.toSorted(() => Math.random() - 0.5).map(id => ({ id, bodyHash: 1n }))
  const results = await Promise.all(
    Array.from({ length: 8 }, () => db.transaction(tx => admitIntents(tx, newSetId(), shuffled()))),
  )
  const admitted = results.flatMap(one => one.admissions).filter(admission => admission === 'admitted')
  assert.equal(admitted.length, 200)
  const again = [2n, 1n, 2n].map(bodyHash => ({ id: ids[0]!, bodyHash }))
  const told = await db.transaction(tx => admitIntents(tx, newSetId(), again))
  assert.deepEqual(told.admissions, ['conflict', 'duplicate', 'conflict'])
  const fresh = [2n, 1n, 2n].map(bodyHash => ({ id: intent('new').id, bodyHash }))
  const taken = await db.transaction(tx => admitIntents(tx, newSetId(), fresh))
  assert.deepEqual(taken.admissions, ['admitted', 'conflict', 'duplicate'])
})

test('a message of another lane that bears the same id is another message', async () => {
  await using world = await setup()
  const { db } = world
  const refused = (lane: 'default' | 'bulk') => ({ messageId: '1', lane, reason: 'malformed' as const, problems: [] })
  for (const lane of ['default', 'bulk', 'default'] as const)
    await db.transaction(tx => refuseMessages(tx, [refused(lane)], now))
  assert.equal((await db.query('select from refused')).length, 2)
})

test('a parked message is given back once, leaves nothing of itself behind, and is missed until it arrives', async () => {
  await using world = await setup()
  const { db } = world
  const { id } = intent('parked')
  const message = Buffer.from('{"secret":"text"}')
  const parked = { messageId: '1', lane: 'default', reason: 'parked', intentId: id } as const
  await db.transaction(tx =>
    refuseMessages(tx, [{ ...parked, problems: [], type: 'a.b', catalogue: '2', message }], now),
  )
  const published = async function* () {
    yield { intent: id, recipients: [], audiences: [] }
  }
  const readmit = (known: boolean) => db.transaction(tx => readmitParked(tx, { knows: () => known, limit: 10 }))
  assert.deepEqual(await readmit(false), [])
  assert.deepEqual((await audit(db, published())).problems, [])
  assert.deepEqual(await readmit(true), [{ lane: 'default', message }])
  assert.deepEqual(await readmit(true), [])
  assert.deepEqual(await db.query('select message from refused'), [{ message: null }])
  assert.deepEqual(
    (await audit(db, published())).problems.map(problem => problem.intent),
    [id],
  )
})
