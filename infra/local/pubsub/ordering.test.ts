import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '@google-cloud/pubsub'
import type { Received } from './world.fixture.ts'
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
  textsOf,
  waitMs,
} from './world.fixture.ts'

const ordered = { enableMessageOrdering: true }

test('many messages of one key are outstanding at once, in order, next to others', async () => {
  await using world = await startWorld(ordered)
  await publish(world, numbered(40), 'key-a')
  await publish(world, numbered(40), 'key-b')
  await publish(world, ['free'])
  using stream = openStream(world)
  const received = await stream.until(81)
  const byKey = (first: number, count: number): string[] => textsOf(received).slice(first, first + count)
  assert.deepEqual(byKey(0, 40), numbered(40))
  assert.deepEqual(byKey(40, 40), numbered(40))
  assert.equal(received[80]?.text, 'free')
})

test('a message given back comes again with all after it, also those acknowledged, and not those before it', async () => {
  await using world = await startWorld(ordered)
  await publish(world, numbered(8), 'key')
  using stream = openStream(world)
  const first = await stream.until(8)
  await ackOf(world, pick(first, '2', '5', '6'))
  await modifyOf(world, pick(first, '4'), 0)
  await stream.settled()
  assert.deepEqual(textsOf(stream.received.slice(8)), ['4', '5', '6', '7', '8'])
  await ackOf(world, [...pick(first, '1', '3'), ...stream.received.slice(8)])
  await publish(world, ['9'], 'key')
  const last = await stream.until(14)
  assert.deepEqual(textsOf(last.slice(13)), ['9'])
})

test('an ended lease brings the message and all after it again', async () => {
  await using world = await startWorld(ordered)
  await publish(world, numbered(5), 'key')
  using stream = openStream(world)
  const first = await stream.until(5)
  await modifyOf(world, pick(first, '3'), 1)
  const again = (await stream.until(8)).slice(5)
  assert.deepEqual(textsOf(again), ['3', '4', '5'])
})

test('late acknowledgements do not break the order of what comes again', async () => {
  await using world = await startWorld({ ...ordered, retryPolicy: { minimumBackoff: { nanos: 200_000_000 } } })
  await publish(world, numbered(4), 'key')
  using stream = openStream(world)
  const first = await stream.until(4)
  await modifyOf(world, pick(first, '2'), 0)
  await ackOf(world, pick(first, '2', '3', '4'))
  const again = (await stream.until(7)).slice(4)
  assert.deepEqual(textsOf(again), ['2', '3', '4'])
})

test('a key waits for its back-off as a whole, other keys do not', async () => {
  await using world = await startWorld({ ...ordered, retryPolicy: { minimumBackoff: { seconds: 4 } } })
  await publish(world, numbered(3), 'slow')
  using stream = openStream(world)
  await modifyOf(world, [(await stream.until(3))[0]!], 0)
  await publish(world, ['4'], 'slow')
  await publish(world, ['other'], 'quick')
  const received = await stream.until(8)
  assert.deepEqual(textsOf(received.slice(3)), ['other', '1', '2', '3', '4'])
})

test('a key stays with the stream that holds it; with nothing outstanding any stream continues it', async () => {
  await using world = await startWorld(ordered)
  using left = openStream(world)
  await left.settled()
  await publish(world, ['1'], 'key')
  const [first] = await left.until(1)
  using right = openStream(world)
  await right.settled()
  await publish(world, ['2', '3'], 'key')
  await publish(
    world,
    Array.from({ length: 10 }, () => 'free'),
  )
  await Promise.all([left.settled(), right.settled()])
  assert.deepEqual(textsOf(left.received.slice(0, 3)), numbered(3))
  assert.equal(left.received.length + right.received.length, 13)
  assert.ok(right.received.length > 0)
  await ackOf(world, [first!, ...left.received.slice(1, 3)])
  left[Symbol.dispose]()
  await publish(world, ['last'], 'key')
  while (!textsOf(right.received).includes('last')) await right.until(right.received.length + 1)
})

test('a key whose stream is gone goes on when its outstanding messages are settled', async () => {
  await using world = await startWorld(ordered)
  let held: Received[]
  {
    using gone = openStream(world)
    await publish(world, numbered(2), 'key')
    held = await gone.until(2)
  }
  await publish(world, ['3'], 'key')
  using stream = openStream(world)
  await stream.settled()
  assert.deepEqual(stream.received, [])
  await modifyOf(world, [held[1]!], 0)
  await stream.settled()
  assert.deepEqual(stream.received, [])
  await ackOf(world, [held[0]!])
  assert.deepEqual(textsOf(await stream.until(2)), ['2', '3'])
})

test('a pull takes many of one key; the next pull goes on after them', async () => {
  await using world = await startWorld(ordered)
  await publish(world, numbered(6), 'key')
  const first = await pullNow(world, 4)
  assert.deepEqual(textsOf(first), numbered(4))
  assert.deepEqual(await pullNow(world), [])
  await ackOf(world, first)
  assert.deepEqual(textsOf(await pullNext(world)), ['5', '6'])
})

test('without ordering enabled, keys have no influence', async () => {
  await using world = await startWorld()
  await publish(world, numbered(3), 'key')
  const first = await pullNow(world)
  await modifyOf(world, pick(first, '2'), 0)
  assert.deepEqual(textsOf(await pullNext(world)), ['2'])
})

test(
  'the client library publishes and receives thousands of one key in order, with failures in the middle',
  { timeout: waitMs },
  async () => {
    await using world = await startWorld(ordered)
    const topic = world.pubsub.topic('topic-a', { messageOrdering: true })
    const texts = numbered(3_000)
    await Promise.all(texts.map(text => topic.publishMessage({ data: Buffer.from(text), orderingKey: 'key' })))
    await using subscription = subscribe(world, { flowControl: { maxMessages: 200 } })
    const refused = new Set(['70', '1500', '2999'])
    let done = 0
    await new Promise<void>((resolve, reject) => {
      subscription.on('error', reject)
      subscription.on('message', (message: Message) => {
        const number = Number(message.data.toString())
        if (refused.delete(String(number))) return message.nack()
        // Deliveries from before a failure may still be under way; after it everything comes again without a gap.
        if (number > done + 1) return message.ack()
        done = Math.max(done, number)
        message.ack()
        if (done === texts.length) resolve()
      })
    })
    assert.equal(refused.size, 0)
  },
)

function pick(messages: Received[], ...texts: string[]): Received[] {
  return messages.filter(({ text }) => texts.includes(text))
}
