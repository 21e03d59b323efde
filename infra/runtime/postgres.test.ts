import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { bareDatabase } from '#tests/servers.ts'
import { openLink } from './link.fixture.ts'
import { type Database, isOutage, migrate, openPostgres, plainArray, textArray } from './postgres.ts'

const database = await bareDatabase()
after(() => database[Symbol.asyncDispose]())
const open = (url = database.url) => openPostgres({ url, connectionsMax: 4, name: 'test' })

test('what a transaction wrote is there when it ends well, and gone when it throws', async () => {
  await using db = await open()
  await db.query('create table wrote (n int)')
  const returned = await db.transaction(async tx => {
    await tx.query('insert into wrote values ($1)', [1])
    return 'done'
  })
  const failed = db.transaction(async tx => {
    await tx.query('insert into wrote values (2)')
    throw new Error('second thoughts')
  })
  await assert.rejects(failed, /second thoughts/)
  await assert.rejects(
    db.transaction(tx => tx.query('select 1/0')),
    /division by zero/,
  )
  assert.equal(returned, 'done')
  assert.deepEqual(await db.query('select n from wrote'), [{ n: 1 }])
})

test('who disposes of it keeps no connection, whatever was asked: one that is left holds up the end of a process', async () => {
  const db = await open()
  await db[Symbol.asyncDispose]()
  await assert.rejects(db.query('select 1'), /after calling end/)
})

test('an outage is told apart from a mistake, and passes', async () => {
  await using link = await openLink(database.url)
  await using db = await open(link.url)
  const mistake = await failureOf(db, 'select no_such_column')
  assert.equal(isOutage(mistake), false)
  const inside = db.transaction(async tx => {
    await link.cut()
    await tx.query('select 1')
  })
  assert.equal(isOutage(await inside.catch((error: unknown) => error)), true, 'cut off in a transaction')
  assert.equal(isOutage(await failureOf(db, 'select 1')), true, 'refused')
  await assert.rejects(open(link.url), 'a server that is away is told at once')
  await link.mend()
  assert.deepEqual(await db.query('select 1 as one'), [{ one: 1 }])
})

test('a terminated connection is an outage and ends no process', async () => {
  await using db = await open()
  await using killer = await open()
  const ended = db.transaction(async tx => {
    const [self] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
    await killer.query('select pg_terminate_backend($1)', [self!.pid])
    await tx.query('select 1')
  })
  assert.equal(isOutage(await ended.catch((error: unknown) => error)), true)
  await killer.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  await db.query('select 1').catch(() => {})
  assert.deepEqual(await db.query('select 1 as one'), [{ one: 1 }])
})

test('many processes migrate at once, each step is applied once', async () => {
  await using fresh = await bareDatabase()
  await using one = await open(fresh.url)
  await using two = await open(fresh.url)
  const applied = await Promise.all([migrate(one), migrate(two), migrate(one)])
  const steps = applied.flat()
  assert.ok(steps.includes('0001-foundation'))
  assert.equal(new Set(steps).size, steps.length)
  assert.deepEqual(await migrate(two), [])
})

test('a step that arrives after later ones is applied', async () => {
  await using fresh = await bareDatabase()
  await using db = await open(fresh.url)
  await migrate(db)
  await db.query(`delete from kysely_migration where name = '0002-wishes'`)
  await db.query('drop table tenants')
  await db.query('alter table batches drop reasons')
  await db.query('alter table consent_log drop tenant, drop room, drop said')
  assert.deepEqual(await migrate(db), ['0002-wishes'])
})

test('array literals arrive as they were', async () => {
  await using db = await open()
  const texts = ['plain', 'with space', 'ünï,{}', 'null', '']
  const [row] = await db.query('select $1::text[] as texts, $2::int[] as numbers, $3::text[] as none', [
    textArray(texts),
    plainArray([1, 2, 3]),
    textArray([]),
  ])
  assert.deepEqual(row, { texts, numbers: [1, 2, 3], none: [] })
})

const failureOf = (db: Database, sql: string): Promise<unknown> => db.query(sql).catch((error: unknown) => error)
