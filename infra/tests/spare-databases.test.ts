import assert from 'node:assert/strict'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { Client } from 'pg'
import { startPostgres } from '#local/postgres.ts'
import { temporaryFolder } from './temporary-folder.ts'

type Spare = typeof import('./spare-databases.ts')

const limits = { timeout: 300_000 }
const dayMs = 86_400_000

test('processes that begin at once make the original once, and every day a new one', limits, async t => {
  await using server = await ownServer()
  const [one, ...others] = await Promise.all(['one', 'two', 'three', 'four'].map(anotherProcess))
  const today = Date.now()
  timeIs(t, today - 8 * dayMs)
  const [kept, ...given] = await Promise.all([one!, ...others].map(process => process.takeDatabase(server.url)))
  for (const taken of given) await one!.leaveDatabase(server.url, taken)
  assert.deepEqual(await server.kinds(), ['original', 'spare', 'spare', 'spare', 'test'])

  timeIs(t, today)
  const fresh = await one!.takeDatabase(server.url)
  await ask(fresh.url, `insert into recipients (id) values ('u1')`)
  assert.deepEqual(await ask(fresh.url, `select to_regclass('batches_${digits(today + 7 * dayMs)}')::text as name`), [
    { name: `batches_${digits(today + 7 * dayMs)}` },
  ])
  assert.deepEqual(await server.kinds(), ['original', 'test', 'test'], 'nobody would take those of the day before')
  // It was taken on the other day, and works on; the next would miss days in it.
  await ask(kept!.url, `insert into recipients (id) values ('u1')`)
  await one!.leaveDatabase(server.url, kept!)
  assert.deepEqual(await server.kinds(), ['original', 'test'])
  await one!.leaveDatabase(server.url, fresh)
  assert.deepEqual(await server.kinds(), ['original', 'spare'])
})

test('nobody waits for a database whose tables stay locked', limits, async () => {
  await using server = await ownServer()
  await ask(server.url, 'alter system set max_prepared_transactions = 1')
  await server.restart()
  const { takeDatabase, leaveDatabase } = await anotherProcess('one')
  const taken = await takeDatabase(server.url)
  await ask(taken.url, `insert into recipients (id) values ('u1')`)
  // What is prepared is nobody's, so that no connection can be ended for it.
  await ask(taken.url, `begin; lock table recipients; prepare transaction 'kept'`)
  await assert.rejects(leaveDatabase(server.url, taken), { code: '55006', message: /prepared transaction/ })
})

/** A module of its own shares nothing with the others but the server. */
const anotherProcess = (name: string) => import(`./spare-databases.ts?${name}`) as Promise<Spare>

function timeIs(t: TestContext, now: number): void {
  t.mock.timers.reset()
  t.mock.timers.enable({ apis: ['Date'], now })
}

const digits = (at: number) => new Date(at).toISOString().slice(0, 10).replaceAll('-', '')

async function ownServer() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const server = opened.use(await startPostgres({ dataDir: path.join(folder.path, 'postgres') }))
  const { url } = server
  const kinds = `select split_part(datname, '_', 1) as kind from pg_database where datname ~ '_' order by kind`
  const owned = opened.move()
  return {
    url,
    restart: () => server.restart(),
    kinds: async () => (await ask(url, kinds)).map(row => row['kind']),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function ask(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client(url)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows
  } finally {
    await client.end()
  }
}
