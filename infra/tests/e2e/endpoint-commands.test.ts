import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { readActs } from '#ledger/operator-log.ts'
import { markEndpoint, readPeople } from '#preferences/preferences.ts'
import { upsertRecipients } from '#preferences/recipient-store.ts'
import { type Database, migrate, openPostgres } from '#runtime/postgres.ts'
import { startProgram } from '../program.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const limits = { timeout: 300_000 }
const addressKey = 'a secret of at least thirty-two characters'

async function setup() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const { url } = opened.use(await testDatabase())
  const db: Database = opened.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await migrate(db)
  const running = opened.move()
  return {
    ...{ db, folder: folder.path },
    /** Runs a command; gives its exit code and what it printed, on stderr if it failed. */
    run: async (...args: string[]) => {
      await using program = startProgram(args, { DATABASE_URL: url, CARILLON_SECRET: addressKey })
      const code = await program.ended
      return [code, code === 0 ? program.out : program.err] as const
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('endpoints are registered, shown and signed out from the command line', limits, async () => {
  await using world = await setup()
  const { db, run } = world
  const phone = { channel: 'push', provider: 'fcm', address: 'token-1', id: 'phone' } as const
  await upsertRecipients({ db, addressKey, now: 1 }, [{ id: 'ann', endpoints: [phone] }])
  const at = ['--verified-at', '2026-11-20T12:00:00Z']
  const put = ([id, channel, address]: readonly [string, string, string]) =>
    run('endpoints', 'put', 'ann', id, '--channel', channel, '--address', address, ...at)
  const [[code, shown], [wrong, said]] = await Promise.all([
    put(['mail', 'email', 'ann@mail.example']),
    put(['sms', 'sms', '0151 98765432']),
  ])
  assert.equal(code, 0, shown)
  assert.match(shown, /^mail +email +sendgrid +a…@mail\.example +active .*2026-11-20T12:00:00\.000Z$/m)
  assert.match(shown, /^phone +push/m)
  assert.equal(wrong, 2)
  assert.match(said, /--address write the number/)
  assert.doesNotMatch(said, /98765432/)
  assert.deepEqual(await run('endpoints', 'sign-out', 'ann', '--everywhere'), [
    0,
    '1 of the endpoints of ann is gone\n',
  ])
  const { endpoints } = (await readPeople(db, ['ann'])).get('ann')!
  assert.deepEqual(
    endpoints.map(one => one.id),
    ['mail', 'inbox'],
  )
})

test('addresses are suppressed from a file, listed and lifted from the command line', limits, async () => {
  await using world = await setup()
  const { run, folder } = world
  const [good, bad] = ['good.ndjson', 'bad.ndjson'].map(name => path.join(folder, name)) as [string, string]
  const line = (at: number) => JSON.stringify({ channel: 'email', address: `b${at}@mail.example`, reason: 'bounce' })
  await writeFile(good, [line(1), '', line(2)].join('\n'))
  await writeFile(bad, [line(3), '{"channel": "email", "address": "secret"}', 'x', '{}'].join('\n'))
  const [imported, [code, err]] = await Promise.all([
    run('suppressions', 'import', good),
    run('suppressions', 'import', bad),
  ])
  assert.deepEqual(imported, [0, '2 addresses are suppressed\n'])
  assert.equal(code, 1)
  assert.match(err, /line 2: address .*\n.*line 3: is not a JSON object\n.*line 4: channel must be sms or email/)
  assert.doesNotMatch(err, /secret/)
  const of = ['--channel', 'email', '--address', 'b1@mail.example']
  const [listed, [refused]] = await Promise.all([
    run('suppressions', 'list', '--json'),
    run('suppressions', 'remove', ...of),
  ])
  assert.deepEqual(
    (JSON.parse(listed[1]) as { channel: string; reason: string }[]).map(one => `${one.channel} ${one.reason}`),
    ['email bounce', 'email bounce'],
  )
  assert.equal(refused, 2, 'nobody has said why')
  assert.deepEqual(await run('suppressions', 'remove', ...of, '--why', 'mended'), [
    0,
    'the address may be used again\n',
  ])
})

test(
  'what the prune guard holds is listed and settled from the command line, with a line in the log',
  limits,
  async () => {
    await using world = await setup()
    const { db, run } = world
    const ids = Array.from({ length: 30 }, (_, at) => `u${at}`)
    await db.query(
      `insert into recipients (id, endpoints) select id, '[{"id":"phone","channel":"push","provider":"fcm","address":"token-' || id || '","state":"active","since":1}]'
     from unnest($1::text[]) as p(id)`,
      [ids],
    )
    const tripped = await markEndpoint(
      { db, addressKey },
      ids.map(recipient => ({
        ...{ recipient, endpoint: 'phone', channel: 'push', address: `token-${recipient}` },
        ...{ state: 'dead', reason: 'mismatch', at: 2 },
      })),
    )
    assert.equal(tripped.length, 1)
    assert.match((await run('prunes', 'list'))[1], /^fcm +30 .* mismatch +0 +30 +20$/m)
    const act = (...args: string[]) => run('prunes', ...args, '--provider', 'fcm', '--why', 'a test', '--as', 'ada')
    assert.deepEqual(await act('release'), [0, '30 endpoints of fcm are pruned after all\n'])
    assert.deepEqual(await act('undo', '--since', '1h'), [0, '30 endpoints of fcm live again\n'])
    const [last] = await readActs(db, { limit: 1 })
    assert.deepEqual([last?.who, last?.what, last?.about.endpoints], ['ada', 'prunes undo', 30])
  },
)
