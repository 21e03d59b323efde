import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { audit } from '#ledger/audit.ts'
import { topicOf } from '#contracts/messages.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { createProducerToken } from '#producers/http/producer-tokens.ts'
import { type Api, apiClient } from '#producers/sdk/api-client.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { type Program, startProgram, until } from '../program.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const limits = { timeout: 480_000 }
const people = Array.from({ length: 20 }, (_, n) => `person-${n}`)
const intentsPerWave = 20
const recipientsEach = 5

// Starting eight processes takes longer than all that is asked of them, so both stories are told of the same ones.
test('roles as processes', limits, async t => {
  await using world = await startWorld()
  await t.test('deliver what the API takes in, drain on SIGTERM and go on where they were', () => delivered(world))
  await t.test('tell how they are: alive, ready, and in numbers', () => observed(world))
})

async function delivered(world: World): Promise<void> {
  const { api, db } = world
  for (const [n, id] of people.entries())
    await api.recipients.upsert(id, {
      endpoints: [{ id: 'phone', channel: 'push', provider: 'fcm', address: `device:${n}-ok`, app: 'org.example' }],
    })

  const keys = await world.publishWave('first')
  const [router, worker, sink] = world.pipeline
  await until(() => world.sentPushes().length > 0)
  const second = world.publishWave('second')
  for (const role of [router, worker, sink]) role.child.kill('SIGTERM')
  for (const role of [router, worker, sink]) assert.equal(await role.ended, 0, role.said())
  keys.push(...(await second))

  world.pipeline = await world.startPipeline()
  const expected = { sent: recipientsEach, delivered: recipientsEach }
  for (const key of keys) {
    await until(async () => (await api.status(key)).state === 'settled')
    assert.deepEqual((await api.status(key)).outcomes, expected)
  }
  const pushes = world.sentPushes()
  assert.equal(pushes.length, 2 * intentsPerWave * recipientsEach)
  assert.equal(new Set(pushes.map(push => push.deliveryId)).size, pushes.length)
  await until(async () => (await eventsOf(db, 'sent')) >= pushes.length)
  assert.equal(await eventsOf(db, 'sent'), pushes.length)
  assert.ok((await audit(db)).balanced)
}

async function observed(world: World): Promise<void> {
  const [router, worker, sink] = world.pipeline
  const [routes, delivers, stores, serves] = (await Promise.all(
    [router, worker, sink, world.apiProcess].map(hostOf),
  )) as [string, string, string, string]
  for (const url of [routes, delivers, stores, serves]) {
    assert.equal((await fetch(`${url}/healthz`)).status, 200)
    assert.equal((await fetch(`${url}/readyz`)).status, 200)
  }
  await world.publishRubbish()
  await world.publishWave('counted')
  await until(async () => /^refused_total\{reason="malformed"\} 1$/m.test(await metricsOf(routes)))
  await until(async () =>
    /^outcomes_total\{channel="in_app",outcome="delivered"\} \d+$/m.test(await metricsOf(delivers)),
  )
  await until(async () => /^sink_lag [\d.e-]+$/m.test(await metricsOf(stores)))
  const numbers = await metricsOf(routes)
  for (const line of [
    /^oldest_unacked_age\{lane="critical"\} 0$/m,
    /^holds_overdue 0$/m,
    /^doubts_open 0$/m,
    /^leases_lapsed 0$/m,
  ])
    assert.match(numbers, line)

  worker.child.kill('SIGTERM')
  assert.equal(await worker.ended, 0, worker.said())
  await world.publishWave('unclaimed')
  const age = () =>
    world.db.query(`update batches set due_at = now() - interval '61 s' where closed_at is null returning n`)
  await until(async () => (await age()).length > 0)
  for (const url of [routes, serves]) {
    const unready = await fetch(`${url}/readyz`)
    assert.equal(unready.status, 503)
    assert.match(await unready.text(), /batches of default in_app are ready and were not claimed for \d{2,} s/)
  }
  assert.match(await metricsOf(routes), /^oldest_ready_age\{lane="default",channel="in_app"\} \d{2,}(\.\d+)?$/m)
  const another = await world.startRole('worker')
  await until(async () => (await fetch(`${routes}/readyz`)).status === 200)
  another.child.kill('SIGTERM')
  assert.equal(await another.ended, 0, another.said())
}

type World = Awaited<ReturnType<typeof startWorld>>
type Push = { provider: string; deliveryId: string; accepted: boolean }
type Pipeline = [router: Program, worker: Program, sink: Program]

/** Every role a process of its own, with an empty database, on a local Pub/Sub server and simulators. */
async function startWorld() {
  await using opened = new AsyncDisposableStack()
  let owner: AsyncDisposableStack = opened
  const folder = opened.use(await temporaryFolder())
  const database = opened.use(await testDatabase())
  const env: Record<string, string> = {
    ...{ DATABASE_URL: database.url, CARILLON_DATA_DIR: folder.path },
    CARILLON_SECRET: 'a secret of more than 32 characters',
  }
  const startRole = async (role: string): Promise<Program> => {
    const program = owner.use(startProgram([role], env))
    await program.says(new RegExp(`"${role} works"`))
    return program
  }
  const startPipeline = () => Promise.all(['router', 'worker', 'sink'].map(startRole)) as Promise<Pipeline>

  const pubsubServer = opened.use(startProgram(['pubsub', '--port', '0'], env))
  const simulators = opened.use(startProgram(['simulators'], env))
  await until(() => pubsubServer.out.includes('\n') && simulators.out.includes('\n'))
  const emulator = /PUBSUB_EMULATOR_HOST=(\S+)/.exec(pubsubServer.out)![1]!
  env.PUBSUB_EMULATOR_HOST = emulator
  const [apiProcess, pipeline] = await Promise.all([startRole('api'), startPipeline()])

  const db: Database = opened.use(await openPostgres({ url: database.url, connectionsMax: 2, name: 'test' }))
  const types = [...catalogue.types.keys()]
  const token = await createProducerToken(db, { producer: 'docs', types, scopes: ['intents', 'people'] })
  const url = await hostOf(apiProcess)
  const pubsub = opened.use(openPubSub({ projectId: 'carillon', emulator }))
  const running = (owner = opened.move())
  const api: Api = apiClient({ url, token })
  return {
    ...{ api, db, apiProcess, pipeline, startRole, startPipeline },
    publishWave: (wave: string) => publishWave({ url, token }, wave),
    async publishRubbish() {
      const publisher = pubsub.publisher(topicOf('carillon', 'default'), { batchMessages: 1, batchMs: 1 })
      await publisher.publish(Buffer.from('no intent'))
      await publisher.close()
    },
    /** What reached the FCM simulator, from its own log. */
    sentPushes(): Push[] {
      const file = path.join(folder.path, 'simulators.ndjson')
      const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
      return lines
        .filter(line => line.includes('"provider":"fcm"') && line.endsWith('}'))
        .map(line => JSON.parse(line) as Push)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Comments, each to other people, by the HTTP API. Gives their keys. */
async function publishWave({ url, token }: { url: string; token: string }, wave: string): Promise<string[]> {
  const keys = Array.from({ length: intentsPerWave }, (_, n) => `${wave} ${n}`)
  for (const [n, key] of keys.entries()) {
    const to = Array.from({ length: recipientsEach }, (_, at) => people[(n + at * 4) % people.length])
    const data = { commentId: key, author: 'ada', title: 'Docs', excerpt: 'Hello', url: 'https://docs.example/1' }
    const state = () =>
      fetch(`${url}/v1/intents`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'comment.created', to, data, key }),
      })
    let response = await state()
    // A busy machine may be too slow to publish in time; said again it is the same intent.
    for (let tries = 0; response.status === 503 && tries < 5; tries++) response = await state()
    assert.equal(response.status, 202, await response.text())
  }
  return keys
}

async function eventsOf(db: Database, what: string): Promise<number> {
  const [row] = await db.query<{ n: number }>('select count(*)::int as n from delivery_events where what = $1', [what])
  return row!.n
}

const metricsOf = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text()

/** Where the process serves, as its log says. */
async function hostOf(program: Program): Promise<string> {
  const served = /"host":"([^"]+)"/
  await program.says(served)
  return `http://${served.exec(program.err)![1]}`
}
