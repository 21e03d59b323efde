import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Message } from '@google-cloud/pubsub'
import { until } from '#tests/program.ts'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { startPubSubServer } from './server.ts'
import type { Clients } from './world.fixture.ts'
import { connect, numbered, readMessage, subscribe, subscriptionName, topicName, waitMs } from './world.fixture.ts'

const topic = topicName('topic-a')
const subscription = subscriptionName('sub-a')

test('whatever was acknowledged survives kill -9 at any moment, with its id; what consumers acknowledged is gone', async () => {
  await using folder = await temporaryFolder()
  const published = new Map<string, string>()
  const acknowledged = new Set<string>()
  for (const round of [1, 2, 3]) {
    await using child = await startChild(folder.path)
    await using clients = connect(child.address)
    if (round === 1) await createBoth(clients)
    else await checkBacklog(clients, published, acknowledged)
    const enough = published.size + 100
    const killed = killWhile(child, {
      enough: () => published.size > enough,
      work: async signal => {
        while (!signal.aborted) await publishSome(clients, published)
      },
    })
    await killed
  }
  assert.ok(published.size > 300, `${published.size} published`)
  await using child = await startChild(folder.path)
  await using clients = connect(child.address)
  await checkBacklog(clients, published, acknowledged)
})

test('topics, subscriptions and their settings survive kill -9', async () => {
  await using folder = await temporaryFolder()
  {
    await using child = await startChild(folder.path)
    await using clients = connect(child.address)
    await createBoth(clients)
    await clients.publisher.createTopic({ name: topicName('topic-b') })
    await clients.publisher.deleteTopic({ topic: topicName('topic-b') })
    const change = { name: subscription, ackDeadlineSeconds: 77 }
    await clients.subscriber.updateSubscription({
      subscription: change,
      updateMask: { paths: ['ack_deadline_seconds'] },
    })
    await child.kill()
  }
  await using child = await startChild(folder.path)
  await using clients = connect(child.address)
  const [found] = await clients.subscriber.getSubscription({ subscription })
  assert.equal(found.ackDeadlineSeconds, 77)
  assert.equal(found.filter, 'attributes:kept')
  await assert.rejects(clients.publisher.getTopic({ topic: topicName('topic-b') }), { code: 5 })
})

test('messages of an ordering key come in order after a restart, also with some acknowledged', async () => {
  await using folder = await temporaryFolder()
  const named = { subscription, maxMessages: 100 }
  {
    await using server = await startPubSubServer({ dataDir: folder.path })
    await using clients = connect(server.address)
    await clients.publisher.createTopic({ name: topic })
    await clients.subscriber.createSubscription({ name: subscription, topic, enableMessageOrdering: true })
    const messages = numbered(9).map(text => ({ data: Buffer.from(text), orderingKey: 'key' }))
    await clients.publisher.publish({ topic, messages })
    const [{ receivedMessages }] = await clients.subscriber.pull(named)
    const ackIds = (receivedMessages ?? []).map(({ ackId }) => ackId ?? '')
    await clients.subscriber.acknowledge({
      subscription,
      ackIds: ackIds.filter((_id, index) => [0, 1, 4].includes(index)),
    })
  }
  await using server = await startPubSubServer({ dataDir: folder.path })
  await using clients = connect(server.address)
  const [{ receivedMessages }] = await clients.subscriber.pull(named)
  assert.deepEqual(
    (receivedMessages ?? []).map(message => readMessage(message).text),
    numbered(9).slice(2),
  )
})

test('of a message delivered before a restart, the acknowledgement counts and giving it back does not', async () => {
  await using folder = await temporaryFolder()
  const pullIds = async ({ subscriber }: Clients): Promise<string[]> => {
    const [{ receivedMessages }] = await subscriber.pull({ subscription, maxMessages: 1, returnImmediately: true })
    return (receivedMessages ?? []).map(({ ackId }) => ackId ?? '')
  }
  let ackIds: string[]
  {
    await using server = await startPubSubServer({ dataDir: folder.path })
    await using clients = connect(server.address)
    await clients.publisher.createTopic({ name: topic })
    await clients.subscriber.createSubscription({ name: subscription, topic })
    await clients.publisher.publish({ topic, messages: [{ data: Buffer.from('x') }] })
    ackIds = await pullIds(clients)
  }
  {
    await using server = await startPubSubServer({ dataDir: folder.path })
    await using clients = connect(server.address)
    assert.equal((await pullIds(clients)).length, 1)
    await clients.subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 0 })
    assert.deepEqual(await pullIds(clients), [])
  }
  await using server = await startPubSubServer({ dataDir: folder.path })
  await using clients = connect(server.address)
  await clients.subscriber.acknowledge({ subscription, ackIds })
  assert.deepEqual(await pullIds(clients), [])
})

test(
  'a subscriber of the client library goes on after the server was killed and started again',
  { timeout: waitMs },
  async () => {
    await using folder = await temporaryFolder()
    let child = await startChild(folder.path)
    await using clients = connect(child.address)
    await clients.publisher.createTopic({ name: topic })
    await clients.subscriber.createSubscription({ name: subscription, topic })
    await using stream = subscribe(clients, { streamingOptions: { maxStreams: 1 } })
    const texts = new EventTarget()
    stream.on('error', () => undefined)
    stream.on('message', (message: Message) => {
      message.ack()
      texts.dispatchEvent(new Event(message.data.toString()))
    })
    const [before, after] = [once(texts, 'before'), once(texts, 'after')]
    await clients.publisher.publish({ topic, messages: [{ data: Buffer.from('before') }] })
    await before
    await child.kill()
    child = await startChild(folder.path, child.address.split(':')[1])
    await clients.publisher.publish({ topic, messages: [{ data: Buffer.from('after') }] })
    await after
    await stream.close()
    await child.kill()
  },
)

test('a second server on the same folder is refused; a killed one leaves no lock behind', async () => {
  await using folder = await temporaryFolder()
  const inUse = /is in use by another Pub\/Sub server \(process \d+\)/
  {
    await using _own = await startPubSubServer({ dataDir: folder.path })
    await assert.rejects(startPubSubServer({ dataDir: folder.path }), inUse)
  }
  await using child = await startChild(folder.path)
  await assert.rejects(startPubSubServer({ dataDir: folder.path }), inUse)
  await child.kill()
  assert.ok((await readdir(folder.path)).includes('lock'))
  await using _taken = await startPubSubServer({ dataDir: folder.path })
})

test(
  'a lock of a process whose id another process has by now is taken over',
  { skip: process.platform !== 'linux' },
  async () => {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'lock'), `${process.ppid} 1`)
    await using _server = await startPubSubServer({ dataDir: folder.path })
  },
)

test('a port that is taken is an error that names it, and leaves the folder free', async () => {
  await using folder = await temporaryFolder()
  await using other = await temporaryFolder()
  await using server = await startPubSubServer({ dataDir: folder.path })
  const options = { dataDir: other.path, port: server.port }
  await assert.rejects(startPubSubServer(options), new RegExp(`cannot listen on port ${server.port}`))
  await using _free = await startPubSubServer({ dataDir: other.path })
})

type Child = AsyncDisposable & { address: string; kill: () => Promise<void> }

async function startChild(dataDir: string, port = '0'): Promise<Child> {
  const script = fileURLToPath(new URL('./server.fixture.ts', import.meta.url))
  const process_: ChildProcess = spawn(process.execPath, [script, dataDir, port], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(process_, 'exit')
  const [address] = (await Promise.race([
    once(process_.stdout!, 'data', { signal: AbortSignal.timeout(waitMs) }),
    exited.then(() => assert.fail('the server ended before it was ready')),
  ])) as [Buffer]
  const kill = async (): Promise<void> => {
    process_.kill('SIGKILL')
    await exited
  }
  return { address: address.toString().trim(), kill, [Symbol.asyncDispose]: kill }
}

async function createBoth({ publisher, subscriber }: Clients): Promise<void> {
  await publisher.createTopic({ name: topic })
  // What is pulled stays pulled, however long it takes.
  const settings = { filter: 'attributes:kept', ackDeadlineSeconds: 600 }
  await subscriber.createSubscription({ name: subscription, topic, ...settings })
}

let texts = 0

async function publishSome({ publisher }: Clients, published: Map<string, string>): Promise<void> {
  const messages = Array.from({ length: 20 }, () => ({
    data: Buffer.from(`text ${(texts += 1)}`),
    attributes: { kept: '1' },
  }))
  const [{ messageIds }] = await publisher.publish({ topic, messages }, { timeout: waitMs, retry: null })
  messageIds?.forEach((id, index) => published.set(id, messages[index]!.data.toString()))
}

type Killing = { work: (signal: AbortSignal) => Promise<void>; enough: () => boolean }

/** Kills the server while several copies of the work run against it and have done enough; what fails after the kill does not matter. */
async function killWhile(child: Child, { work, enough }: Killing): Promise<void> {
  const stop = new AbortController()
  const running = Array.from({ length: 4 }, () =>
    work(stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    }),
  )
  // With those that fail before: the test is told of it.
  const failed = Promise.all(running)
  await Promise.race([until(enough), failed])
  await sleep(Math.random() * 100)
  stop.abort()
  await child.kill()
  await failed
}

/** Pulls everything there is, checks it against what is known, and acknowledges half of it. */
async function checkBacklog(
  clients: Clients,
  published: Map<string, string>,
  acknowledged: Set<string>,
): Promise<void> {
  const found = new Map<string, string>()
  const ackIds: string[] = []
  for (;;) {
    const request = { subscription, maxMessages: 1_000, returnImmediately: true }
    const [{ receivedMessages }] = await clients.subscriber.pull(request)
    if (!receivedMessages?.length) break
    for (const { id, text, ackId } of receivedMessages.map(readMessage)) {
      assert.ok(!found.has(id), `${id} came twice`)
      assert.ok(!acknowledged.has(id), `${id} came again after it was acknowledged`)
      found.set(id, text)
      if (Number(id) % 2 === 0) {
        ackIds.push(ackId)
        acknowledged.add(id)
      }
    }
  }
  for (const [id, text] of published) if (!acknowledged.has(id) || found.has(id)) assert.equal(found.get(id), text, id)
  if (ackIds.length > 0) await clients.subscriber.acknowledge({ subscription, ackIds })
}
