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
import { openPublisher } from '#producers/sdk/publisher.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const prefix = 'carillon-outbox'
const projectId = 'carillon-test'
const by = { producer: 'shop', catalogue }
const data = { commentId: 'c1', author: 'ada', title: 'Docs', excerpt: 'it’s "new"', url: 'https://docs.example/1' }
const comment = (key: string): Ask => ask(commentCreated, { to: ['u1'], data, key })

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
      const signal = AbortSignal.timeout(20_000)
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
  assert.deepEqual(world.keys, ['order 1', 'order 3', 'order 5'])
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
  const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer]
  assert.equal(line.toString(), 'published\n')
  assert.equal(await relayOutbox({ db, publisher }), 0, 'the row belongs to the relay that works on it')
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
  const turns = await Promise.all([1, 2, 3].map(() => relayOutbox({ db, publisher })))
  assert.equal(
    turns.reduce((sum, n) => sum + n),
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
    publish: async (message: Parameters<typeof publisher.publish>[0]) => {
      if (message.bytes.includes('"key":"b"')) throw new NotStoredError('not now')
      await publisher.publish(message)
    },
  }
  await assert.rejects(relayOutbox({ db, publisher: picky }), NotStoredError)
  assert.equal(await world.waiting(), 1)
  assert.equal(await relayOutbox({ db, publisher }), 1)
  await world.arrived(3)
  assert.deepEqual(world.keys.toSorted(), ['a', 'b', 'c'])
})
