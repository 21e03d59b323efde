import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Client } from 'pg'
import { testDatabase, testPostgresUrl, tracesFolder, variables } from './servers.ts'

const limits = { timeout: 300_000 }

test('every test has a database of its own, gone when it ends', limits, async () => {
  await using one = await testDatabase()
  await using two = await testDatabase()
  assert.notEqual(one.url, two.url)
  const { url } = one
  const left = new Client(url)
  left.on('error', () => {})
  await left.connect()
  await one[Symbol.asyncDispose]()
  await assert.rejects(new Client(url).connect(), /does not exist/)
  const server = new Client(await testPostgresUrl())
  await server.connect()
  await server.end()
})

/** What a test leaves in its database, what the next finds in the same one, and how many spare ones there are after each. */
const reuse = `const { Client } = await import(${JSON.stringify(import.meta.resolve('pg'))})
  const { testDatabase } = await import(${JSON.stringify(path.join(import.meta.dirname, 'servers.ts'))})
  const ask = async (url, sql) => {
    const client = new Client(url)
    await client.connect()
    const { rows } = await client.query(sql)
    await client.end()
    return rows
  }
  const spares = async () => (await ask(urls[0], "select from pg_database where datname like 'spare%'")).length
  const act = "insert into operator_log (at, who, what, about) values (now(), 'eve', 'stop', '{}') returning id::text as number"
  const spare = []
  {
    await using first = await testDatabase()
    await ask(first.url, "insert into recipients (id) values ('u1')")
    await ask(first.url, act)
  }
  spare.push(await spares())
  let next
  {
    await using second = await testDatabase()
    const counts = "select (select count(*)::int from recipients) as n, (select count(*)::int from operator_log) as acts"
    next = await ask(second.url, counts)
    Object.assign(next[0], (await ask(second.url, act))[0])
    await ask(second.url, 'create table left_behind (); alter table recipients disable trigger all')
  }
  spare.push(await spares())
  console.log(JSON.stringify({ next, spare }))`

test(
  'a test file that runs alone starts its servers, passes its databases on emptied, and leaves nothing behind',
  limits,
  async () => {
    const script = `const { testPostgresUrl, testRedisUrl } = await import(${JSON.stringify(path.join(import.meta.dirname, 'servers.ts'))})
    const { globSync } = await import('node:fs')
    const { tmpdir } = await import('node:os')
    const urls = await Promise.all([testPostgresUrl(), testPostgresUrl(), testRedisUrl()])
    console.log(JSON.stringify({ urls, folders: globSync(tmpdir() + '/carillon-tmp-' + process.pid + '-*') }))
    ${reuse}`
    const env = { ...process.env, [variables.postgres]: '', [variables.redis]: '' }
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [servers, reused] = (await text(child.stdout)).split('\n')
    const said: { urls: string[]; folders: string[] } = JSON.parse(servers!)
    assert.deepEqual(JSON.parse(reused!), { next: [{ n: 0, acts: 0, number: '1' }], spare: [1, 0] })
    assert.equal(said.urls[0], said.urls[1])
    assert.ok(said.folders.length > 0)
    assert.deepEqual(said.folders.filter(existsSync), [])
    await assert.rejects(new Client(said.urls[0]).connect(), { code: 'ECONNREFUSED' })
  },
)

test('the folder with the traces is the one that is configured', () => {
  const before = process.env[variables.traces]
  process.env[variables.traces] = import.meta.dirname
  assert.equal(tracesFolder(), import.meta.dirname)
  process.env[variables.traces] = '/nowhere'
  assert.equal(tracesFolder(), undefined)
  if (before === undefined) delete process.env[variables.traces]
  else process.env[variables.traces] = before
})
