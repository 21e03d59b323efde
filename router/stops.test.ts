import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { endStop, freeStopped, openStop } from '#ledger/stops.ts'
import { createLog } from '#runtime/log.ts'
import { releaseDue } from './release.ts'
import { decisionsIn, emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

test('what an ended stop has held does not come forward while the same is stopped again', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const now = Date.now()
  const types = [typeOf('comment.created')]
  const stop = { scope: 'type', name: 'comment.created', resume: 'send', who: 'ada', why: 'a test' } as const
  const to = [{ kind: 'recipient' as const, id: 'u1' }]
  const first = await openStop(db, stop)
  await routeAt(now, [intentOf({ type: 'comment.created', to, occurredAt: now })], { db, types })
  await endStop(db, { id: first, who: 'ada' })
  const again = await openStop(db, stop)
  assert.equal(await freeStopped(db, { now }), 0, 'it would be held again at once, and come forward again')
  await openStop(db, { ...stop, scope: 'category', name: 'social' })
  await endStop(db, { id: again, who: 'ada' })
  assert.equal(await freeStopped(db, { now }), 1)
  assert.equal(await freeStopped(db, { now }), 0, 'once')
})

test('a stop that comes to drop ends what it has held', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const now = Date.now()
  const types = [typeOf('comment.created')]
  const stop = { scope: 'type', name: 'comment.created', resume: 'send', who: 'ada', why: 'a test' } as const
  const to = [{ kind: 'recipient' as const, id: 'u1' }]
  await openStop(db, stop)
  await routeAt(now, [intentOf({ type: 'comment.created', to, occurredAt: now })], { db, types })
  const id = await openStop(db, { ...stop, resume: 'drop' })
  await freeStopped(db, { now })
  const log = createLog({ role: 'test', write: () => {} })
  while (await releaseDue(db, { lane: 'default', catalogue: catalogueOf('1', types), log, now: now + 1_000 }));
  await endStop(db, { id, who: 'ada' })
  assert.deepEqual(await decisionsIn(db), ['u1 held', 'u1 killed'])
})
