import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, promises as fs } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { createDatabase, dropDatabase, startPostgres } from './postgres.ts'

const limits = { timeout: 300_000 }
const asRoot = process.getuid?.() === 0 ? false : 'only root runs the server as another user'

test('data survives a stop, and a second start finds it again', limits, async () => {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'data')
  {
    await using server = await startPostgres({ dataDir })
    await ask(server.url, 'create table kept as select 42 as answer')
  }
  await using server = await startPostgres({ dataDir })
  assert.deepEqual(await ask(server.url, 'select answer from kept'), [{ answer: 42 }])
  const [row] = await ask(
    server.url,
    `select current_setting('fsync') as fsync, current_setting('TimeZone') as zone,
    'B' < 'a' as by_code_point, lower('Ä') as lower, current_setting('server_encoding') as encoding`,
  )
  assert.deepEqual(row, { fsync: 'on', zone: 'UTC', by_code_point: true, lower: 'ä', encoding: 'UTF8' })
})

test('others on this machine do not get in, and statements stay out of the log', limits, async () => {
  await using folder = await temporaryFolder()
  await using server = await startPostgres({ dataDir: path.join(folder.path, 'data') })
  const stranger = new URL(server.url)
  stranger.password = ''
  await assert.rejects(ask(stranger.href, 'select 1'), /password/)
  const kept = await fs.readdir(server.dataDir)
  for (const file of kept.filter(name => name.startsWith('carillon.')))
    assert.equal((await fs.stat(path.join(server.dataDir, file))).mode & 0o077, 0, file)
  await ask(server.url, 'create table mailboxes (address text primary key)')
  await ask(server.url, `insert into mailboxes values ('ann@example.org')`)
  await assert.rejects(ask(server.url, `insert into mailboxes values ('ann@example.org')`), /duplicate/)
  assert.doesNotMatch(await fs.readFile(path.join(server.dataDir, 'carillon.log'), 'utf8'), /mailboxes|ann@/)
})

test('a server that outlived its killed starter is adopted', limits, async () => {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'data')
  const script = `const { startPostgres } = await import(${JSON.stringify(path.join(import.meta.dirname, 'postgres.ts'))})
    const server = await startPostgres({ dataDir: ${JSON.stringify(dataDir)} })
    console.log(JSON.stringify({ pid: server.pid, url: server.url }))
    process.kill(process.pid, 'SIGKILL')`
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const before: unknown = JSON.parse(await text(starter.stdout))
  await using server = await startPostgres({ dataDir })
  assert.deepEqual({ pid: server.pid, url: server.url }, before)
})

test('a server ends with the process that starts it, however far it is', limits, async () => {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'data')
  const ended = { beforeItIsReady: 'starting', whenItIsReady: 'await starting' }
  for (const [when, wait] of Object.entries(ended)) {
    const script = `const { startPostgres } = await import(${JSON.stringify(path.join(import.meta.dirname, 'postgres.ts'))})
      const { existsSync } = await import('node:fs')
      const starting = startPostgres({ dataDir: ${JSON.stringify(dataDir)} })
      while (!existsSync(${JSON.stringify(path.join(dataDir, 'postmaster.pid'))})) await new Promise(setImmediate)
      ${wait}
      process.exit()`
    const starter = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
    await once(starter, 'exit')
    await until(() => !existsSync(path.join(dataDir, 'postmaster.pid')), when)
  }
})

test('an adopted server stops when its new owner lets it go', limits, async () => {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'data')
  const first = await startPostgres({ dataDir })
  {
    await using second = await startPostgres({ dataDir })
    assert.equal(second.pid, first.pid)
  }
  await assert.rejects(ask(first.url, 'select 1'), { code: 'ECONNREFUSED' })
  await first[Symbol.asyncDispose]()
})

test('two first starts of one folder at once end up with one server', limits, async () => {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'data')
  const [one, two] = await Promise.all([startPostgres({ dataDir }), startPostgres({ dataDir })])
  await using server = one
  assert.equal(two.url, server.url)
  assert.deepEqual(await ask(two.url, 'select 1 as one'), [{ one: 1 }])
  assert.deepEqual(await fs.readdir(folder.path), ['data'])
})

test('two folders run side by side, each with its own databases', limits, async () => {
  await using folder = await temporaryFolder()
  await using one = await startPostgres({ dataDir: path.join(folder.path, 'one') })
  await using two = await startPostgres({ dataDir: path.join(folder.path, 'two') })
  assert.notEqual(one.url, two.url)
  const database = await createDatabase(one.url, 'odd "name"')
  assert.deepEqual(await ask(database, 'select current_database() as name'), [{ name: 'odd "name"' }])
  assert.deepEqual(await ask(two.url, `select 1 from pg_database where datname like 'odd%'`), [])
  const guest = new Client({ connectionString: database })
  guest.on('error', () => {})
  await guest.connect()
  await dropDatabase(one.url, 'odd "name"')
  await dropDatabase(one.url, 'odd "name"')
  await assert.rejects(ask(database, 'select 1'), /does not exist/)
})

test('restart keeps the URL, after a stop as after a crash', limits, async () => {
  await using folder = await temporaryFolder()
  await using server = await startPostgres({ dataDir: path.join(folder.path, 'data') })
  const { url, pid } = server
  await ask(url, 'create table kept as select 42 as answer')
  await server.restart()
  assert.equal(server.url, url)
  assert.notEqual(server.pid, pid)
  process.kill(server.pid, 'SIGKILL')
  await server.restart()
  assert.deepEqual(await ask(url, 'select answer from kept'), [{ answer: 42 }])
})

test('a lock left by a crash does not stop the start when its pid belongs to someone else now', limits, async () => {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'data')
  const crashed = await startPostgres({ dataDir })
  const lock = path.join(dataDir, 'postmaster.pid')
  const left = await fs.readFile(lock, 'utf8')
  await crashed[Symbol.asyncDispose]()
  // A process of the server's own user, for another user's the server would not care.
  const innocent = spawn('sleep', ['300'], { ...ownerOf(await fs.stat(dataDir)), stdio: 'ignore' })
  await once(innocent, 'spawn')
  await fs.writeFile(lock, left.replace(/^\d+/, String(innocent.pid)))
  {
    await using server = await startPostgres({ dataDir })
    assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
  }
  assert.equal(innocent.exitCode, null)
  innocent.kill()
})

test('started by root, the server is someone without rights', { ...limits, skip: asRoot }, async () => {
  await using folder = await temporaryFolder()
  await using server = await startPostgres({ dataDir: path.join(folder.path, 'data') })
  const { uid } = await fs.stat(server.dataDir)
  assert.notEqual(uid, 0)
  if (process.platform === 'linux') assert.equal((await fs.stat(`/proc/${server.pid}`)).uid, uid)
})

test(
  'a data folder that the server cannot reach moves, to the same place each time',
  { ...limits, skip: asRoot },
  async () => {
    await using folder = await temporaryFolder()
    await fs.chmod(folder.path, 0o700)
    const dataDir = path.join(folder.path, 'data')
    const server = await startPostgres({ dataDir })
    try {
      assert.notEqual(server.dataDir, dataDir)
      await ask(server.url, 'create table kept as select 42 as answer')
      await server[Symbol.asyncDispose]()
      await fs.chmod(folder.path, 0o711)
      await using again = await startPostgres({ dataDir })
      assert.deepEqual(await ask(again.url, 'select answer from kept'), [{ answer: 42 }])
    } finally {
      await server[Symbol.asyncDispose]()
      await fs.rm(server.dataDir, { recursive: true })
    }
  },
)

test('data of another major version is refused with what to do', limits, async () => {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'data')
  await fs.mkdir(dataDir)
  await fs.writeFile(path.join(dataDir, 'PG_VERSION'), '9\n')
  await assert.rejects(
    startPostgres({ dataDir }),
    /written by PostgreSQL 9, but the server found is .*set DATABASE_URL/,
  )
})

async function until(fact: () => boolean, what: string): Promise<void> {
  const deadline = AbortSignal.timeout(60_000)
  while (!fact()) {
    assert.ok(!deadline.aborted, what)
    await sleep(20)
  }
}

function ownerOf({ uid, gid }: { uid: number; gid: number }) {
  return asRoot ? {} : { uid, gid }
}

async function ask(url: string, statement: string) {
  const client = new Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(statement)).rows
  } finally {
    await client.end()
  }
}
