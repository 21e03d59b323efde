import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { newBatchId } from '#contracts/ids.ts'
import { eventsTopicOf } from '#contracts/messages.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { systemClock } from '#runtime/clock.ts'
import { until } from '#runtime/link.fixture.ts'
import { createLog } from '#runtime/log.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { openQueues } from '#runtime/queues.ts'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'
import { startScheduler } from './scheduler.ts'

const prefix = 'wiped'
const types = [typeOf('comment.created')]
const log = createLog({ role: 'test', write: () => {} })

test('what a wiped queue store lost comes back page by page', async () => {
  await using opened = new AsyncDisposableStack()
  const { db, url } = opened.use(await emptyLedger())
  const folder = opened.use(await temporaryFolder())
  const server = opened.use(await startPubSubServer({ dataDir: folder.path }))
  const pubsub = opened.use(openPubSub({ projectId: 'carillon-test', emulator: server.address }))
  await pubsub.ensureTopic(eventsTopicOf(prefix))
  const queues = opened.use(await openQueues({ postgresUrl: url, prefix, onError: () => {} }))
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
      pages.push(jobs.length)
      await queues.add(queue, jobs)
    },
  }
  const parts = { db, pubsub, queues: seen, catalogue: catalogueOf('1', types), clock: systemClock, log, prefix }
  opened.use(await startScheduler({ ...parts, lanes: ['default'] }))
  const waiting = () => queues.waiting({ lane: 'default', channel: 'in_app' })
  await until(async () => (await waiting()) === 450, 'every batch has its job')
  assert.deepEqual(pages, [200, 200, 50])
})
