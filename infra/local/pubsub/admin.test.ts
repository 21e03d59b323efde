import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { World } from './world.fixture.ts'
import {
  ackOf,
  numbered,
  openStream,
  project,
  publish,
  pullNow,
  startWorld,
  subscriptionName,
  textsOf,
  topicName,
} from './world.fixture.ts'

test('a topic is created, read, changed and deleted', async () => {
  await using world = await startWorld()
  const name = topicName('topic-b')
  await world.publisher.createTopic({ name, labels: { team: 'core' } })
  const update = { topic: { name, labels: { team: 'edge' } }, updateMask: { paths: ['labels'] } }
  await world.publisher.updateTopic(update)
  const [topic] = await world.publisher.getTopic({ topic: name })
  assert.deepEqual(topic.labels, { team: 'edge' })
  await world.publisher.deleteTopic({ topic: name })
  await assert.rejects(world.publisher.getTopic({ topic: name }), { code: status.NOT_FOUND })
})

test('a subscription has the defaults of the service and keeps what is changed', async () => {
  await using world = await startWorld({ labels: { team: 'core' } })
  const name = subscriptionName('sub-a')
  const [created] = await world.subscriber.getSubscription({ subscription: name })
  assert.equal(created.ackDeadlineSeconds, 10)
  assert.equal(Number(created.messageRetentionDuration?.seconds), 7 * 86_400)
  const retryPolicy = { minimumBackoff: { seconds: 20 }, maximumBackoff: { seconds: 40 } }
  await world.subscriber.updateSubscription({
    subscription: { name, ackDeadlineSeconds: 60, retryPolicy, labels: { ignored: 'yes' } },
    updateMask: { paths: ['ack_deadline_seconds', 'retry_policy'] },
  })
  await world.subscriber.updateSubscription({
    subscription: { name, retryPolicy: { maximumBackoff: { seconds: 90 } } },
    updateMask: { paths: ['retry_policy.maximum_backoff'] },
  })
  const [changed] = await world.subscriber.getSubscription({ subscription: name })
  assert.equal(changed.ackDeadlineSeconds, 60)
  assert.deepEqual(changed.labels, { team: 'core' })
  assert.equal(Number(changed.retryPolicy?.minimumBackoff?.seconds), 20)
  assert.equal(Number(changed.retryPolicy?.maximumBackoff?.seconds), 90)
})

test('lists come in pages, by project', async () => {
  await using world = await startWorld()
  const names = numbered(7).map(number => topicName(`paged-${number}`))
  await Promise.all(names.map(name => world.publisher.createTopic({ name })))
  await world.publisher.createTopic({ name: 'projects/other/topics/elsewhere' })
  const pages: number[] = []
  const found: string[] = []
  let pageToken = ''
  do {
    const request = { project, pageSize: 3, pageToken }
    const [topics, , response] = await world.publisher.listTopics(request, { autoPaginate: false })
    pages.push(topics.length)
    found.push(...topics.map(({ name }) => name ?? ''))
    pageToken = response?.nextPageToken ?? ''
  } while (pageToken !== '')
  assert.deepEqual(pages, [3, 3, 2])
  assert.deepEqual(found, [...names, topicName('topic-a')].sort())
  const [subscriptions] = await world.subscriber.listSubscriptions({ project })
  assert.deepEqual(
    subscriptions.map(({ name }) => name),
    [subscriptionName('sub-a')],
  )
  const [ofTopic] = await world.publisher.listTopicSubscriptions({ topic: topicName('topic-a') })
  assert.deepEqual(ofTopic, [subscriptionName('sub-a')])
})

test('a deleted topic leaves its subscriptions their messages, and a new one of its name is another', async () => {
  await using world = await startWorld()
  await publish(world, ['kept'])
  await world.publisher.deleteTopic({ topic: topicName('topic-a') })
  const [subscription] = await world.subscriber.getSubscription({ subscription: subscriptionName('sub-a') })
  assert.equal(subscription.topic, '_deleted-topic_')
  await world.publisher.createTopic({ name: topicName('topic-a') })
  await publish(world, ['to nobody'])
  assert.deepEqual(textsOf(await pullNow(world)), ['kept'])
})

test('a detached subscription has no messages, ends its streams and refuses to be pulled', async () => {
  await using world = await startWorld()
  using stream = openStream(world)
  await stream.settled()
  await world.publisher.detachSubscription({ subscription: subscriptionName('sub-a') })
  assert.equal((await stream.failure).code, status.FAILED_PRECONDITION)
  await publish(world, ['to nobody'])
  await assert.rejects(pullNow(world), { code: status.FAILED_PRECONDITION })
  const [subscription] = await world.subscriber.getSubscription({ subscription: subscriptionName('sub-a') })
  assert.equal(subscription.detached, true)
  const [ofTopic] = await world.publisher.listTopicSubscriptions({ topic: topicName('topic-a') })
  assert.deepEqual(ofTopic, [])
})

test('a deleted subscription ends its streams; a new one of its name begins empty', async () => {
  await using world = await startWorld()
  const subscription = subscriptionName('sub-a')
  using stream = openStream(world)
  await publish(world, ['old'])
  const held = await stream.until(1)
  await world.subscriber.deleteSubscription({ subscription })
  assert.equal((await stream.failure).code, status.NOT_FOUND)
  await assert.rejects(pullNow(world), { code: status.NOT_FOUND })
  await world.subscriber.createSubscription({ name: subscription, topic: topicName('topic-a') })
  await ackOf(world, held)
  await publish(world, ['new'])
  assert.deepEqual(textsOf(await pullNow(world)), ['new'])
})

type Attempt = (world: World) => Promise<unknown>

const topic = topicName('topic-a')
const subscription = subscriptionName('sub-a')
const createTopic =
  (extra: object): Attempt =>
  ({ publisher }) =>
    publisher.createTopic({ name: topicName('topic-b'), ...extra })
const createSubscription =
  (extra: object): Attempt =>
  ({ subscriber }) =>
    subscriber.createSubscription({ name: subscriptionName('sub-b'), topic, ...extra })
const publishMessages =
  (...messages: object[]): Attempt =>
  ({ publisher }) =>
    publisher.publish({ topic, messages })
const update =
  (change: object, ...paths: string[]): Attempt =>
  ({ subscriber }) =>
    subscriber.updateSubscription({ subscription: { name: subscription, ...change }, updateMask: { paths } })
const data = Buffer.from('x')

function withAttributes(count: number): object {
  return { attributes: Object.fromEntries(numbered(count).map(number => [`key-${number}`, 'v'])) }
}

const refused: [what: string, code: keyof typeof status, attempt: Attempt][] = [
  ['a topic twice', 'ALREADY_EXISTS', createTopic({ name: topic })],
  ['a subscription twice', 'ALREADY_EXISTS', createSubscription({ name: subscription })],
  ['a subscription without its topic', 'NOT_FOUND', createSubscription({ topic: topicName('nowhere') })],
  [
    'publishing to no topic',
    'NOT_FOUND',
    w => w.publisher.publish({ topic: topicName('nowhere'), messages: [{ data }] }),
  ],
  [
    'pulling from no subscription',
    'NOT_FOUND',
    w => w.subscriber.pull({ subscription: 'projects/p/subscriptions/none', maxMessages: 1 }),
  ],
  ['a name too short', 'INVALID_ARGUMENT', createTopic({ name: topicName('ab') })],
  ['a name too long', 'INVALID_ARGUMENT', createTopic({ name: topicName('a'.repeat(256)) })],
  ['a name that begins with a digit', 'INVALID_ARGUMENT', createTopic({ name: topicName('1abc') })],
  ['a name that begins with goog', 'INVALID_ARGUMENT', createTopic({ name: topicName('google-topic') })],
  ['a name with a slash', 'INVALID_ARGUMENT', createTopic({ name: topicName('a/topics/b') })],
  ['a name of another kind', 'INVALID_ARGUMENT', createTopic({ name: subscriptionName('abc') })],
  ['a name without a project', 'INVALID_ARGUMENT', createTopic({ name: 'topics/abc' })],
  ['an ack deadline too short', 'INVALID_ARGUMENT', createSubscription({ ackDeadlineSeconds: 9 })],
  ['an ack deadline too long', 'INVALID_ARGUMENT', createSubscription({ ackDeadlineSeconds: 601 })],
  ['a broken filter', 'INVALID_ARGUMENT', createSubscription({ filter: 'lane = "x"' })],
  [
    'back-offs the wrong way round',
    'INVALID_ARGUMENT',
    createSubscription({ retryPolicy: { minimumBackoff: { seconds: 9 }, maximumBackoff: { seconds: 8 } } }),
  ],
  [
    'a back-off too long',
    'INVALID_ARGUMENT',
    createSubscription({ retryPolicy: { maximumBackoff: { seconds: 601 } } }),
  ],
  [
    'too few dead-letter attempts',
    'INVALID_ARGUMENT',
    createSubscription({ deadLetterPolicy: { deadLetterTopic: topic, maxDeliveryAttempts: 4 } }),
  ],
  [
    'a dead-letter topic that is not there',
    'NOT_FOUND',
    createSubscription({ deadLetterPolicy: { deadLetterTopic: topicName('nowhere') } }),
  ],
  ['a retention too short', 'INVALID_ARGUMENT', createSubscription({ messageRetentionDuration: { seconds: 1 } })],
  ['an update of nothing', 'INVALID_ARGUMENT', update({})],
  ['an update of a filter', 'INVALID_ARGUMENT', update({ filter: '' }, 'filter')],
  ['an update of ordering', 'INVALID_ARGUMENT', update({ enableMessageOrdering: true }, 'enable_message_ordering')],
  ['an update of what is unknown', 'INVALID_ARGUMENT', update({}, 'colour')],
  ['no messages', 'INVALID_ARGUMENT', publishMessages()],
  ['an empty message', 'INVALID_ARGUMENT', publishMessages({})],
  ['1,001 messages', 'INVALID_ARGUMENT', publishMessages(...Array.from({ length: 1_001 }, () => ({ data })))],
  ['more than 10 MB', 'INVALID_ARGUMENT', publishMessages({ data: Buffer.alloc(10_000_001) })],
  ['101 attributes', 'INVALID_ARGUMENT', publishMessages(withAttributes(101))],
  ['an attribute key of 257 bytes', 'INVALID_ARGUMENT', publishMessages({ attributes: { ['ü'.repeat(129)]: '' } })],
  [
    'an attribute value of 1,025 bytes',
    'INVALID_ARGUMENT',
    publishMessages({ attributes: { key: 'x'.repeat(1_025) } }),
  ],
  ['an attribute key that is empty', 'INVALID_ARGUMENT', publishMessages({ attributes: { '': 'x' } })],
  ['an attribute key that begins with goog', 'INVALID_ARGUMENT', publishMessages({ attributes: { googol: 'x' } })],
  ['an ordering key of 1,025 bytes', 'INVALID_ARGUMENT', publishMessages({ data, orderingKey: 'x'.repeat(1_025) })],
  ['a pull of nothing', 'INVALID_ARGUMENT', w => w.subscriber.pull({ subscription, maxMessages: 0 })],
  ['an ack of nothing', 'INVALID_ARGUMENT', w => w.subscriber.acknowledge({ subscription, ackIds: [] })],
  [
    'an ack id of another server',
    'INVALID_ARGUMENT',
    w => w.subscriber.acknowledge({ subscription, ackIds: ['RVNEUAYWLF1GSFE3'] }),
  ],
  [
    'a deadline of 601 seconds',
    'INVALID_ARGUMENT',
    w => w.subscriber.modifyAckDeadline({ subscription, ackIds: ['a.1.1'], ackDeadlineSeconds: 601 }),
  ],
  [
    'more ack ids than a request may have',
    'INVALID_ARGUMENT',
    w => w.subscriber.acknowledge({ subscription, ackIds: Array.from({ length: 60_000 }, () => 'aaaaaaa.1.1') }),
  ],
  ['a schema on a topic', 'UNIMPLEMENTED', createTopic({ schemaSettings: { schema: 'projects/p/schemas/s' } })],
  ['an encryption key', 'UNIMPLEMENTED', createTopic({ kmsKeyName: 'projects/p/locations/l/keyRings/r/cryptoKeys/k' })],
  [
    'a push subscription',
    'UNIMPLEMENTED',
    createSubscription({ pushConfig: { pushEndpoint: 'https://example.com/' } }),
  ],
  ['a BigQuery subscription', 'UNIMPLEMENTED', createSubscription({ bigqueryConfig: { table: 'p.d.t' } })],
  ['a Cloud Storage subscription', 'UNIMPLEMENTED', createSubscription({ cloudStorageConfig: { bucket: 'b' } })],
  ['a Bigtable subscription', 'UNIMPLEMENTED', createSubscription({ bigtableConfig: { table: 't' } })],
  ['exactly-once delivery', 'UNIMPLEMENTED', createSubscription({ enableExactlyOnceDelivery: true })],
  ['retained acknowledged messages', 'UNIMPLEMENTED', createSubscription({ retainAckedMessages: true })],
  [
    'a message transform',
    'UNIMPLEMENTED',
    createSubscription({ messageTransforms: [{ javascriptUdf: { functionName: 'f', code: 'c' } }] }),
  ],
  [
    'an update to push',
    'UNIMPLEMENTED',
    update({ pushConfig: { pushEndpoint: 'https://example.com/' } }, 'push_config'),
  ],
  ['a push configuration', 'UNIMPLEMENTED', w => w.subscriber.modifyPushConfig({ subscription, pushConfig: {} })],
  ['a snapshot', 'UNIMPLEMENTED', w => w.subscriber.createSnapshot({ name: 'projects/p/snapshots/s', subscription })],
  ['a list of snapshots', 'UNIMPLEMENTED', w => w.publisher.listTopicSnapshots({ topic })],
  ['seeking', 'UNIMPLEMENTED', w => w.subscriber.seek({ subscription, time: { seconds: 1 } })],
  ['a schema', 'UNIMPLEMENTED', async w => void (await w.pubsub.createSchema('s', 'AVRO', '{}'))],
]

test('what is wrong or missing is refused with the right code and a sentence', async t => {
  await using world = await startWorld()
  for (const [what, code, attempt] of refused) {
    await t.test(`${what}: ${code}`, async () => {
      const error = await attempt(world).then(
        () => assert.fail('was accepted'),
        (reason: unknown) => reason,
      )
      assert.ok(error instanceof Error && 'code' in error && 'details' in error, String(error))
      assert.equal(error.code, status[code], String(error.details))
      assert.match(String(error.details), /\.$/)
    })
  }
})

test('what is at the limits is accepted', async () => {
  await using world = await startWorld({ filter: `attributes.lane = "${'x'.repeat(236)}"` })
  const most = { attributes: { ['k'.repeat(256)]: 'v'.repeat(1_024), googclient_traceparent: 't' } }
  await publishMessages({ ...most, orderingKey: 'x'.repeat(1_024) }, withAttributes(100))(world)
  await publishMessages({ data: Buffer.alloc(9_999_990) })(world)
  await publishMessages(...Array.from({ length: 1_000 }, () => ({ data })))(world)
  await createTopic({ name: topicName(`a${'b.~+%_-9'.repeat(31)}c`), kmsKeyName: '', schemaSettings: {} })(world)
  await createSubscription({ ackDeadlineSeconds: 600, pushConfig: {} })(world)
})

const badStreams: [what: string, code: keyof typeof status, first: object, second?: object][] = [
  ['no subscription', 'NOT_FOUND', { subscription: subscriptionName('none') }],
  ['a deadline too short', 'INVALID_ARGUMENT', { streamAckDeadlineSeconds: 5 }],
  ['new limits later', 'INVALID_ARGUMENT', {}, { maxOutstandingMessages: 5 }],
  ['the subscription again', 'INVALID_ARGUMENT', {}, { subscription }],
  ['deadlines without ids', 'INVALID_ARGUMENT', {}, { modifyDeadlineSeconds: [10] }],
]

for (const [what, code, first, second] of badStreams) {
  test(`a stream with ${what} ends with ${code}`, async () => {
    await using world = await startWorld()
    using stream = openStream(world, { ...first })
    if (second) stream.write({ ...second })
    assert.equal((await stream.failure).code, status[code])
  })
}
