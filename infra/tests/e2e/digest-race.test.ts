import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { audit } from '#ledger/audit.ts'
import { releaseDigests } from '#router/release-digests.ts'
import { emptyLedger, messagesIn } from '#router/routing.fixture.ts'
import { createLog } from '#runtime/log.ts'
import { type Share, type } from './digest-router.ts'

const processes = 4
const intents = 10_000
const log = createLog({ role: 'test', write: () => {} })

test('10,000 intents for one person in a second, over 16 loops in 4 processes, are one digest, told once', async () => {
  await using ledger = await emptyLedger()
  const { db, url } = ledger
  const phone = [{ id: 'p', channel: 'push', provider: 'fcm', address: 'x', state: 'active', since: 0 }]
  await db.query(`insert into recipients (id, endpoints) values ('u1', $1)`, [JSON.stringify(phone)])
  const at = Date.now()
  const routers = Array.from({ length: processes }, () => fork(path.join(import.meta.dirname, 'digest-router.ts')))
  try {
    await Promise.all(routers.map((router, n) => routed(router, { url, at, from: n * (intents / processes) })))
  } finally {
    for (const router of routers) router.kill('SIGKILL')
  }
  const [open] = await db.query<{ digests: number; n: number }>(
    `select count(*)::int as digests, sum(n)::int as n from digests where closed_at is null`,
  )
  assert.deepEqual(open, { digests: 1, n: intents })

  const due = { lane: 'default', catalogue: catalogueOf('1', [type]), log, now: at + 11 * 60_000 } as const
  // Schedulers on several machines tell it at once: one of them does.
  await Promise.all([1, 2, 3, 4].map(() => releaseDigests(db, due)))
  assert.equal(await releaseDigests(db, due), undefined)
  const messages = await messagesIn(db)
  assert.deepEqual(
    messages.map(told => told.length),
    [intents],
  )
  assert.deepEqual((await audit(db)).problems, [])
})

async function routed(router: ChildProcess, share: Pick<Share, 'url' | 'at' | 'from'>): Promise<void> {
  const done = once(router, 'message')
  const ended = once(router, 'exit').then(() => assert.fail('a router process ended before it was done'))
  router.send({ ...share, count: intents / processes } satisfies Share)
  await Promise.race([done, ended])
}
