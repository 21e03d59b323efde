import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { v1 } from '@google-cloud/pubsub'
import { status } from '@grpc/grpc-js'
import { NotStoredError } from '#producers/sdk/errors.ts'
import { openPublisher } from '#producers/sdk/publisher.ts'
import { type PublishRequest, scriptedServer } from './scripted-server.ts'

const publisherAt = (emulator: string, deadlineMs = 10_000) =>
  openPublisher({ projectId: 'carillon-test', emulator, prefix: 'carillon-test', deadlineMs })

const message = (text: string, orderingKey?: string) => ({
  ...{ lane: 'default' as const, bytes: Buffer.from(text), attributes: {} },
  ...(orderingKey !== undefined && { orderingKey }),
})
const holds = ({ messages }: PublishRequest, text: string) => messages.some(one => one.includes(text))

test('keys go side by side, each in its order, and what has no key goes beside them in large requests', async () => {
  await using server = await scriptedServer(() => undefined)
  await using publisher = publisherAt(server.address)
  await publisher.publish(message('first', 'user'))
  const keys = Array.from({ length: 100 }, (_, at) => `user ${at}`)
  const keyed = [1, 2, 3].flatMap(n => keys.map(key => publisher.publish(message(`<${n}>`, key))))
  const rest = Array.from({ length: 3000 }, () => publisher.publish(message('no key')))
  await Promise.all([...keyed, ...rest])
  assert.ok(server.mostAtOnce() > 20, `${server.mostAtOnce()} requests at once`)
  const sizes = server.requests.filter(one => one.orderingKey === '').map(one => one.messages.length)
  assert.deepEqual(sizes, [1000, 1000, 1000])
  for (const key of keys) {
    const texts = server.requests.filter(one => one.orderingKey === key).flatMap(one => one.messages.map(String))
    assert.deepEqual(
      texts.map(text => /<(\d)>/.exec(text)?.[1]),
      ['1', '2', '3'],
    )
  }
})

test('a key whose request is not answered keeps only its own messages waiting', async () => {
  await using server = await scriptedServer((_, { orderingKey }) => (orderingKey === 'slow' ? 'never' : undefined))
  const publisher = publisherAt(server.address, 3000)
  let waits = true
  const slow = publisher.publish(message('x', 'slow')).finally(() => (waits = false))
  slow.catch(() => {})
  await Promise.all([publisher.publish(message('x', 'fast')), publisher.publish(message('x'))])
  assert.ok(waits)
  await assert.rejects(slow)
  await publisher[Symbol.asyncDispose]()
})

test('what is refused for lack of space takes with it what comes behind under its key', async () => {
  await using server = await scriptedServer(() => undefined)
  await using publisher = publisherAt(server.address)
  // Every tenth is so small that it would fit in when the large one before it does not.
  const texts = Array.from({ length: 300 }, (_, at) => `<${at}>`.padEnd(at % 10 === 9 ? 10 : 250_000))
  const results = await Promise.allSettled(texts.map(text => publisher.publish(message(text, 'key'))))
  const firstRefused = results.findIndex(({ status }) => status === 'rejected')
  assert.ok(firstRefused > 200)
  const behind = results.slice(firstRefused)
  assert.ok(behind.every(result => result.status === 'rejected' && result.reason instanceof NotStoredError))
  await publisher.publish(message('later', 'key'))
})

test('a message that is refused for what it is takes none with it', async () => {
  const script = (_: number, request: PublishRequest) => (holds(request, 'wrong') ? status.INVALID_ARGUMENT : undefined)
  await using server = await scriptedServer(script)
  await using publisher = publisherAt(server.address)
  const texts = Array.from({ length: 12 }, (_, at) => (at === 5 || at === 9 ? `wrong ${at}` : `good ${at}`))
  const results = await Promise.allSettled(texts.map(text => publisher.publish(message(text))))
  const refused = texts.filter((_, at) => results[at]!.status === 'rejected')
  assert.deepEqual(refused, ['wrong 5', 'wrong 9'])
  const inOrder = await Promise.allSettled(texts.map(text => publisher.publish(message(text, 'key'))))
  assert.equal(
    inOrder.findIndex(({ status }) => status === 'rejected'),
    5,
  )
  assert.ok(
    inOrder.slice(5).every(({ status }) => status === 'rejected'),
    'what is behind it under its key waits',
  )
})

test('the time that opening the connection took is not given to the request again', async t => {
  class SlowToOpen extends v1.PublisherClient {
    override async initialize() {
      await sleep(3_000)
      return super.initialize()
    }
  }
  t.mock.property(v1, 'PublisherClient', SlowToOpen)
  await using server = await scriptedServer(() => undefined)
  await using publisher = publisherAt(server.address, 5_000)
  const startedAt = Date.now()
  await publisher.publish(message('x'))
  assert.ok(server.requests[0]!.until < startedAt + 7_500, `${server.requests[0]!.until - startedAt} ms`)
})
