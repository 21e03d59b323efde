import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { contactRecipient, keepContacts } from '#preferences/preferences.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { createProducerToken } from '#producers/http/producer-tokens.ts'
import { simulateApi } from '#producers/http/simulate-api.ts'
import { simulate, type Simulation } from '#router/simulate.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { startProgram } from '../program.ts'
import { testDatabase } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const addressKey = 'a key for tests that has 32 characters'
const email = 'ada@mail.example'
const data = { commentId: 'c1', author: 'ada', title: 'Docs', excerpt: 'Hello', url: 'https://docs.example/1' }

async function setup() {
  await using opened = new AsyncDisposableStack()
  const { url: databaseUrl } = opened.use(await testDatabase())
  const db = opened.use(await openPostgres({ url: databaseUrl, connectionsMax: 4, name: 'test' }))
  const log = createLog({ role: 'test', level: 'error' })
  const app = createHttp({ log, metrics: createMetrics(), bodyLimitBytes: 1024 * 1024 })
  opened.defer(() => app.close())
  simulateApi(app, { catalogue, db, simulate: supposed => simulate({ db, addressKey }, supposed) })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const types = ['comment.created', 'member.invited']
  const token = await createProducerToken(db, { producer: 'docs', types })
  const running = opened.move()
  const ask = async (body: object) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const said = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await fetch(`${url}/v1/intents/simulate`, said)
    return { status: response.status, text: await response.text() }
  }
  return { db, databaseUrl, ask, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** How much there is in every table. */
async function everything(db: Database): Promise<object[]> {
  const tables = await db.query<{ name: string }>(
    `select relname as name from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace order by 1`,
  )
  const counts = tables.map(({ name }) => `select '${name}' as name, count(*) from "${name}"`)
  // The server may count several at once.
  return db.query(`${counts.join(' union all ')} order by name`)
}

test('an intent is decided for its people, its contacts and the first of its audiences, and nothing is left behind', async () => {
  await using world = await setup()
  const { db, ask } = world
  await db.query(`insert into recipients (id, choices) values ('u1', '{"categories":{"social":{"in_app":false}}}')`)
  await db.query(`insert into audience_members select 'team', 'm' || n from generate_series(1, 150) as n`)
  const before = await everything(db)
  const to = ['u1', 'u2', { audience: 'team' }, { contact: { email } }]
  const { status, text } = await ask({ type: 'comment.created', to, data, key: 'k', actor: 'm7' })
  assert.equal(status, 200)
  const { lines, members, summary } = JSON.parse(text) as Simulation
  assert.deepEqual(members, { n: 149, shown: 100, more: false })
  const of = (recipient: string) => lines.filter(line => line.recipient === recipient)
  assert.equal(
    of('u1').find(line => line.channel === 'in_app')!.sentence,
    'Not sent: the person switched social by in_app off.',
  )
  assert.equal(of('u2').find(line => line.channel === 'in_app')!.verdict, 'deliver')
  assert.deepEqual([of('m7'), of('m1')[0]!.reason], [[], 'audience'])
  assert.deepEqual(
    summary.filter(line => line.channel === 'in_app').map(({ verdict, rule, n }) => [verdict, rule, n]),
    [
      ['deliver', 'default', 102],
      ['suppressed_preference', 'opted_out', 1],
    ],
  )
  assert.doesNotMatch(text, /mail\.example/)
  assert.deepEqual(await everything(db), before)
})

test('a contact is decided as it would be kept: new, known, suppressed', async () => {
  await using world = await setup()
  const { db, ask } = world
  const invite = { type: 'member.invited', to: [{ contact: { email } }], data: { team: 't', by: 'b', url: data.url } }
  const verdict = async () => {
    const { status, text } = await ask({ ...invite, key: 'k' })
    assert.equal(status, 200, text)
    const { recipient, verdict } = (JSON.parse(text) as Simulation).lines.find(line => line.channel === 'email')!
    assert.equal(recipient, contactRecipient(addressKey, { email }))
    return verdict
  }
  assert.equal(await verdict(), 'deliver')
  await keepContacts({ db, addressKey, now: Date.now() }, [{ contact: { email } }])
  assert.equal(await verdict(), 'deliver')
  await db.query(`insert into suppressions select hash, channel, 'bounce', 'test', now() from addresses`)
  await db.query(`delete from recipients`)
  assert.equal(await verdict(), 'suppressed_address')
})

test('what stating it would refuse is refused, with every problem', async () => {
  await using world = await setup()
  const { status, text } = await world.ask({ type: 'comment.created', to: [], data: { ...data, author: 7 }, key: 'k' })
  assert.equal(status, 422)
  assert.deepEqual((JSON.parse(text) as { errors: object[] }).errors.length, 2)
  assert.equal((await world.ask({ type: 'issue.assigned', to: ['u1'], data, key: 'k' })).status, 403)
})

test('the command answers by a file or by options, and one line says what is wrong', async () => {
  await using world = await setup()
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'intent.json')
  await writeFile(file, JSON.stringify({ type: 'comment.created', to: ['u1'], data }))
  const env = { DATABASE_URL: world.databaseUrl, CARILLON_DATA_DIR: folder.path, CARILLON_SECRET: addressKey }
  await using filed = startProgram(['simulate', file, '--at', '2026-11-21T12:00:00Z'], env)
  await using wrong = startProgram(['simulate', '--type', 'comment.created', '--to', 'u1', '--data', '{}'], env)
  assert.equal(await filed.ended, 0, filed.said())
  assert.match(filed.out, /^comment\.created, were it stated at 2026-11-21T12:00:00\.000Z:\n {2}u1\n/)
  assert.match(filed.out, /in_app {2}deliver +To be sent: nothing speaks against it\./)
  assert.equal(await wrong.ended, 2)
  assert.match(wrong.err, /^carillon simulate: the intent would be refused: data\.commentId: .*\n$/)
})
