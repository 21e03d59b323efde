import assert from 'node:assert/strict'
import { chmod, rm } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { claimForQuestion } from '#cli/claim.ts'
import { createDatabase, runningPostgres, startPostgres } from '#local/postgres.ts'
import { databaseUrlOn } from '#local/stack-database.ts'
import { migrate, openPostgres } from '#runtime/postgres.ts'
import { startProgram, until, workingIn } from '../program.ts'
import { type TemporaryFolder, temporaryFolder } from '../temporary-folder.ts'

const limits = { timeout: 300_000 }

test('questions at once start the database server and stop it, one after the other', limits, async () => {
  await using folder = await temporaryFolder()
  await withData(folder)
  await using one = ask(folder)
  await using two = ask(folder)
  await using three = ask(folder)
  for (const question of [one, two, three]) assert.equal(await question.ended, 0, question.said())
  assert.deepEqual(workingIn(folder), [])
})

const asRoot = process.getuid?.() === 0 ? false : 'only root runs the server as another user'

test(
  'data is found where it went because the server’s user cannot enter the folder',
  { ...limits, skip: asRoot },
  async () => {
    await using folder = await temporaryFolder()
    await using early = ask(folder)
    assert.equal(await early.ended, 1, early.said())
    assert.match(early.err, /^carillon funnel: there is no data yet/)
    await chmod(folder.path, 0o700)
    const dataDir = await withData(folder)
    try {
      assert.notEqual(path.dirname(dataDir), folder.path)
      await using question = ask(folder)
      assert.equal(await question.ended, 0, question.said())
    } finally {
      await rm(dataDir, { recursive: true })
    }
  },
)

test('a start waits for the question that has the folder; later ones ask its server', limits, async () => {
  await using folder = await temporaryFolder()
  await withData(folder)
  const dataDir = path.join(folder.path, 'postgres')
  await using opened = new AsyncDisposableStack()
  opened.use(await claimForQuestion(folder.path))
  const server = opened.use(await startPostgres({ dataDir }))
  await using start = startProgram(['all'], { CARILLON_DATA_DIR: folder.path })
  await using early = ask(folder)
  // Both have come as far as they can: the folder is asked for first of all.
  await sleep(3_000)
  await opened.disposeAsync()
  await until(() => start.out.includes('HTTP API'))
  assert.match(start.out, /^PostgreSQL/m)
  await early.ended

  await using late = ask(folder)
  assert.equal(await late.ended, 0, late.said())
  assert.notEqual(await runningPostgres(dataDir), server.url)
  start.child.kill('SIGTERM')
  assert.equal(await start.ended, 0, start.said())
})

test('what a person hears is told with the rule that decides, and a wrong question in a line', limits, async () => {
  await using folder = await temporaryFolder()
  await withData(folder)
  const about = (...args: string[]) => startProgram(['effective', 'ann', ...args], { CARILLON_DATA_DIR: folder.path })
  await using told = about('--category', 'social', '--channel', 'in_app', '--room', 'r1', '--reason', 'mention')
  assert.equal(await told.ended, 0, told.said())
  assert.match(told.out, /^social +in_app +on +default +To be sent: nothing speaks against it\.\n$/)
  await using wrong = about('--channel', 'fax', '--room', '')
  assert.equal(await wrong.ended, 2, wrong.said())
  assert.match(wrong.err, /^carillon effective: --channel is none of push, sms, email, in_app; --room must be a name\n/)
})

test('a database that cannot be opened is told in a line, and the server stops', limits, async () => {
  await using folder = await temporaryFolder()
  {
    await using _server = await startPostgres({ dataDir: path.join(folder.path, 'postgres') })
  }
  await using asked = ask(folder)
  assert.equal(await asked.ended, 1, asked.said())
  assert.match(asked.err, /^carillon funnel: cannot open the database: .*does not exist\n$/)
  assert.deepEqual(workingIn(folder), [])
})

test('a funnel takes the options of the API, and says of all that are wrong what they may be', limits, async () => {
  await using folder = await temporaryFolder()
  await withData(folder)
  const funnel = (...args: string[]) => startProgram(['funnel', ...args], { CARILLON_DATA_DIR: folder.path })
  const named = [
    '--by',
    'channel',
    '--provider',
    'fcm',
    '--zone',
    'Europe/Berlin',
    '--unit',
    'recipient',
    '--window',
    '1h',
  ]
  await using told = funnel(...named, '--compare', '--times', '--source', 'rollup', '--json')
  assert.equal(await told.ended, 0, told.said())
  const answer = JSON.parse(told.out) as Record<string, unknown>
  const members = ['behind', 'funnels', 'hidden', 'previous', 'since', 'unknown', 'until']
  assert.deepEqual(Object.keys(answer).toSorted(), members)
  assert.deepEqual([answer.funnels, answer.unknown], [[], ['provider']])
  await using typo = funnel('--producer', 'docz')
  assert.equal(await typo.ended, 0, typo.said())
  assert.match(typo.out, /^no notifications\n\nnothing that is stored has the producer docz: is it mistyped\?\n$/)
  const [since, until] = [answer.since, answer.until].map(time => Date.parse(time as string))
  assert.equal(Math.floor((until! - since!) / 86_400_000), 7)
  await using past = funnel('--compare', '--until', '2026-10-01', '--json')
  assert.equal(await past.ended, 0, past.said())
  const before = JSON.parse(past.out) as Record<string, unknown>
  assert.deepEqual([before.since, before.until], ['2026-09-24T00:00:00.000Z', '2026-10-01T00:00:00.000Z'])
  await using backwards = funnel('--since', '24h', '--until', '2026-10-01')
  assert.equal(await backwards.ended, 2, backwards.said())
  assert.match(backwards.err, /^carillon funnel: --since must not be after --until, /)
  await using wrong = funnel('--by', 'weather', '--source', 'memory', '--zone', 'Mars/One')
  assert.equal(await wrong.ended, 2, wrong.said())
  assert.match(wrong.err, /^carillon funnel: .*--zone .*; .*--by .*; .*--source must be one of raw, rollup/)
})

const ask = (folder: TemporaryFolder) => startProgram(['funnel'], { CARILLON_DATA_DIR: folder.path })

/** As a start leaves it: the schema, and nothing in it. Gives where the data is. */
async function withData(folder: TemporaryFolder): Promise<string> {
  await using server = await startPostgres({ dataDir: path.join(folder.path, 'postgres') })
  await createDatabase(server.url, 'carillon')
  await using db = await openPostgres({ url: databaseUrlOn(server.url), connectionsMax: 1, name: 'test' })
  await migrate(db)
  return server.dataDir
}
