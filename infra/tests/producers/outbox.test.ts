import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import { parseIntent } from '#contracts/intent.ts'
import { routerSubscriptionOf, topicOf } from '#contracts/messages.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { commentCreated } from '#producers/catalogue/social.ts'
import { relayOutbox, startOutboxRelay } from '#producers/outbox/relay.ts'
import { outboxMigration, writeIntent } from '#producers/outbox/write-intent.ts'
import { type Ask, ask } from '#producers/sdk/ask.ts'
import { NotStoredError, RefusedError } from '#producers/sdk/errors.ts'
import type { Message } from '#producers/sdk/lane-queue.ts'
import { openPublisher } from '#producers/sdk/publisher.ts'
import { withDeadline } from '#runtime/deadline.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const prefix = 'carillon-outbox'
const projectId = 'carillon-test'
const by = { producer: 'shop', catalogue }
const data = { commentId: 'c1', author: 'ada', title: 'Docs', excerpt: 'it’s "new"', url: 'https://docs.example/1' }
const comment = (key: string, orderingKey?: string): Ask =>
  ask(commentCreated, { to: ['u1'], data, key, ...(orderingKey && { orderingKey }) })
const keyOf = ({ bytes }: Message): string => (JSON.parse(bytes.toString()) as { data: { key: string } }).data.key
const lane = 'default'

const fail = (error: unknown): never => {
  throw error
}

/** A product's own database with an outbox, and the topic that its intents go to. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const { url } = opened.use(await testDatabase())
  const { path: dataDir } = opened.use(await temporaryFolder())
  const db = opened.use(await openPostgres({ url, connectionsMax: 8, name: 'test' }))
  await db.query(outboxMigration)
  await db.query('create table orders (id text primary key)')
  const server = opened.use(await startPubSubServer({ dataDir }))
  const pubsub = opened.use(openPubSub({ projectId, emulator: server.address }))
  await pubsub.ensureTopic(topicOf(prefix, 'default'))
  const subscription = routerSubscriptionOf(prefix, 'default')
  const times = { retryMinS: 10, retryMaxS: 600, ackDeadlineS: 60 }
  await pubsub.ensureSubscription(subscription, { topic: topicOf(prefix, 'default'), ordering: true, ...times })
  const publisher = opened.use(openPublisher({ projectId, emulator: server.address, prefix }))
  const keys: string[] = []
  const came = new EventTarget()
  const pull = pubsub.subscribe(subscription, { maxMessages: 100, onError: fail }, message => {
    const parsed = parseIntent(message.data)
    assert.ok(parsed.ok && parsed.intent.producer === 'shop')
    keys.push(parsed.intent.key)
    message.ack()
    came.dispatchEvent(new Event('message'))
  })
  opened.defer(() => pull.close())
  const running = opened.move()
  return {
    db,
    url,
    server,
    publisher,
    keys,
    /** Waits until `n` messages have come. */
    async arrived(n: number) {
      const signal = AbortSignal.timeout(60_000)
      while (keys.length < n) await once(came, 'message', { signal })
    },
    async waiting() {
      const [row] = await db.query<{ n: number }>('select count(*)::int as n from carillon_outbox')
      return row!.n
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('what is rolled back is never sent, what is committed is sent once', async () => {
  await using world = await setup()
  const { db, publisher } = world
  const order = async (id: string, fails: boolean) =>
    db.transaction(async tx => {
      await tx.query('insert into orders values ($1)', [id])
      await writeIntent(tx, by, comment(`order ${id}`))
      if (fails) throw new Error('out of stock')
    })
  await order('1', false)
  await assert.rejects(order('2', true), /out of stock/)
  await db.kysely.transaction().execute(async trx => void (await writeIntent(trx, by, comment('order 3'))))
  await assert.rejects(
    db.kysely.transaction().execute(async trx => {
      await writeIntent(trx, by, comment('order 4'))
      throw new Error('changed my mind')
    }),
  )
  await using relay = startOutboxRelay({ db, publisher, pollMs: 20, onError: fail })
  void relay
  await world.arrived(2)
  await order('5', false)
  await world.arrived(3)
  assert.deepEqual(world.keys.toSorted(), ['order 1', 'order 3', 'order 5'])
})

test('a wrong intent takes the work that it belongs to back with it', async () => {
  await using world = await setup()
  const wrong = { type: 'comment.created', options: { to: [], data, key: 'k' } }
  const work = world.db.transaction(async tx => {
    await tx.query("insert into orders values ('1')")
    await writeIntent(tx, by, wrong)
  })
  await assert.rejects(work, RefusedError)
  assert.deepEqual(await world.db.query('select * from orders'), [])
  assert.equal(await world.waiting(), 0)
})

test('a relay that is killed between publishing and deleting says the same again, under the same id', async () => {
  await using world = await setup()
  const { db, publisher } = world
  await db.transaction(async tx => void (await writeIntent(tx, by, comment('order 1'))))
  const fixture = path.join(import.meta.dirname, 'outbox.fixture.ts')
  const child = spawn(process.execPath, [fixture, world.url, world.server.address, prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) })) as [Buffer]
  assert.equal(line.toString(), 'published\n')
  assert.equal(
    (await relayOutbox({ db, publisher, lane })).published,
    0,
    'the row belongs to the relay that works on it',
  )
  child.kill('SIGKILL')
  await once(child, 'exit')
  await using relay = startOutboxRelay({ db, publisher, pollMs: 20, onError: fail })
  await world.arrived(2)
  assert.deepEqual(world.keys, ['order 1', 'order 1'], 'one key is one intent, however often it comes')
  await relay[Symbol.asyncDispose]()
  assert.equal(await world.waiting(), 0)
})

test('many relays share an outbox without sending anything twice', async () => {
  await using world = await setup()
  const { db, publisher } = world
  const keys = Array.from({ length: 1200 }, (_, at) => `k${at}`)
  await db.transaction(async tx => {
    for (const key of keys) await writeIntent(tx, by, comment(key))
  })
  const turns = await Promise.all([1, 2, 3].map(() => relayOutbox({ db, publisher, lane })))
  assert.equal(
    turns.reduce((sum, { published }) => sum + published, 0),
    1200,
  )
  await world.arrived(1200)
  assert.deepEqual(world.keys.toSorted(), keys.toSorted())
})

test('what is not stored stays; what is stored goes', async () => {
  await using world = await setup()
  const { db, publisher } = world
  await db.transaction(async tx => {
    for (const key of ['a', 'b', 'c']) await writeIntent(tx, by, comment(key))
  })
  const picky = {
    publish: async (message: Message) => {
      if (message.bytes.includes('"key":"b"')) throw new NotStoredError('not now')
      await publisher.publish(message)
    },
  }
  const { failure } = await relayOutbox({ db, publisher: picky, lane })
  assert.ok(failure instanceof NotStoredError)
  assert.equal(await world.waiting(), 1)
  assert.equal((await relayOutbox({ db, publisher, lane })).published, 1)
  await world.arrived(3)
  assert.deepEqual(world.keys.toSorted(), ['a', 'b', 'c'])
})

test('relays that share an outbox keep the order of every key', async () => {
  await using world = await setup()
  const { db } = world
  await db.transaction(async tx => {
    for (let n = 0; n < 1000; n++) await writeIntent(tx, by, comment(`k${n}`, n % 10 === 0 ? undefined : 'thread'))
  })
  const published: string[] = []
  const unanswered = Promise.withResolvers<void>()
  const underWay = Promise.withResolvers<void>()
  const slow = {
    publish: async (message: Message) => {
      underWay.resolve()
      await unanswered.promise
      published.push(keyOf(message))
    },
  }
  const fast = { publish: async (message: Message) => void published.push(keyOf(message)) }
  const first = relayOutbox({ db, publisher: slow, lane })
  await underWay.promise
  const { published: meanwhile } = await relayOutbox({ db, publisher: fast, lane })
  assert.equal(meanwhile, 50, 'what has no key goes on beside it')
  unanswered.resolve()
  await first
  while ((await relayOutbox({ db, publisher: fast, lane })).more);
  const inOrder = published.map(key => Number(key.slice(1))).filter(n => n % 10 !== 0)
  assert.deepEqual(
    inOrder,
    Array.from({ length: 1000 }, (_, n) => n).filter(n => n % 10 !== 0),
  )
})

const insert = 'insert into carillon_outbox (lane, attributes, ordering_key, message)'

test('a lane that cannot be published to keeps no other waiting', async () => {
  await using world = await setup()
  const { db } = world
  await db.query(`${insert} select 'bulk', '{}', null, 'x' from generate_series(1, 1500)`)
  await db.query(`${insert} values ('critical', '{}', null, 'code')`)
  const stop = Promise.withResolvers<void>()
  const critical = Promise.withResolvers<void>()
  const publish = async (message: Message) => (message.lane === 'critical' ? critical.resolve() : stop.promise)
  await using relay = startOutboxRelay({ db, publisher: { publish }, pollMs: 20, onError: fail })
  void relay
  await withDeadline(critical.promise, { ms: 60_000, what: 'the critical row' }).finally(stop.resolve)
})

test('a turn takes no more bytes than a publisher holds', async () => {
  await using world = await setup()
  const { db } = world
  await db.query(`${insert} select 'default', '{}', null, repeat('x', 1000000) from generate_series(1, 70)`)
  let bytes = 0
  const publish = async (message: Message) => void (bytes += message.bytes.length)
  const { more } = await relayOutbox({ db, publisher: { publish }, lane })
  assert.ok(more && bytes < 20e6, `${bytes} bytes`)
  while ((await relayOutbox({ db, publisher: { publish }, lane })).more);
  assert.equal(bytes, 70e6)
})

test('what Pub/Sub refuses for what it is stays, says why, and is not tried again', async () => {
  await using world = await setup()
  const { db, publisher } = world
  await db.transaction(async tx => {
    await writeIntent(tx, by, comment('a', 'thread'))
    await tx.query(`${insert} values ('default', '{}', null, repeat('x', 10500000))`)
    await tx.query(`${insert} values ('default', '{}', null, '')`)
    await tx.query(`${insert} values ('default', '{}', 'thread', '')`)
    for (const key of ['b', 'c']) await writeIntent(tx, by, comment(key, 'thread'))
    await writeIntent(tx, by, comment('d'))
  })
  const errors: Error[] = []
  await using relay = startOutboxRelay({ db, publisher, pollMs: 20, onError: error => errors.push(error as Error) })
  await world.arrived(4)
  await relay[Symbol.asyncDispose]()
  assert.deepEqual(
    world.keys.filter(key => key !== 'd'),
    ['a', 'b', 'c'],
  )
  const rows = await db.query<{ refused: string | null }>('select refused from carillon_outbox')
  assert.equal(rows.length, 3)
  for (const { refused } of rows) assert.match(refused ?? '', /INVALID_ARGUMENT/)
  const told = errors.filter(({ message }) => message.includes('refused for good'))
  assert.equal(
    told.reduce((sum, { message }) => sum + parseInt(message), 0),
    3,
  )
  assert.deepEqual(await relayOutbox({ db, publisher, lane }), { published: 0, refused: [], more: false })
})
