import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { lanes } from '#contracts/channel.ts'
import { parseIntent } from '#contracts/intent.ts'
import { routerSubscriptionOf, topicOf } from '#contracts/messages.ts'
import { type PubSubServer, startPubSubServer } from '#local/pubsub/server.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { commentCreated } from '#producers/catalogue/social.ts'
import { securityAlert } from '#producers/catalogue/security.ts'
import { ask } from '#producers/sdk/ask.ts'
import { NotStoredError, UnknownError } from '#producers/sdk/errors.ts'
import { createNotifier } from '#producers/sdk/notifier.ts'
import { openPubSub, type PubSubPort, type PulledMessage } from '#runtime/pubsub.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { startProxy } from './proxy.ts'
import { scriptedServer, type ScriptedServer } from './scripted-server.ts'

const prefix = 'carillon-test'
const projectId = 'carillon-test'
const data = { commentId: 'c1', author: 'ada', title: 'Docs', excerpt: 'Hello', url: 'https://docs.example/1' }
const comment = (key: string) => ask(commentCreated, { to: ['u1'], data, key })

type World = AsyncDisposable & { server: PubSubServer; pubsub: PubSubPort; dataDir: string }

async function setup(): Promise<World> {
  await using opened = new AsyncDisposableStack()
  const { path: dataDir } = opened.use(await temporaryFolder())
  const server = opened.use(await startPubSubServer({ dataDir }))
  const pubsub = opened.use(openPubSub({ projectId, emulator: server.address }))
  for (const lane of lanes) {
    await pubsub.ensureTopic(topicOf(prefix, lane))
    const times = { retryMinS: 10, retryMaxS: 600, ackDeadlineS: 60 }
    await pubsub.ensureSubscription(routerSubscriptionOf(prefix, lane), {
      topic: topicOf(prefix, lane),
      ordering: true,
      ...times,
    })
  }
  const running = opened.move()
  return { server, pubsub, dataDir, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

const notifierAt = (emulator: string, deadlineMs?: number) =>
  createNotifier({
    producer: 'docs',
    catalogue,
    pubsub: { projectId, emulator, prefix, ...(deadlineMs && { deadlineMs }) },
  })

/** Waits until the lane has given `n` messages, in the order they came in. */
async function pulled(pubsub: PubSubPort, lane: 'default' | 'critical', n: number): Promise<PulledMessage[]> {
  const messages: PulledMessage[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const limit = setTimeout(() => reject(new Error(`only ${messages.length} of ${n} messages came`)), 60_000)
  const subscription = pubsub.subscribe(
    routerSubscriptionOf(prefix, lane),
    { maxMessages: 2000, onError: reject },
    message => {
      messages.push(message)
      message.ack()
      if (messages.length === n) resolve()
    },
  )
  await promise.finally(() => clearTimeout(limit))
  await subscription.close()
  return messages
}

const keyOf = (message: PulledMessage): string => {
  const parsed = parseIntent(message.data)
  assert.ok(parsed.ok)
  return parsed.intent.key
}

test('an intent is in the topic of its lane when notify resolves', async () => {
  await using world = await setup()
  await using notifier = notifierAt(world.server.address)
  const alert = { alert: 'a1', summary: 's', severity: 'high', url: 'https://docs.example/1' } as const
  const { intentId } = await notifier.notify(securityAlert, { to: [{ audience: 'team' }], data: alert, key: 'k1' })
  const [message] = await pulled(world.pubsub, 'critical', 1)
  const parsed = parseIntent(message!.data)
  assert.ok(parsed.ok && parsed.intent.id === intentId && parsed.intent.type === 'security.alert')
  assert.deepEqual(message!.attributes, {
    type: 'security.alert',
    lane: 'critical',
    producer: 'docs',
    recipients: '1',
  })
})

test('many go in few requests and all of them arrive', async () => {
  await using world = await setup()
  await using notifier = notifierAt(world.server.address)
  const asks = Array.from({ length: 2500 }, (_, at) => comment(`k${at}`))
  assert.equal((await notifier.notifyMany(asks)).length, 2500)
  assert.equal(new Set((await pulled(world.pubsub, 'default', 2500)).map(keyOf)).size, 2500)
})

test('intents with an ordering key arrive in the order they were said in', async () => {
  await using world = await setup()
  await using notifier = notifierAt(world.server.address)
  const keys = Array.from({ length: 1500 }, (_, at) => `k${at}`)
  await Promise.all(keys.map(key => notifier.notify(commentCreated, { to: ['u1'], data, key, orderingKey: 'trace' })))
  assert.deepEqual((await pulled(world.pubsub, 'default', keys.length)).map(keyOf), keys)
})

test('a server that is away for a moment only costs time', async () => {
  await using world = await setup()
  await using notifier = notifierAt(world.server.address)
  const { port } = world.server
  await world.server[Symbol.asyncDispose]()
  const notified = notifier.notify(commentCreated, { to: ['u1'], data, key: 'k1' })
  await using server = await startPubSubServer({ dataDir: world.dataDir, port })
  await notified
  await using pubsub = openPubSub({ projectId, emulator: server.address })
  assert.equal((await pulled(pubsub, 'default', 1)).map(keyOf)[0], 'k1')
})

test('a server that stays away, or has no such topic, has surely stored nothing', async () => {
  await using world = await setup()
  const away = notifierAt('127.0.0.1:1', 300)
  await assert.rejects(away.notify(commentCreated, { to: ['u1'], data, key: 'k1' }), (error: NotStoredError) => {
    assert.ok(error instanceof NotStoredError)
    assert.deepEqual(error.keys, ['k1'])
    return true
  })
  await away.close()
  const pubsub = { projectId, emulator: world.server.address, prefix: 'nobody', deadlineMs: 60_000 }
  await using lost = createNotifier({ producer: 'docs', catalogue, pubsub })
  const started = performance.now()
  await assert.rejects(lost.notify(commentCreated, { to: ['u1'], data, key: 'k1' }), NotStoredError)
  assert.ok(performance.now() - started < 30_000, 'a topic that is missing is not waited for')
})

test('when the answer is lost, nobody knows: the same key again is the same intent', async () => {
  await using world = await setup()
  await using proxy = await startProxy(world.server.port)
  const notifier = notifierAt(`127.0.0.1:${proxy.port}`, 5_000)
  await notifier.notify(commentCreated, { to: ['u1'], data, key: 'before' })
  proxy.muffle()
  await assert.rejects(notifier.notify(commentCreated, { to: ['u1'], data, key: 'k1' }), (error: UnknownError) => {
    assert.ok(error instanceof UnknownError)
    assert.deepEqual(error.keys, ['k1'])
    return true
  })
  await using again = notifierAt(world.server.address)
  await again.notify(commentCreated, { to: ['u1'], data, key: 'k1' })
  const messages = await pulled(world.pubsub, 'default', 3)
  assert.deepEqual(messages.map(keyOf).sort(), ['before', 'k1', 'k1'], 'it was stored although nobody heard of it')
  await proxy[Symbol.asyncDispose]()
  await notifier.close()
})

test('closing sends what waits; after it nothing is taken', async () => {
  await using world = await setup()
  const notifier = notifierAt(world.server.address)
  const notified = notifier.notifyMany([comment('k1'), comment('k2')])
  // The asks are checked first; only then they wait in the publisher.
  await new Promise(resolve => setImmediate(resolve))
  await notifier.close()
  assert.equal((await notified).length, 2)
  await assert.rejects(notifier.notify(commentCreated, { to: ['u1'], data, key: 'k3' }), NotStoredError)
  assert.equal((await pulled(world.pubsub, 'default', 2)).length, 2)
})

const sizes = ({ requests }: ScriptedServer) => requests.map(({ messages }) => messages.length)

const ordered = (n: number) =>
  Array.from({ length: n }, (_, at) => ask(commentCreated, { to: ['u1'], data, key: `k${at}`, orderingKey: 'trace' }))

test('what must keep its order goes one request after the other; the rest side by side', async () => {
  await using server = await scriptedServer(() => undefined)
  await using notifier = notifierAt(server.address)
  await notifier.notifyMany(Array.from({ length: 4000 }, (_, at) => comment(`k${at}`)))
  assert.deepEqual(sizes(server), [1000, 1000, 1000, 1000])
  assert.ok(server.mostAtOnce() > 1)
  await using other = await scriptedServer(() => undefined)
  await using orderly = notifierAt(other.address)
  await orderly.notifyMany(ordered(3000))
  assert.deepEqual(sizes(other), [1000, 1000, 1000])
  assert.equal(other.mostAtOnce(), 1)
})

test('a lost message stops those behind it that must keep its order', async () => {
  await using server = await scriptedServer(nth => (nth === 1 ? status.PERMISSION_DENIED : undefined))
  await using notifier = notifierAt(server.address)
  await assert.rejects(notifier.notifyMany(ordered(3000)), (error: NotStoredError) => {
    assert.deepEqual(
      error.keys,
      Array.from({ length: 2000 }, (_, at) => `k${at + 1000}`),
    )
    return error instanceof NotStoredError
  })
  assert.deepEqual(sizes(server), [1000, 1000], 'what came behind was never sent')
})

test('a server that is busy is asked again; one that may have failed after storing leaves it unknown', async () => {
  await using busy = await scriptedServer(nth => (nth < 2 ? status.RESOURCE_EXHAUSTED : undefined))
  await using patient = notifierAt(busy.address)
  await patient.notifyMany([comment('k1')])
  assert.equal(busy.requests.length, 3)
  await using broken = await scriptedServer(nth => (nth === 0 ? status.INTERNAL : status.PERMISSION_DENIED))
  await using unsure = notifierAt(broken.address)
  await assert.rejects(unsure.notifyMany([comment('k1')]), UnknownError)
})
