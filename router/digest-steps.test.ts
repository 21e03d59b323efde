import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import type { Intent } from '#contracts/intent.ts'
import { createLog } from '#runtime/log.ts'
import { releaseDigests } from './release-digests.ts'
import { releaseDue } from './release.ts'
import { decisionsIn, emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const minute = 60_000

test('the first of a digest takes its later step and opens it; of what follows, what was read drops out singly', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const phone = [{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }]
  await db.query(`insert into recipients (id, endpoints) values ('u1', $1)`, [JSON.stringify(phone)])
  const types = [
    typeOf('comment.created', {
      digest: { every: '10m', sendFirst: true },
      deliver: [{ channel: 'push', after: '30s', unless: 'seen' }],
    }),
  ]
  const now = Date.now()
  const tell = (at: number, thread: string) => {
    const intent: Intent = intentOf({
      ...{ type: 'comment.created', occurredAt: at, thread },
      to: [{ kind: 'recipient', id: 'u1' }],
    })
    return routeAt(at, [intent], { db, types })
  }
  const deps = (at: number) => ({
    ...{ lane: 'default' as const, now: at, catalogue: catalogueOf('1', types) },
    log: createLog({ role: 'test', write: () => {} }),
  })
  await tell(now, 't0')
  await tell(now + 1_000, 't1')
  await tell(now + 2_000, 't2')
  await tell(now + 3_000, 't1')
  const held = await db.query<{ reason: string; n: number }>(
    'select reason, count(*)::int as n from holds group by 1 order by 1',
  )
  assert.deepEqual(held, [
    { reason: 'digest', n: 3 },
    { reason: 'escalation', n: 1 },
  ])
  await releaseDue(db, deps(now + minute))
  await db.query(`insert into watermarks (recipient, thread, up_to) values ('u1', 't1', to_timestamp($1 / 1000.0))`, [
    now + 2_000,
  ])
  await db.query('update recipients set read_xid = pg_current_xact_id()')
  await releaseDigests(db, deps(now + 11 * minute))
  assert.deepEqual(await decisionsIn(db), [
    ...['u1 held', 'u1 held', 'u1 held', 'u1 held', 'u1 deliver'],
    ...['u1 escalation_stopped', 'u1 deliver', 'u1 deliver'],
  ])
})
