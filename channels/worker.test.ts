import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { openQueues } from '#runtime/queues.ts'
import { inboxProvider } from './in-app/inbox.ts'
import { startWorker } from './worker.ts'
import { createWorld } from './world.fixture.ts'

const waitMs = 60_000

test('a worker takes batches off its queues, and ends in order', async () => {
  await using world = await createWorld()
  const errors: unknown[] = []
  await using queues = await openQueues({
    postgresUrl: world.url,
    prefix: 'test',
    onError: error => void errors.push(error),
  })
  const { db, deps } = world
  const batches = await world.write({
    channel: 'in_app',
    provider: 'inbox',
    to: ['anna', 'ben'].map(recipient => ({ recipient, endpoint: 'inbox' })),
  })
  {
    await using _worker = await startWorker({
      ...deps,
      queues,
      providers: [inboxProvider(db)],
      lanes: ['default'],
      channels: ['in_app'],
      concurrency: 2,
    })
    // Twice: what is taken already is left alone.
    for (const n of [0, 1])
      await queues.add(
        { lane: 'default', channel: 'in_app' },
        batches.map(({ id }) => ({ batchId: id, n })),
      )
    const until = performance.now() + waitMs
    while (Object.values(await world.ends()).includes('open')) {
      assert.ok(performance.now() < until, `not delivered within ${waitMs} ms`)
      await sleep(20)
    }
  }
  assert.deepEqual(await world.ends(), { anna: 'delivered', ben: 'delivered' })
  assert.deepEqual(errors, [])
})
