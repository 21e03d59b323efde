import assert from 'node:assert/strict'
import { test } from 'node:test'
import { to as copyTo } from 'pg-copy-streams'
import { copying, openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '#tests/servers.ts'
import { eachCopiedRow } from './copied-rows.ts'

test('what is thrown while rows are told is thrown on, and the connection goes on', async () => {
  await using server = await testDatabase()
  await using db = await openPostgres({ url: server.url, connectionsMax: 1, name: 'test', statementLimitMs: 5_000 })
  const connectionId = async () => (await db.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]!.pid
  const before = await connectionId()
  let told = 0
  const copied = db.transaction((_, connection) => {
    const statement = `copy (select repeat('x', 100) from generate_series(1, 200000)) to stdout (format binary)`
    return eachCopiedRow(copying(connection, copyTo(statement)), 1, () => {
      if (++told >= 10) throw new Error(`row ${told}`)
    })
  })
  await assert.rejects(copied, /^Error: row 10$/)
  assert.equal(await connectionId(), before)
})

test('a row that cannot be made is an error, and the connection goes on', async () => {
  await using server = await testDatabase()
  await using db = await openPostgres({ url: server.url, connectionsMax: 1, name: 'test' })
  const copied = db.transaction((_, connection) =>
    eachCopiedRow(
      copying(
        connection,
        copyTo('copy (select 1 / (100 - n) from generate_series(1, 200) n) to stdout (format binary)'),
      ),
      1,
      () => {},
    ),
  )
  await assert.rejects(copied, /division by zero/)
  assert.equal((await db.query('select 1')).length, 1)
})
