import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPacings } from '#channels/pace/pacing-store.ts'
import { twilioProvider } from '#channels/sms/twilio.ts'
import { startWorker } from '#channels/worker.ts'
import { createWorld, device } from '#channels/world.fixture.ts'
import { unqueuedBatches } from '#ledger/ready.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { enqueue } from '#router/router.ts'
import { openQueues } from '#runtime/queues.ts'
import { startProgram, until } from '../program.ts'

const limits = { timeout: 300_000 }
const people = 15

/** People with numbers, a text for each of them, workers that are started with a key, and the command. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld())
  const { db, deps, url } = world
  const simulators = opened.use(await startSimulators())
  const queuesOf = () => openQueues({ redisUrl: undefined, postgresUrl: url, prefix: 'p', onError: () => {} })
  const queues = opened.use(await queuesOf())
  const who = Array.from({ length: people }, (_, n) => `u${n}`)
  for (const [n, id] of who.entries())
    await world.addPerson(id, {
      endpoints: [device(`+1202555${1_000 + n}`, { id: 'number', channel: 'sms', provider: 'twilio' })],
    })
  await world.write({
    ...{ channel: 'sms', provider: 'twilio' },
    to: who.map(recipient => ({ recipient, endpoint: 'number' })),
  })
  const { twilio } = simulators.credentials
  const baseUrl = `http://127.0.0.1:${simulators.ports.twilio}`
  const running = opened.move()
  const way = { db, queues, log: deps.log }
  return {
    ...world,
    /** What waits, but for what `waits_for` says, is due now, and on the queue. */
    async goOn(butFor = '') {
      const due = `update batches set due_at = now(), enqueued_at = null
        where closed_at is null and waits_for is distinct from $1 and (lease_until is null or lease_until < now())`
      await db.query(due, [butFor])
      await enqueue(await unqueuedBatches(db, { lane: 'default', limit: 100 }), way)
    },
    /** As in a process of its own. */
    async worker(authToken = twilio.authToken): Promise<AsyncDisposable> {
      await using own = new AsyncDisposableStack()
      const providers = [twilioProvider({ ...twilio, authToken, baseUrl, perSecond: 50 })]
      const where = { lanes: ['default'], channels: ['sms'], concurrency: 4 } as const
      own.use(await startWorker({ ...deps, queues: own.use(await queuesOf()), providers, ...where }))
      const started = own.move()
      return { [Symbol.asyncDispose]: () => started.disposeAsync() }
    },
    taken: () => simulators.lines('twilio').filter(line => line.accepted),
    async providers(...args: string[]) {
      await using program = startProgram(['providers', ...args], { DATABASE_URL: url })
      assert.equal(await program.ended, 0, program.err)
      return program.out
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test(
  'a wrong key is seen with what to do, by the worker that has it, and what waits for it is sent once when it is mended',
  limits,
  async () => {
    await using world = await setup()
    {
      await using _wrong = await world.worker('a wrong token')
      await until(async () => {
        await world.goOn('circuit')
        const held = `select sum(n)::int as n from batches where closed_at is null and waits_for = 'circuit' and lease_until is null`
        return (await world.db.query<{ n: number }>(held))[0]!.n === people
      })
      await until(async () => (await readPacings(world.db)).some(({ circuit }) => circuit.state !== 'closed'))
      const said = await world.providers()
      assert.match(said, /^twilio +\S+ +(half-)?open: config 20003 /m)
      assert.match(
        said,
        /twilio: 1 of 1 workers do not call it: it refuses our settings \(20003\)\. 15 deliveries wait .* restart/,
      )
      assert.match(said, /of 50\/s/)
      const held = await world.db.query(
        'select sum(n)::int as n, max(tries) as tries from batches where closed_at is null',
      )
      assert.deepEqual(held, [{ n: people, tries: 0 }])
      assert.equal(world.taken().length, 0)
      await using _fit = await world.worker()
      await until(async () => (await readPacings(world.db)).length === 2)
      const both = JSON.parse(await world.providers('--json')) as { providers: { circuit: { state: string } }[] }
      assert.deepEqual(
        new Set(both.providers.map(({ circuit }) => circuit.state === 'closed')),
        new Set([false, true]),
        'each worker says what it knows itself',
      )
    }
    assert.deepEqual(await readPacings(world.db), [], 'who has ended says nothing')
    await using _mended = await world.worker()
    await until(async () => {
      await world.goOn()
      return Object.values(await world.ends()).every(end => end === 'sent')
    })
    const numbers = world.taken().map(line => line.address)
    assert.equal(numbers.length, people)
    assert.equal(new Set(numbers).size, people, 'each once')
  },
)
