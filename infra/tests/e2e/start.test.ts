import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { suite, test } from 'node:test'
import { outcomes } from '#contracts/outcome.ts'
import { type Program, startProgram, until, workingIn } from '../program.ts'
import { type TemporaryFolder, temporaryFolder } from '../temporary-folder.ts'

const playLimit = { timeout: 480_000 }

// Two at a time: much of a run is waiting for addresses that are tried again after half a minute.
suite('start', { concurrency: 2 }, () => {
  test('killed in mid-run, the next start finishes what was left and accounts for both', playLimit, startsAgain)
  test('a start stays up, is alone in its folder, and ctrl-C stops all of it', playLimit, staysUp)
  test('ctrl-C in mid-run drains; a second one ends at once and leaves no server behind', playLimit, isInterrupted)
  test('what cannot start is told in a line, without a stack', playLimit, isBroken)
})

async function startsAgain(): Promise<void> {
  await using folder = await temporaryFolder()
  await using killed = start(folder, ['start', '--once'])
  await until(() => publishedIn(folder).length > 0)
  killed.child.kill('SIGKILL')
  await killed.ended
  const publishedBefore = publishedIn(folder)

  await using next = start(folder, ['start', '--once'])
  assert.equal(await next.ended, 0, next.said())
  const published = publishedIn(folder)
  assert.ok(published.length > publishedBefore.length)
  assert.deepEqual(publishedBefore, published.slice(0, publishedBefore.length))
  assert.match(next.out, /intended +[\d,]+/)
  assert.match(next.out, /audit: balanced/)
  const summary = JSON.parse(next.out.trimEnd().split('\n').at(-1)!)
  assert.deepEqual(Object.keys(summary), ['intents', 'recipients', 'outcomes', 'audit'])
  assert.equal(summary.audit, 'balanced')
  // What was stored just before the kill may have no line.
  assert.ok(summary.intents >= published.length && published.length >= 300)
  assert.ok(summary.recipients > summary.intents)
  const ends = Object.keys(summary.outcomes)
  assert.ok(ends.length >= 6, `few ways to end: ${ends.join()}`)
  assert.ok(
    ends.every(end => (outcomes as readonly string[]).includes(end)),
    ends.join(),
  )
  assert.deepEqual(workingIn(folder), [])
}

async function staysUp(): Promise<void> {
  await using folder = await temporaryFolder()
  await using first = start(folder, ['start'])
  await first.says(/HTTP API/)

  await using second = start(folder, ['start', '--once'])
  assert.equal(await second.ended, 1)
  assert.match(second.err, new RegExp(`in use by another start of Carillon \\(process ${first.child.pid}\\). Stop`))
  assert.doesNotMatch(second.err, /^ +at /m)

  await first.says(/\nUp\./)
  assert.match(first.out, /audit: balanced/)
  const urls = [...new Set(first.err.match(/http:\S+/g))]
  assert.equal(new Set(urls.map(url => new URL(url).origin)).size, 1)
  for (const url of urls) assert.equal((await fetch(url)).status, 200, url)
  assert.ok(workingIn(folder).length > 0)
  first.child.kill('SIGINT')
  assert.equal(await first.ended, 0, first.said())
  assert.match(first.err, /Stopping …\n$/)
  assert.deepEqual(workingIn(folder), [])
}

async function isInterrupted(): Promise<void> {
  await using folder = await temporaryFolder()
  await using drained = start(folder, ['start', '--once'])
  await until(() => publishedIn(folder).length > 0)
  drained.child.kill('SIGINT')
  assert.equal(await drained.ended, 130, drained.said())
  assert.equal(drained.out, '')
  assert.match(drained.err, /Stopped before the end; the next start finishes what is left/)
  assert.deepEqual(workingIn(folder), [])

  await using impatient = start(folder, ['start'])
  await impatient.says(/Playing/)
  impatient.child.kill('SIGINT')
  impatient.child.kill('SIGTERM')
  // Whichever of the two comes second.
  assert.ok([128 + 2, 128 + 15].includes((await impatient.ended)!), impatient.said())
  await until(() => workingIn(folder).length === 0)
}

async function isBroken(): Promise<void> {
  await using folder = await temporaryFolder()
  await using taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  // None that is given to somebody who asks for any.
  const nobody = '127.0.0.1:1'
  const cases: { env: Record<string, string>; code: number; says: RegExp }[] = [
    { env: { DATABASE_URL: 'foo' }, code: 2, says: /DATABASE_URL must be a URL that begins with postgres:\/\// },
    { env: { CARILLON_X: '1' }, code: 2, says: /CARILLON_X is no variable of Carillon: is it mistyped\?/ },
    {
      env: { CARILLON_HTTP_PORT: String(port) },
      code: 1,
      says: /cannot serve the API on .*CARILLON_HTTP_PORT.*EADDRINUSE/,
    },
    {
      env: { DATABASE_URL: `postgres://me:hidden@${nobody}/none` },
      code: 1,
      says: new RegExp(`cannot use the database at ${nobody}/none: .*ECONNREFUSED`),
    },
    {
      env: { CARILLON_DATA_DIR: `${import.meta.filename}/none` },
      code: 1,
      says: /start\.test\.ts\/none.*CARILLON_DATA_DIR names the folder/,
    },
    { env: { CARILLON_DATA_DIR: '/proc/none' }, code: 1, says: /cannot keep data in \/proc\/none.*CARILLON_DATA_DIR/ },
  ]
  for (const { env, code, says } of cases) {
    await using failed = start(folder, ['start', '--once'], env)
    assert.equal(await failed.ended, code, failed.said())
    assert.match(failed.err, says)
    assert.doesNotMatch(failed.err, /^ +at |hidden/m)
    assert.equal(failed.out, '')
  }
  assert.deepEqual(workingIn(folder), [])
}

/** The program, with its data in the folder. */
const start = (folder: TemporaryFolder, args: string[], env: Record<string, string> = {}): Program =>
  startProgram(args, { CARILLON_DATA_DIR: folder.path, ...env })

/** What the publisher noted; the last line may be half written. */
function publishedIn({ path: folder }: TemporaryFolder): string[] {
  const file = path.join(folder, 'published.ndjson')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  return lines.filter(line => line.endsWith('}')).map(line => JSON.parse(line).intent)
}
