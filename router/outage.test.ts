import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { encodeIntent } from '#contracts/intent.ts'
import { routerSubscriptionOf, topicOf } from '#contracts/messages.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { systemClock } from '#runtime/clock.ts'
import { withDeadline } from '#runtime/deadline.ts'
import { openLink, until } from '#runtime/link.fixture.ts'
import { createLog } from '#runtime/log.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { openQueues } from '#runtime/queues.ts'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { startRouter } from './router.ts'
import { emptyLedger, intentOf, typeOf } from './routing.fixture.ts'

const prefix = 'outage'
const lane = 'default'
/** Less than the wait for a connection that a database does not answer, let alone the pauses between two tries. */
const promptMs = 9_000

test('a router that waits for its database stops promptly', async () => {
  await using opened = new AsyncDisposableStack()
  const { db: direct, url } = opened.use(await emptyLedger())
  const folder = opened.use(await temporaryFolder())
  const server = opened.use(await startPubSubServer({ dataDir: path.join(folder.path, 'pubsub') }))
  const pubsub = opened.use(openPubSub({ projectId: 'carillon-test', emulator: server.address }))
  const topic = topicOf(prefix, lane)
  await pubsub.ensureTopic(topic)
  const times = { retryMinS: 0, retryMaxS: 0, ackDeadlineS: 60 }
  await pubsub.ensureSubscription(routerSubscriptionOf(prefix, lane), { topic, ordering: true, ...times })
  const queues = opened.use(await openQueues({ postgresUrl: url, prefix, onError: () => {} }))
  const link = opened.use(await openLink(url))
  const db = opened.use(await openPostgres({ url: link.url, connectionsMax: 2, name: 'test' }))
  const lines: string[] = []
  const log = createLog({ role: 'test', write: line => void lines.push(line) })
  const type = typeOf('comment.created')
  const router = await startRouter({
    ...{
      db,
      addressKey: 'a key for tests',
      pubsub,
      queues,
      log,
      prefix,
      catalogue: catalogueOf('1', [type]),
      clock: systemClock,
      lanes: [lane],
    },
  })
  const publisher = pubsub.publisher(topic, { batchMessages: 1, batchMs: 1 })
  const tell = () => {
    const to = [{ kind: 'recipient' as const, id: 'u1' }]
    return publisher.publish(Buffer.from(encodeIntent(intentOf({ type: type.type, to, occurredAt: Date.now() }))))
  }
  const admitted = async () => (await direct.query('select from admitted')).length
  await tell()
  await until(async () => (await admitted()) === 1, 'the first intent is routed')
  await link.cut()
  await tell()
  await until(() => lines.some(line => line.includes('pulling stops')), 'the router knows that its database is away')
  // From now on who connects is not answered.
  await link.mend()
  link.freeze()
  await withDeadline(Promise.resolve(router[Symbol.asyncDispose]()), { ms: promptMs, what: 'stopping the router' })
  assert.equal(await admitted(), 1, 'what it held was given back')
})
