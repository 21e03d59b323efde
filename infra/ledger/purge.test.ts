import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newSetId } from '#contracts/ids.ts'
import { refuseMessages } from './admit.ts'
import { checkpoint, openExpansion } from './expansions.ts'
import { dueHolds, releaseHolds } from './holds.ts'
import { delivering, held, intent, now, refused, setup, write } from './ledger.fixture.ts'
import { purgeAdmitted, purgeDone } from './purge.ts'
import { type Decided, writeSet } from './set.ts'

test('what was done with is forgotten, what still waits is not', async () => {
  await using world = await setup()
  const { db } = world
  await write(db, [held('a', 'u1', now - 60_000), held('a', 'u2', now + 3_600_000)])
  await db.transaction(async tx => {
    const holds = await dueHolds(tx, { lane: 'default', now, limit: 10 })
    await releaseHolds(tx, { holds, set: newSetId(), now })
    for (const [at, key] of ['done', 'open'].entries()) {
      const open = { lane: 'default' as const, intent: intent(key), audiences: [], except: [], set: newSetId(), now }
      await openExpansion(tx, open)
      if (at === 0) await checkpoint(tx, { intent: open.intent.id, after: '', members: 0, done: true, now })
    }
    const parked = { lane: 'default', reason: 'parked', type: 'a.b', catalogue: '2' } as const
    await refuseMessages(
      tx,
      ['1', '2'].map(messageId => ({ ...parked, problems: [], messageId })),
      now,
    )
    await tx.query(`update refused set readmitted_at = now() where message_id = '1'`)
  })
  const left = async () => {
    const [row] = await db.query<Record<string, number>>(
      `select (select count(*)::int from admitted) as admitted, (select count(*)::int from holds) as holds,
         (select count(*)::int from expansions) as expansions, (select count(*)::int from refused) as refused,
         (select count(*)::int from intent_sets) as links`,
    )
    return row
  }
  const purgeAll = async (before: number) => {
    assert.equal(await purgeDone(db, { before, refusedBefore: before }), false)
    assert.equal(await purgeAdmitted(db, { before }), false)
  }
  await purgeAll(now - 60_000)
  assert.deepEqual(await left(), { admitted: 1, holds: 2, expansions: 2, refused: 2, links: 1 })
  await purgeAll(Date.now() + 60_000)
  assert.deepEqual(await left(), { admitted: 1, holds: 1, expansions: 1, refused: 1, links: 0 }, 'a hold needs its key')
  await db.query('delete from holds')
  await purgeAll(Date.now() + 60_000)
  assert.deepEqual(await left(), { admitted: 0, holds: 0, expansions: 1, refused: 1, links: 0 })
})

test('a key is kept for as long as the ledger knows of a later set of its intent', async () => {
  await using world = await setup()
  const { db } = world
  const before = () => new Promise<number>(resolve => setTimeout(() => resolve(Date.now()), 2))
  const again = async (decided: Decided[]) =>
    db.transaction(async tx => {
      const holds = await dueHolds(tx, { lane: 'default', now, limit: 10 })
      const set = { id: newSetId(), lane: 'default', origin: 'release', now } as const
      await releaseHolds(tx, { holds, set: set.id, now })
      await writeSet(tx, { ...set, intake: {}, decided, released: 1 })
    })
  await write(db, [held('a', 'u1', now - 60_000)])
  const second = await before()
  const keysLeft = async (ledgerBefore: number) => {
    await purgeDone(db, { before: ledgerBefore, refusedBefore: 0 })
    await purgeAdmitted(db, { before: second })
    return (await db.query('select from admitted')).length
  }
  await again([held('a', 'u1', now - 30_000)])
  assert.equal(await keysLeft(await before()), 1, 'held again, in a row of its own')
  await again([delivering('a', 'u1')])
  assert.equal(await keysLeft(second), 1, 'what was held is on its way')
  assert.equal(await keysLeft(await before()), 0)
})

test('a key is kept for as long as a row says that its audience was read', async () => {
  await using world = await setup()
  const { db } = world
  await write(db, [refused('a', 'u1')])
  const read = { intent: intent('a').id, after: '', members: 0, done: true, now: now + 3_600_000 }
  await db.transaction(async tx => {
    const open = { lane: 'default' as const, intent: intent('a'), audiences: [], except: [], set: newSetId(), now }
    await openExpansion(tx, open)
    await checkpoint(tx, read)
  })
  for (const [before, keys] of [
    [read.now, 1],
    [read.now + 1, 0],
  ] as const) {
    await purgeDone(db, { before, refusedBefore: before })
    await purgeAdmitted(db, { before })
    assert.equal((await db.query('select from admitted')).length, keys)
  }
})
