import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test, type TestContext } from 'node:test'
import { startProxy } from '#tests/producers/proxy.ts'
import { testDatabase, testRedisUrl } from '#tests/servers.ts'
import { openPostgres } from './postgres.ts'
import { postgresSignals, redisSignals, type SignalOptions, type Signals } from './signals.ts'

type Process = (options: SignalOptions) => Promise<Signals>

const newName = () => `test_${randomBytes(6).toString('hex')}`

/** Two processes of one subject, and what each has heard. */
async function twoOf(process: Process) {
  await using opened = new AsyncDisposableStack()
  const options = { name: newName(), onError() {} }
  const [one, other] = [opened.use(await process(options)), opened.use(await process(options))]
  const heard = { one: new Set<string>(), other: new Set<string>() }
  one.hear(ids => ids.forEach(id => heard.one.add(id)))
  other.hear(ids => ids.forEach(id => heard.other.add(id)))
  const running = opened.move()
  return { ...{ options, one, other, heard }, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** Hints may be lost, above all before the other end listens: told until they are heard. */
async function toldUntil(fact: () => boolean, tell: () => void): Promise<void> {
  const limit = AbortSignal.timeout(60_000)
  while (!fact()) {
    limit.throwIfAborted()
    tell()
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** What both stores must do. */
async function reachesOthers(process: Process): Promise<void> {
  await using two = await twoOf(process)
  const { one, other, heard } = two
  await toldUntil(
    () => heard.one.has('begun') && heard.other.has('begun'),
    () => one.tell(['begun']),
  )
  await using stranger = await process({ ...two.options, name: newName() })
  stranger.tell(['of another subject'])
  // More than one payload holds, and what is not ASCII.
  const many = Array.from({ length: 1_000 }, (_, n) => `person ${n} – ñ`)
  one.tell(many)
  other.tell(['back'])
  const all = ['begun', ...many, 'back'].toSorted()
  await toldUntil(
    () => heard.one.size >= all.length && heard.other.size >= all.length,
    () => {},
  )
  assert.deepEqual([...heard.one].toSorted(), all)
  assert.deepEqual([...heard.other].toSorted(), all)
}

const redisOf = async (t: TestContext): Promise<string | undefined> => {
  const url = await testRedisUrl()
  if (url === undefined) t.skip('redis-server is not on this machine')
  return url
}

test('over PostgreSQL a hint reaches every process, and nobody of another subject', async () => {
  await using database = await testDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'test' })
  await reachesOthers(async options => postgresSignals({ db, directUrl: database.url }, options))
})

test('over PostgreSQL a process that is cut off before it listens tries again', async () => {
  await using database = await testDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'test' })
  let cut = 0
  // Lets everybody in, and is gone at their first question.
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.once('data', () => {
        cut++
        socket.resetAndDestroy()
      })
      socket.write(Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1'))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const errors: unknown[] = []
  const options = { name: newName(), onError: (error: unknown) => void errors.push(error) }
  const signals = postgresSignals({ db, directUrl: `postgres://x@127.0.0.1:${port}/x` }, options)
  signals.hear(() => {})
  await toldUntil(
    () => cut > 1,
    () => {},
  )
  await signals[Symbol.asyncDispose]()
  server.close()
  assert.ok(errors.length > 0)
})

test('over Redis a hint reaches every process, and nobody of another subject', async t => {
  const url = await redisOf(t)
  if (url !== undefined) await reachesOthers(async options => redisSignals(url, options))
})

test('over Redis a process hears again after its connections broke, and telling meanwhile throws nothing', async t => {
  const url = await redisOf(t)
  if (url === undefined) return
  const target = new URL(url)
  await using proxy = await startProxy(Number(target.port))
  target.port = String(proxy.port)
  await using two = await twoOf(async options => redisSignals(target.href, options))
  const { one, heard } = two
  await toldUntil(
    () => heard.other.has('before'),
    () => one.tell(['before']),
  )
  proxy.cut()
  one.tell(['lost'])
  proxy.mend()
  await toldUntil(
    () => heard.other.has('after'),
    () => one.tell(['after']),
  )
})
