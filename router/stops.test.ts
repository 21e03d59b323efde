import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endStop, freeStopped, openStop } from '#ledger/stops.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

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
