import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newBatchId } from '#contracts/ids.ts'
import { until } from '#runtime/link.fixture.ts'
import { intentOf, routeAt, typeOf } from './routing.fixture.ts'
import { startScheduler } from './scheduler.ts'
import { schedulerParts } from './scheduling.fixture.ts'

const types = [typeOf('comment.created')]

test('what a wiped queue store lost comes back page by page', async () => {
  await using world = await schedulerParts(types)
  const { db, queues, parts } = world
  const now = Date.now()
  const to = [{ kind: 'recipient' as const, id: 'u1' }]
  await routeAt(now, [intentOf({ type: 'comment.created', to, occurredAt: now })], { db, types })
  const ids = Array.from({ length: 449 }, () => newBatchId())
  const same = `day, set_id, lane, channel, provider, sensitive, tries, maybe_sent, due_at, n, recipients, endpoints, intents, payload, whys`
  await db.query(`insert into batches (id, ${same}) select u.id, ${same} from batches, unnest($1::uuid[]) as u(id)`, [
    ids,
  ])
  // Enqueued a moment ago: without the loss of the store nobody would look for them yet.
  await db.query(`update batches set enqueued_at = now() - interval '1 s'`)
  const pages: number[] = []
  const seen = {
    ...queues,
    add: async (...[queue, jobs]: Parameters<typeof queues.add>) => {
      await queues.add(queue, jobs)
      pages.push(jobs.length)
    },
  }
  await using _ = await startScheduler({ ...parts, queues: seen, lanes: ['default'] })
  const waiting = () => queues.waiting({ lane: 'default', channel: 'in_app' })
  await until(async () => (await waiting()) === 450, 'every batch has its job')
  assert.ok(pages.length >= 3 && pages.every(n => n <= 200), pages.join())
})

test('every lane comes back, however the lanes are spread over processes', async () => {
  await using world = await schedulerParts(types)
  const { db, queues, parts } = world
  const now = Date.now()
  const to = [{ kind: 'recipient' as const, id: 'u1' }]
  await routeAt(now, [intentOf({ type: 'comment.created', to, occurredAt: now })], { db, types })
  // Nobody would look for it before the lane's patience ends, in a quarter of a minute.
  const startedAt = performance.now()
  await db.query(`update batches set enqueued_at = now()`)
  await using _ = await startScheduler({ ...parts, lanes: ['critical'] })
  await until(() => queues.sentinel('critical'), 'the first process has begun')
  await using __ = await startScheduler({ ...parts, lanes: ['default'] })
  await until(async () => (await queues.waiting({ lane: 'default', channel: 'in_app' })) === 1, 'the batch has its job')
  assert.ok(performance.now() - startedAt < 14_000)
})
