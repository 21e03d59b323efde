import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openQueues } from '#runtime/queues.ts'
import { until } from '#tests/program.ts'
import { inboxProvider } from './in-app/inbox.ts'
import { startWorker } from './worker.ts'
import { createWorld } from './world.fixture.ts'

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
    let n = 0
    await until(async () => {
      // Again and again: what is taken already is left alone, and a busy machine may take longer than a producer waits.
      const jobs = batches.map(({ id }) => ({ batchId: id, n }))
      await queues.add({ lane: 'default', channel: 'in_app' }, jobs).catch(() => {})
      return ++n > 1 && !Object.values(await world.ends()).includes('open')
    })
  }
  assert.deepEqual(await world.ends(), { anna: 'delivered', ben: 'delivered' })
  assert.deepEqual(errors, [])
})
