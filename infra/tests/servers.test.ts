import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Client } from 'pg'
import { testDatabase, testPostgresUrl, tracesFolder, variables } from './servers.ts'

const limits = { timeout: 120_000 }

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

test('a test file that runs alone starts its servers and leaves nothing behind', limits, async () => {
  const script = `const { testPostgresUrl, testRedisUrl } = await import(${JSON.stringify(path.join(import.meta.dirname, 'servers.ts'))})
    const { globSync } = await import('node:fs')
    const { tmpdir } = await import('node:os')
    const urls = await Promise.all([testPostgresUrl(), testPostgresUrl(), testRedisUrl()])
    console.log(JSON.stringify({ urls, folders: globSync(tmpdir() + '/carillon-tmp-' + process.pid + '-*') }))`
  const env = { ...process.env, [variables.postgres]: '', [variables.redis]: '' }
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: { urls: string[]; folders: string[] } = JSON.parse(await text(child.stdout))
  assert.equal(said.urls[0], said.urls[1])
  assert.ok(said.folders.length > 0)
  assert.deepEqual(said.folders.filter(existsSync), [])
  await assert.rejects(new Client(said.urls[0]).connect(), { code: 'ECONNREFUSED' })
})

test('the folder with the traces is the one that is configured', () => {
  const before = process.env[variables.traces]
  process.env[variables.traces] = import.meta.dirname
  assert.equal(tracesFolder(), import.meta.dirname)
  process.env[variables.traces] = '/nowhere'
  assert.equal(tracesFolder(), undefined)
  if (before === undefined) delete process.env[variables.traces]
  else process.env[variables.traces] = before
})
