import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyNotificationType, catalogueOf } from '#contracts/catalogue.ts'
import { encodeIntent, type JsonObject } from '#contracts/intent.ts'
import { routerSubscriptionOf, topicOf } from '#contracts/messages.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { systemClock } from '#runtime/clock.ts'
import { until } from '#runtime/link.fixture.ts'
import { createLog } from '#runtime/log.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { openQueues } from '#runtime/queues.ts'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { startRouter } from './router.ts'
import { emptyLedger, intentOf, typeOf } from './routing.fixture.ts'

const prefix = 'routed'
const lane = 'default'

test('a message that cannot be routed is parked as it came, unless its type is sensitive', async () => {
  const key = () => {
    throw new TypeError('a mistake in a catalogue')
  }
  const poison = { deliver: [{ channel: 'sms' }], dedupe: { key, within: '1m' } } as const
  await using world = await setup([typeOf('code.sent', { ...poison, sensitive: true }), typeOf('ring.sent', poison)])
  await world.db.query(`insert into recipients (id, endpoints) values ('u1',
    '[{"id":"phone","channel":"sms","provider":"twilio","address":"+4912345678","state":"active","since":0}]')`)
  await world.start()
  for (const type of ['code.sent', 'ring.sent']) await world.tell(type, { code: '493817' })
  const parked = () =>
    world.db.query<{ kept: string | null }>(
      `select convert_from(message, 'UTF8')::jsonb->>'subject' as kept from refused where reason = 'parked' order by 1`,
    )
  await until(async () => (await parked()).length === 2, 'both are parked')
  assert.deepEqual(
    (await parked()).map(row => row.kept),
    ['ring.sent', null],
  )
})

test('a set that takes the database longer than a statement may take is halved until it does not', async () => {
  await using world = await setup([typeOf('ring.sent')])
  // 20 intents in one statement take 2 s, 5 take 0.5 s.
  await world.db.query(`create function slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.1); return new; end $$`)
  await world.db.query('create trigger slow before insert on admitted for each row execute function slow()')
  for (let n = 0; n < 20; n++) await world.tell('ring.sent', {})
  const lines = await world.start(1_000)
  await until(async () => (await world.db.query('select from admitted')).length === 20, 'all are admitted')
  assert.ok(!lines.some(line => line.includes('pulling stops')), 'the pull stays open')
})

async function setup(types: readonly AnyNotificationType[]) {
  const opened = new AsyncDisposableStack()
  const { db, url } = opened.use(await emptyLedger())
  const folder = opened.use(await temporaryFolder())
  const server = opened.use(await startPubSubServer({ dataDir: folder.path }))
  const pubsub = opened.use(openPubSub({ projectId: 'carillon-test', emulator: server.address }))
  const topic = topicOf(prefix, lane)
  await pubsub.ensureTopic(topic)
  const times = { retryMinS: 0, retryMaxS: 0, ackDeadlineS: 60 }
  await pubsub.ensureSubscription(routerSubscriptionOf(prefix, lane), { topic, ordering: true, ...times })
  const publisher = pubsub.publisher(topic, { batchMessages: 1, batchMs: 1 })
  return {
    db,
    tell: (type: string, data: JsonObject) => {
      const to = [{ kind: 'recipient' as const, id: 'u1' }]
      return publisher.publish(Buffer.from(encodeIntent(intentOf({ type, to, data, occurredAt: Date.now() }))))
    },
    /** Starts a router whose statements are limited; gives the lines of its log. */
    async start(statementLimitMs = 30_000) {
      const lines: string[] = []
      const queues = opened.use(await openQueues({ postgresUrl: url, prefix, onError: () => {} }))
      const limited = opened.use(await openPostgres({ url, connectionsMax: 2, name: 'test', statementLimitMs }))
      const parts = { pubsub, queues, clock: systemClock, prefix, lanes: [lane] as const }
      const log = createLog({ role: 'test', write: line => void lines.push(line) })
      const secrets = { addressKey: 'a key for tests' }
      opened.use(await startRouter({ ...parts, ...secrets, db: limited, log, catalogue: catalogueOf('1', types) }))
      return lines
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}
