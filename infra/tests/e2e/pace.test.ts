import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createWorld, device } from '#channels/world.fixture.ts'
import { markEnqueued, unqueuedBatches } from '#ledger/ready.ts'
import { type LocalRedis, startRedis } from '#local/redis.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { openQueues } from '#runtime/queues.ts'
import { enqueue } from '#router/router.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import type { Setup } from './pace-worker.ts'

const perSecond = 40
const people = 80
const limitMs = 60_000
const lanes = ['default', 'bulk'] as const

async function startChild(setup: Setup): Promise<AsyncDisposable> {
  const child: ChildProcess = fork(path.join(import.meta.dirname, 'pace-worker.ts'))
  child.send(setup)
  await once(child, 'message')
  return {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** Two worker processes send what a ledger holds; `disturb` takes the store of rate limits away in the middle of it. */
async function sendAll(
  redis: LocalRedis | undefined,
  disturb: (db: Awaited<ReturnType<typeof createWorld>>['db']) => Promise<void>,
) {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld())
  const simulators = opened.use(await startSimulators())
  const prefix = `pace-${randomBytes(4).toString('hex')}`
  const url = { redisUrl: redis?.url, postgresUrl: world.url }
  const queues = opened.use(await openQueues({ ...url, prefix, onError: () => {} }))
  const who = Array.from({ length: people }, (_, n) => `person-${n}`)
  for (const [n, person] of who.entries())
    await world.addPerson(person, {
      endpoints: [device(`+1555${String(1_000_000 + n)}`, { channel: 'sms', provider: 'twilio' })],
    })
  const written: Parameters<typeof enqueue>[0][number][] = []
  for (let at = 0; at < people; at += 10) {
    const batches = await world.write({
      ...{ channel: 'sms', provider: 'twilio', lane: lanes[(at / 10) % 2]! },
      to: who.slice(at, at + 10).map(recipient => ({ recipient, endpoint: 'phone' })),
    })
    written.push(...batches)
  }
  const { ports, credentials, log } = simulators
  const twilio = { ...credentials.twilio, baseUrl: `http://127.0.0.1:${ports.twilio}`, perSecond }
  const setup = { databaseUrl: world.url, redisUrl: redis?.url, prefix, twilio }
  for (const child of await Promise.all([startChild(setup), startChild(setup)])) opened.use(child)

  const way = { db: world.db, queues, log: world.deps.log }
  await enqueue(written, way)
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const sent = () => log.entries().filter(({ provider }) => provider === 'twilio')
  const untilMs = performance.now() + limitMs
  let disturbed: Promise<void> | undefined
  while (Object.values(await world.ends()).some(end => end !== 'sent')) {
    assert.ok(performance.now() < untilMs, `${sent().length} of ${people} were sent in time`)
    for (const lane of lanes) {
      const ready = await unqueuedBatches(world.db, { lane, limit: 100 })
      await markEnqueued(world.db, ready)
      await enqueue(ready, way)
    }
    if (sent().length > people / 3) disturbed ??= disturb(world.db)
    await sleep(50)
  }
  await disturbed
  return {
    arrivals: sent().map(({ arrivedNs }) => Number(BigInt(arrivedNs) / 1_000n) / 1_000),
    lateMs: delay.max / 1e6,
  }
}

/** The most that came in any window. */
function most(arrivals: readonly number[], windowMs: number): number {
  let first = 0
  return arrivals.reduce((found, at, last) => {
    while (arrivals[first]! <= at - windowMs) first++
    return Math.max(found, last - first + 1)
  }, 0)
}

function check({ arrivals, lateMs }: { arrivals: readonly number[]; lateMs: number }): void {
  assert.equal(arrivals.length, people, 'each once')
  // What came while the simulator's process stood still is seen together: the window is so much shorter.
  const found = most(arrivals, 1_000 - lateMs)
  assert.ok(found <= perSecond, `${found} in a second, ${perSecond} are allowed`)
  assert.ok(most(arrivals, 1_000) > perSecond / 2, 'and the rate is used')
}

test('two workers that share their buckets in PostgreSQL never send more than is allowed, the bucket lost meanwhile', async () => {
  check(await sendAll(undefined, async db => void (await db.query('delete from pace_buckets'))))
})

test('two workers that share their buckets in Redis never send more than is allowed, Redis lost meanwhile', async t => {
  await using folder = await temporaryFolder()
  await using redis = await startRedis({ dir: folder.path })
  if (!redis) return t.skip('no redis-server on this machine')
  const disturb = async () => {
    await redis.stop()
    await sleep(1_000)
    await redis.start()
  }
  check(await sendAll(redis, disturb))
})
