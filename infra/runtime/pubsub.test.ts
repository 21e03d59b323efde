import assert from 'node:assert/strict'
import { PubSub } from '@google-cloud/pubsub'
import { status } from '@grpc/grpc-js'
import { suite, test } from 'node:test'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { scriptedServer } from '#tests/producers/scripted-server.ts'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { openLink, until } from './link.fixture.ts'
import { openPubSub, PublishError, type PulledMessage } from './pubsub.ts'

const projectId = 'test-project'
const setupOf = (topic: string) => ({ topic, ordering: false, retryMinS: 0, retryMaxS: 1, ackDeadlineS: 10 })

/** A server, a client, and a topic with its subscription `pull`. */
async function start({ ordering = false } = {}) {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const server = stack.use(await startPubSubServer({ dataDir: folder.path }))
  const link = stack.use(await openLink(`http://${server.address}`))
  const pubsub = stack.use(openPubSub({ projectId, emulator: server.address }))
  const linked = stack.use(openPubSub({ projectId, emulator: new URL(link.url).host }))
  await pubsub.ensureTopic('intents')
  await pubsub.ensureSubscription('pull', { ...setupOf('intents'), ordering })
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const owned = stack.move()
  return { server, pubsub, linked, link, errors, onError, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

const send = { batchMessages: 100, batchMs: 1 }
const kindOf = (error: unknown) => (error instanceof PublishError ? error.kind : String(error))
const text = (message: PulledMessage) => message.data.toString()

const stories: Record<string, () => Promise<void>> = {
  'topics and subscriptions are made once by whoever comes first, and never quietly another way': async () => {
    await using world = await start()
    const both = [world.pubsub, world.linked]
    await Promise.all(both.flatMap(one => [one.ensureTopic('events'), one.ensureTopic('events')]))
    await Promise.all(both.map(one => one.ensureSubscription('sink', setupOf('events'))))
    await assert.rejects(world.pubsub.ensureSubscription('sink', setupOf('intents')), /sink belongs to .*events/)
    await assert.rejects(
      world.pubsub.ensureSubscription('sink', { ...setupOf('events'), ordering: true }),
      /sink exists without ordering/,
    )
  },

  'what nobody pulls is kept as long as the service keeps anything': async () => {
    await using world = await start()
    const admin = new PubSub({ projectId, apiEndpoint: world.server.address, emulatorMode: true })
    const keptS = async (name: string) => {
      const [found] = await admin.subscription(name).getMetadata()
      return Number(found.messageRetentionDuration?.seconds)
    }
    assert.equal(await keptS('pull'), 31 * 86_400)
    await admin.createSubscription('intents', 'older')
    assert.equal(await keptS('older'), 7 * 86_400)
    await world.pubsub.ensureSubscription('older', setupOf('intents'))
    assert.equal(await keptS('older'), 31 * 86_400)
    await admin.close()
  },

  'a message arrives as it was published, once it is acked never again': async () => {
    await using world = await start()
    const publisher = world.pubsub.publisher('intents', send)
    const before = Date.now()
    const id = await publisher.publish(Buffer.from('hello'), { recipients: '3' })
    const pulled: PulledMessage[] = []
    const take = (message: PulledMessage) => {
      pulled.push(message)
      message.ack()
    }
    const subscription = world.pubsub.subscribe('pull', { maxMessages: 10, onError: world.onError }, take)
    await until(() => pulled.length > 0, 'it arrives')
    const [message] = pulled
    assert.deepEqual([message!.id, text(message!), message!.attributes], [id, 'hello', { recipients: '3' }])
    assert.ok(message!.publishedAt >= before - 1_000 && message!.publishedAt <= Date.now() + 1_000)
    await subscription.close()
    const again = world.pubsub.subscribe('pull', { maxMessages: 10, onError: world.onError }, take)
    await publisher.publish(Buffer.from('next'))
    await until(() => pulled.length > 1, 'the next arrives')
    await again.close()
    assert.deepEqual(pulled.map(text), ['hello', 'next'])
    assert.deepEqual(world.errors, [])
  },

  'what is nacked, or whose handler throws, comes again': async () => {
    await using world = await start()
    const seen: string[] = []
    world.pubsub.subscribe('pull', { maxMessages: 10, onError: world.onError }, message => {
      const first = !seen.includes(text(message))
      seen.push(text(message))
      if (first && text(message) === 'throws') throw new Error('no')
      if (first) message.nack()
      message.ack()
    })
    const publisher = world.pubsub.publisher('intents', send)
    await Promise.all(['nacked', 'throws'].map(body => publisher.publish(Buffer.from(body))))
    await until(() => seen.length === 4, 'each came twice')
    assert.deepEqual(
      world.errors.map(error => (error as Error).message),
      ['no'],
    )
  },

  'no more messages are in hand than were asked for': async () => {
    await using world = await start()
    const publisher = world.pubsub.publisher('intents', send)
    await Promise.all(Array.from({ length: 100 }, (_, n) => publisher.publish(Buffer.from(String(n)))))
    const hand: PulledMessage[] = []
    let most = 0
    let count = 0
    world.pubsub.subscribe('pull', { maxMessages: 10, onError: world.onError }, message => {
      hand.push(message)
      count++
      most = Math.max(most, hand.length)
      if (hand.length === 10) for (const one of hand.splice(0)) one.ack()
    })
    await until(() => count === 100, 'all came')
    assert.equal(most, 10)
  },

  'close waits for what is in hand and sends its acks': async () => {
    await using world = await start()
    const publisher = world.pubsub.publisher('intents', send)
    await Promise.all(Array.from({ length: 30 }, (_, n) => publisher.publish(Buffer.from(String(n)))))
    const hand: PulledMessage[] = []
    const options = { maxMessages: 10, onError: world.onError }
    const subscription = world.pubsub.subscribe('pull', options, message => void hand.push(message))
    await until(() => hand.length === 10, 'ten are in hand')
    let closed = false
    const closing = subscription.close().then(() => (closed = true))
    await publisher.flush()
    assert.equal(closed, false)
    for (const message of hand) message.ack()
    await closing
    assert.equal(hand.length, 10, 'nothing came after close')
    const rest = new Set<string>()
    world.pubsub.subscribe('pull', { maxMessages: 50, onError: world.onError }, message => {
      rest.add(text(message))
      message.ack()
    })
    await until(() => rest.size === 20, 'the other twenty come')
    assert.ok(hand.every(message => !rest.has(text(message))))
    assert.deepEqual(world.errors, [])
  },

  'messages of one key stay in order': async () => {
    await using world = await start({ ordering: true })
    const client = new PubSub({ projectId, apiEndpoint: world.server.address, emulatorMode: true })
    const topic = client.topic('intents', { messageOrdering: true })
    const bodies = Array.from({ length: 200 }, (_, n) => String(n))
    await Promise.all(bodies.map(body => topic.publishMessage({ data: Buffer.from(body), orderingKey: 'thread' })))
    await client.close()
    const seen: string[] = []
    world.pubsub.subscribe('pull', { maxMessages: 20, onError: world.onError }, message => {
      assert.equal(message.orderingKey, 'thread')
      seen.push(text(message))
      message.ack()
    })
    await until(() => seen.length === 200, 'all came')
    assert.deepEqual(seen, bodies)
  },

  'a publish that was refused says so, one without an answer says that nobody knows': async () => {
    await using world = await start()
    const nowhere = await world.pubsub.publisher('nowhere', send).publish(Buffer.from('x')).catch(kindOf)
    const large = await world.pubsub.publisher('intents', send).publish(Buffer.alloc(10_500_000)).catch(kindOf)
    assert.deepEqual([nowhere, large], ['not_stored', 'not_stored'])
    const publisher = world.linked.publisher('intents', send)
    await publisher.publish(Buffer.from('first'))
    world.link.freeze()
    const startedAt = performance.now()
    assert.equal(await publisher.publish(Buffer.from('lost?')).catch(kindOf), 'unknown')
    assert.ok(performance.now() - startedAt < 40_000, 'it said so within its limit')
    await world.link.mend()
    await publisher.publish(Buffer.from('after'))
    await publisher.close()
    assert.equal(await publisher.publish(Buffer.from('closed')).catch(kindOf), 'not_stored')
  },

  'every status that only a server gives that stored nothing says so': async () => {
    await using server = await scriptedServer(() => status.OUT_OF_RANGE)
    await using pubsub = openPubSub({ projectId, emulator: server.address })
    assert.equal(await pubsub.publisher('intents', send).publish(Buffer.from('x')).catch(kindOf), 'not_stored')
  },

  'the pull survives a lost server, and a subscription that was deleted and made again': async () => {
    await using world = await start()
    const seen: string[] = []
    world.linked.subscribe('pull', { maxMessages: 10, onError: world.onError }, message => {
      seen.push(text(message))
      message.ack()
    })
    const publisher = world.pubsub.publisher('intents', send)
    await publisher.publish(Buffer.from('one'))
    await until(() => seen.includes('one'), 'the first arrives')
    await world.link.cut()
    await publisher.publish(Buffer.from('two'))
    await world.link.mend()
    await until(() => seen.includes('two'), 'the second arrives after the cut')

    const admin = new PubSub({ projectId, apiEndpoint: world.server.address, emulatorMode: true })
    await admin.subscription('pull').delete()
    await until(() => world.errors.length > 0, 'the loss is told')
    await world.pubsub.ensureSubscription('pull', setupOf('intents'))
    await publisher.publish(Buffer.from('three'))
    await until(() => seen.includes('three'), 'the third arrives on the new subscription')
    await admin.close()
  },
}

// At once: one waits for a deadline.
suite('Pub/Sub', { concurrency: true }, () => {
  for (const [name, story] of Object.entries(stories)) test(name, story)
})
