import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { after, test } from 'node:test'
import { channels, lanes } from '#contracts/channel.ts'
import { newBatchId } from '#contracts/ids.ts'
import { bareDatabase, testRedisUrl } from '#tests/servers.ts'
import { openLink, until } from './link.fixture.ts'
import { openQueues, type QueueJob, type QueueName, type Queues } from './queues.ts'

const push: QueueName = { lane: 'critical', channel: 'push' }
const redisUrl = await testRedisUrl()
if (redisUrl === undefined) console.error('!!! THE REDIS HALF OF THE QUEUE TESTS DID NOT RUN: there is no Redis')

const database = await bareDatabase()
after(() => database[Symbol.asyncDispose]())

type OnError = Parameters<typeof openQueues>[0]['onError']
type Backend = {
  name: string
  url: string
  open(options: { url: string; prefix: string; onError: OnError }): Promise<Queues>
}
const postgres: Backend = {
  name: 'on PostgreSQL',
  url: database.url,
  open: options => openQueues({ ...options, postgresUrl: options.url }),
}
const redis: Backend | undefined =
  redisUrl === undefined
    ? undefined
    : {
        name: 'on Redis',
        url: redisUrl,
        open: options => openQueues({ ...options, redisUrl: options.url }),
      }

/** Queues of the test's own, over a link where one is given. */
async function setup(backend: Backend, url?: string) {
  const errors: { message: string; batch?: string | undefined }[] = []
  const onError: OnError = (error, { batch }) => void errors.push({ message: (error as Error).message, batch })
  const options = { url: url ?? backend.url, prefix: freshPrefix(), onError }
  return { queues: await backend.open(options), errors, reopen: () => backend.open(options) }
}

/** What both backends promise. */
const stories: Record<string, (backend: Backend) => Promise<void>> = {
  'every job runs once, five hundred added at a time': async backend => {
    const { queues } = await setup(backend)
    await using _ = queues
    const ran: string[] = []
    const added = jobs(500)
    await add(queues, push, added)
    assert.equal(await waiting(queues, push), 500)
    await queues.work(push, { concurrency: 8 }, async ({ batchId }) => void ran.push(batchId))
    await until(() => ran.length >= 500, 'all 500 jobs ran')
    await until(async () => (await waiting(queues, push)) === 0, 'nothing waits')
    assert.deepEqual(ran.toSorted(), added.map(job => job.batchId as string).toSorted())
  },

  'each lane and channel has a queue of its own': async backend => {
    const { queues } = await setup(backend)
    await using _ = queues
    for (const lane of lanes) for (const channel of channels) await add(queues, { lane, channel }, jobs(1))
    const ran: string[] = []
    await queues.work(push, { concurrency: 4 }, async ({ batchId }) => void ran.push(batchId))
    await until(() => ran.length === 1, 'the one job of critical push ran')
    assert.equal(await waiting(queues, { lane: 'critical', channel: 'sms' }), 1)
    assert.equal(await waiting(queues, { lane: 'bulk', channel: 'push' }), 1)
    await assert.rejects(
      queues.work(push, { concurrency: 1 }, async () => {}),
      /has a worker in this process/,
    )
  },

  'adding an id that waits is a no-op, adding one that ran runs it again': async backend => {
    const { queues } = await setup(backend)
    await using _ = queues
    const again = jobs(1)
    await add(queues, push, again)
    await add(queues, push, again)
    assert.equal(await waiting(queues, push), 1)
    const ran: string[] = []
    await queues.work(push, { concurrency: 1 }, async ({ batchId }) => void ran.push(batchId))
    await until(() => ran.length === 1, 'it ran')
    await until(async () => {
      await add(queues, push, again)
      return ran.length >= 2
    }, 'it ran again')
  },

  'a handler that throws is reported with its batch and stops nothing': async backend => {
    const { queues, errors } = await setup(backend)
    await using _ = queues
    const [bad, good] = jobs(2)
    const ran: string[] = []
    await queues.work(push, { concurrency: 1 }, async ({ batchId }) => {
      ran.push(batchId)
      if (batchId === bad!.batchId) throw new Error('this batch is broken')
    })
    await add(queues, push, [bad!, good!])
    await until(() => ran.length === 2, 'both ran')
    assert.deepEqual(errors, [{ message: 'this batch is broken', batch: bad!.batchId }])
    await until(async () => {
      await add(queues, push, [bad!])
      return ran.length >= 3
    }, 'a job whose handler threw is gone and can be added again')
  },

  'a wipe is told for each lane until that lane is taken up, and workers go on': async backend => {
    const { queues, reopen } = await setup(backend)
    await using _ = queues
    await using other = await reopen()
    const known = () => Promise.all([queues.sentinel('critical'), other.sentinel('critical'), other.sentinel('bulk')])
    assert.deepEqual(await known(), [false, false, false])
    await Promise.all([queues, other].map(one => one.setSentinel('critical')))
    assert.deepEqual(await known(), [true, true, false])
    const ran: string[] = []
    await add(queues, { lane: 'bulk', channel: 'email' }, jobs(3))
    await queues.work(push, { concurrency: 2 }, async ({ batchId }) => void ran.push(batchId))
    await queues.flush()
    assert.equal(await waiting(queues, { lane: 'bulk', channel: 'email' }), 0)
    assert.deepEqual(await known(), [false, false, false])
    await queues.setSentinel('critical')
    assert.deepEqual(await known(), [true, true, false])
    await add(queues, push, jobs(1))
    await until(() => ran.length === 1, 'a job ran after the wipe')
  },

  'close waits for the running job and takes no other': async backend => {
    const { queues } = await setup(backend)
    await using _ = queues
    const running = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const ended: string[] = []
    const worker = await queues.work(push, { concurrency: 1 }, async ({ batchId }) => {
      running.resolve()
      await release.promise
      ended.push(batchId)
    })
    await add(queues, push, jobs(3))
    await running.promise
    const closed = worker.close().then(() => [...ended])
    await add(queues, push, jobs(1))
    assert.deepEqual(ended, [])
    release.resolve()
    assert.equal((await closed).length, 1)
    assert.equal(await waiting(queues, push), 3)
    const ran: string[] = []
    await queues.work(push, { concurrency: 1 }, async ({ batchId }) => void ran.push(batchId))
    await until(() => ran.length === 3, 'a new worker of this process takes the rest')
  },

  'adding fails in a second while the server is gone, and everything goes on when it is back': backend =>
    outage(backend, 'cut'),

  'adding fails in a second while the server is silent, and everything goes on when it answers': backend =>
    outage(backend, 'freeze'),
}

async function outage(backend: Backend, trouble: 'cut' | 'freeze'): Promise<void> {
  await using link = await openLink(backend.url)
  const prefix = freshPrefix()
  await using queues = await backend.open({ url: link.url, prefix, onError: () => {} })
  await using others = await backend.open({ url: backend.url, prefix, onError: () => {} })
  const ran: string[] = []
  await queues.work(push, { concurrency: 2 }, async ({ batchId }) => void ran.push(batchId))
  await add(queues, push, jobs(1))
  await until(() => ran.length === 1, 'a job runs')
  await link[trouble]()
  for (const call of [() => queues.add(push, jobs(1)), () => queues.sentinel('bulk'), () => queues.waiting(push)]) {
    const startedAt = performance.now()
    await assert.rejects(call())
    assert.ok(performance.now() - startedAt < 10_000, 'it failed, and waited for nothing')
  }
  const [meanwhile] = jobs(1)
  await add(others, push, [meanwhile!])
  await link.mend()
  await until(() => ran.includes(meanwhile!.batchId), 'a job that others added meanwhile runs')
  const before = ran.length
  await until(() => works(queues, () => ran.length > before), 'its own jobs run again')
}

/** Adds a job if it can. */
async function works(queues: Queues, ran: () => boolean): Promise<boolean> {
  await queues.add(push, jobs(1)).catch(() => {})
  return ran()
}

/** A busy machine may take longer than a producer waits: added again it is the same. */
const add = (queues: Queues, queue: QueueName, added: QueueJob[]): Promise<void> =>
  until(
    () =>
      queues.add(queue, added).then(
        () => true,
        () => false,
      ),
    'it is added',
  )
async function waiting(queues: Queues, queue: QueueName): Promise<number> {
  let found: number | undefined
  await until(async () => (found = await queues.waiting(queue).catch(() => undefined)) !== undefined, 'it is counted')
  return found!
}

const freshPrefix = () => `test-${randomBytes(5).toString('hex')}`
const jobs = (n: number) => Array.from({ length: n }, () => ({ batchId: newBatchId(), n: 1 }))

for (const backend of [postgres, redis])
  for (const [name, story] of Object.entries(stories))
    if (backend) test(`${backend.name}: ${name}`, () => story(backend))

test('on PostgreSQL: queues do not open without the server', async () => {
  await using link = await openLink(postgres.url)
  await link.cut()
  await assert.rejects(setup(postgres, link.url))
})

test('on PostgreSQL: queues open although the server is slow to take a producer in', async () => {
  const target = new URL(postgres.url)
  let connections = 0
  const server = net.createServer(near => {
    near.on('error', () => {})
    // The first is for the schema; the second gets no answer.
    if (++connections === 2) {
      near.resume()
      return
    }
    const far = net.connect(Number(target.port), target.hostname).on('error', () => near.destroy())
    near.pipe(far).pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(postgres.url)
  url.port = String((server.address() as net.AddressInfo).port)
  const { queues } = await setup(postgres, url.href)
  await queues[Symbol.asyncDispose]()
  server.close()
  assert.ok(connections > 2)
})

test('on Redis: queues open without the server and work once it is there', { skip: !redis && 'no Redis' }, async () => {
  await using link = await openLink(redis!.url)
  await link.cut()
  const { queues } = await setup(redis!, link.url)
  await using _ = queues
  const ran: string[] = []
  await queues.work(push, { concurrency: 1 }, async ({ batchId }) => void ran.push(batchId))
  await assert.rejects(queues.add(push, jobs(1)), /out of reach/)
  await link.mend()
  await until(() => works(queues, () => ran.length > 0), 'a job runs after the server came')
})
