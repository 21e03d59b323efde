import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '@google-cloud/pubsub'
import type { World } from './world.fixture.ts'
import {
  ackOf,
  modifyOf,
  numbered,
  openStream,
  publish,
  pullNext,
  pullNow,
  startWorld,
  subscribe,
  subscriptionName,
  textsOf,
  topicName,
  waitMs,
} from './world.fixture.ts'

test('what is published arrives once, with id, time, attributes and key', { timeout: waitMs }, async () => {
  await using world = await startWorld()
  const before = Date.now()
  const attributes = { lane: 'critical', 'ключ 🔑': 'значение' }
  const id = await world.pubsub
    .topic('topic-a')
    .publishMessage({ data: Buffer.from('hello'), attributes, orderingKey: 'k' })
  const message = await receiveOne(world)
  assert.equal(message.data.toString(), 'hello')
  assert.equal(message.id, id)
  assert.deepEqual(message.attributes, attributes)
  assert.equal(message.orderingKey, 'k')
  const publishedMs = message.publishTime.getTime()
  assert.ok(publishedMs >= before && publishedMs <= Date.now(), String(publishedMs))
  assert.deepEqual(await pullNow(world), [])
})

test('a message as large as may be passes through', { timeout: waitMs }, async () => {
  await using world = await startWorld()
  const data = Buffer.alloc(9_999_990, 'large')
  await world.pubsub.topic('topic-a').publishMessage({ data })
  assert.ok((await receiveOne(world)).data.equals(data))
})

test('a publisher cannot set what the server sets', async () => {
  await using world = await startWorld()
  const forged = { data: Buffer.from('x'), messageId: 'forged', publishTime: { seconds: 1, nanos: 1 } }
  const [{ messageIds }] = await world.publisher.publish({ topic: topicName('topic-a'), messages: [forged] })
  const [{ receivedMessages }] = await world.subscriber.pull({
    subscription: subscriptionName('sub-a'),
    maxMessages: 5,
  })
  assert.equal(receivedMessages?.[0]?.message?.messageId, messageIds?.[0])
  assert.notEqual(Number(receivedMessages?.[0]?.message?.publishTime?.seconds), 1)
})

test('every subscription gets its own copy, and only what is published after it was made', async () => {
  await using world = await startWorld()
  await publish(world, ['early'])
  const late = { name: subscriptionName('sub-b'), topic: topicName('topic-a') }
  await world.subscriber.createSubscription(late)
  await publish(world, ['late'])
  assert.deepEqual(textsOf(await pullNow(world)), ['early', 'late'])
  const [{ receivedMessages }] = await world.subscriber.pull({ subscription: late.name, maxMessages: 5 })
  assert.deepEqual(
    receivedMessages?.map(({ message }) => message?.data?.toString()),
    ['late'],
  )
})

test('a pull waits for the first message', async () => {
  await using world = await startWorld()
  const pulled = pullNext(world)
  await publish(world, ['awaited'])
  assert.deepEqual(textsOf(await pulled), ['awaited'])
})

test('a pull takes no more than it asks for', async () => {
  await using world = await startWorld()
  await publish(world, numbered(10))
  assert.deepEqual(textsOf(await pullNow(world, 3)), ['1', '2', '3'])
})

test('a filter passes what matches and drops the rest for good', async () => {
  await using world = await startWorld({ filter: 'attributes.cell = "eu" AND NOT attributes:test' })
  const all: Record<string, string>[] = [{ cell: 'eu' }, { cell: 'us' }, { cell: 'eu', test: '1' }]
  const messages = all.map(attributes => ({ attributes }))
  const [{ messageIds }] = await world.publisher.publish({ topic: topicName('topic-a'), messages })
  const received = await pullNow(world)
  assert.deepEqual(
    received.map(({ id }) => id),
    [messageIds?.[0]],
  )
})

test('a message given back comes again at once, before newer ones', async () => {
  await using world = await startWorld()
  await publish(world, ['1', '2', '3'])
  const first = await pullNow(world, 1)
  await modifyOf(world, first, 0)
  assert.deepEqual(textsOf(await pullNext(world)), ['1', '2', '3'])
})

test('a lease ends on time, an extended one later, and an acknowledged message does not come again', async () => {
  await using world = await startWorld()
  await publish(world, ['short', 'extended', 'acknowledged'])
  using stream = openStream(world)
  const [short, extended, acknowledged] = await stream.until(3)
  const startedMs = performance.now()
  await ackOf(world, [acknowledged!])
  await modifyOf(world, [short!, extended!], 1)
  await modifyOf(world, [extended!], 2)
  assert.equal((await stream.until(4))[3]?.text, 'short')
  assertAbout(performance.now() - startedMs, 1_000)
  await ackOf(world, [stream.received[3]!])
  assert.equal((await stream.until(5))[4]?.text, 'extended')
  assertAbout(performance.now() - startedMs, 2_000)
})

test('an acknowledgement that comes after the lease has ended still counts', async () => {
  await using world = await startWorld({ retryPolicy: { minimumBackoff: { nanos: 300_000_000 } } })
  await publish(world, ['late', 'other'])
  const given = await pullNow(world)
  await modifyOf(world, given, 0)
  await ackOf(
    world,
    given.filter(({ text }) => text === 'late'),
  )
  assert.deepEqual(textsOf(await pullNext(world)), ['other'], 'both were due again at the same time')
})

test('giving back with an old ack id does not touch the new lease', async () => {
  await using world = await startWorld()
  await publish(world, ['once'])
  const first = await pullNow(world)
  await modifyOf(world, first, 0)
  const second = await pullNext(world)
  assert.notEqual(second[0]?.ackId, first[0]?.ackId)
  await modifyOf(world, first, 0)
  assert.deepEqual(await pullNow(world), [])
})

test('the retry policy doubles the wait from its minimum to its maximum', async () => {
  const retryPolicy = { minimumBackoff: { nanos: 100_000_000 }, maximumBackoff: { nanos: 300_000_000 } }
  await using world = await startWorld({ retryPolicy })
  await publish(world, ['again'])
  using stream = openStream(world)
  // Doubled for ever, the last would come after 12.8 s.
  for (const [index, waitedMs] of [100, 200, ...Array<number>(6).fill(300)].entries()) {
    const last = (await stream.until(index + 1)).slice(-1)
    const refusedMs = performance.now()
    await modifyOf(world, last, 0)
    await stream.until(index + 2)
    assertAbout(performance.now() - refusedMs, waitedMs)
  }
})

test('a message tried too often goes to the dead-letter topic with its story', async () => {
  await using world = await startWorld()
  await world.publisher.createTopic({ name: topicName('dead') })
  const dead = subscriptionName('dead-sub')
  await world.subscriber.createSubscription({ name: dead, topic: topicName('dead') })
  const deadLetterPolicy = { deadLetterTopic: topicName('dead'), maxDeliveryAttempts: 5 }
  const subscription = { name: subscriptionName('sub-a'), deadLetterPolicy }
  await world.subscriber.updateSubscription({ subscription, updateMask: { paths: ['dead_letter_policy'] } })
  const [id] = await publish(world, ['poison'])
  for (const attempt of [1, 2, 3, 4, 5]) {
    const received = await pullNext(world)
    assert.deepEqual(
      received.map(message => message.attempt),
      [attempt],
    )
    await modifyOf(world, received, 0)
  }
  const [{ receivedMessages }] = await world.subscriber.pull({ subscription: dead, maxMessages: 5 })
  const message = receivedMessages?.[0]?.message
  assert.equal(message?.data?.toString(), 'poison')
  assert.notEqual(message?.messageId, id)
  assert.equal(message?.attributes?.CloudPubSubDeadLetterSourceDeliveryCount, '5')
  assert.equal(message?.attributes?.CloudPubSubDeadLetterSourceSubscription, 'sub-a')
  assert.equal(message?.attributes?.CloudPubSubDeadLetterSourceSubscriptionProject, 'carillon')
  assert.match(message?.attributes?.CloudPubSubDeadLetterSourceTopicPublishTime ?? '', /^\d{4}-.*Z$/)
  assert.deepEqual(await pullNow(world), [])
})

test('a stream gets no more messages than it may hold', async () => {
  await using world = await startWorld()
  await publish(world, numbered(10))
  using stream = openStream(world, { maxOutstandingMessages: 3 })
  await stream.settled()
  assert.deepEqual(textsOf(stream.received), ['1', '2', '3'])
  await ackOf(world, stream.received.slice(0, 1))
  await stream.settled()
  assert.deepEqual(textsOf(stream.received), ['1', '2', '3', '4'])
  await modifyOf(world, stream.received.slice(1, 2), 0)
  await stream.settled()
  assert.deepEqual(textsOf(stream.received), ['1', '2', '3', '4', '2'])
})

test('a stream gets no more bytes than it may hold, and at least one message', async () => {
  await using world = await startWorld()
  await publish(
    world,
    ['a', 'b', 'c'].map(letter => letter.repeat(1_000)),
  )
  using stream = openStream(world, { maxOutstandingBytes: 1_500 })
  await stream.settled()
  assert.equal(stream.received.length, 2)
  await ackOf(world, stream.received)
  assert.equal((await stream.until(3)).length, 3)
})

test('limits of zero and below are no limits', async () => {
  await using world = await startWorld()
  await publish(world, numbered(1_000))
  await publish(world, numbered(1_000))
  using stream = openStream(world, { maxOutstandingMessages: 0, maxOutstandingBytes: -1 })
  assert.equal((await stream.until(2_000)).length, 2_000)
})

test('a stream acknowledges and changes deadlines in its own requests', async () => {
  await using world = await startWorld()
  await publish(world, ['keep', 'back'])
  using stream = openStream(world)
  const [keep, back] = await stream.until(2)
  stream.write({ ackIds: [keep!.ackId], modifyDeadlineAckIds: [back!.ackId], modifyDeadlineSeconds: [0] })
  assert.equal((await stream.until(3))[2]?.text, 'back')
})

test('streams share the work', async () => {
  await using world = await startWorld()
  using left = openStream(world)
  using right = openStream(world)
  await Promise.all([left.settled(), right.settled()])
  await publish(world, numbered(100))
  await Promise.all([left.settled(), right.settled()])
  assert.equal(left.received.length + right.received.length, 100)
  assert.ok(left.received.length >= 25 && right.received.length >= 25, `${left.received.length} of 100`)
  const before = left.received.length
  for (const text of numbered(10)) {
    await publish(world, [text])
    await Promise.all([left.settled(), right.settled()])
  }
  assert.equal(left.received.length - before, 5)
})

test('messages of a stream that is gone come again when their leases end', async () => {
  await using world = await startWorld()
  await publish(world, ['orphan'])
  using gone = openStream(world)
  await modifyOf(world, await gone.until(1), 1)
  gone[Symbol.dispose]()
  assert.deepEqual(textsOf(await pullNext(world)), ['orphan'])
})

test('the flow control of the client library is a limit', { timeout: waitMs }, async () => {
  await using world = await startWorld()
  await publish(world, numbered(60))
  const flowControl = { maxMessages: 5, allowExcessMessages: false }
  await using subscription = subscribe(world, { flowControl, streamingOptions: { maxStreams: 1 } })
  let held = 0
  let most = 0
  const seen = new Set<string>()
  await new Promise<void>((resolve, reject) => {
    subscription.on('error', reject)
    subscription.on('message', (message: Message) => {
      held += 1
      most = Math.max(most, held)
      seen.add(message.data.toString())
      setTimeout(() => {
        held -= 1
        message.ack()
        if (seen.size === 60) resolve()
      }, 5)
    })
  })
  assert.ok(most <= 5, `${most} at once`)
})

async function receiveOne(world: World): Promise<Message> {
  await using subscription = subscribe(world)
  const received = new Promise<Message>((resolve, reject) => {
    subscription.on('error', reject)
    subscription.on('message', (message: Message) => {
      message.ack()
      resolve(message)
    })
  })
  return await received
}

/** Never early; late by what a busy machine adds, but not by the deadline of the subscription. */
function assertAbout(actualMs: number, expectedMs: number): void {
  assert.ok(actualMs >= expectedMs - 5 && actualMs <= expectedMs + 8_000, `${actualMs} ms instead of ${expectedMs} ms`)
}
