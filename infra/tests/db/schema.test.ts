import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { dumpSchema } from '#db/dump.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { bareDatabase } from '../servers.ts'
import { command, freshSchema, schemaFile } from './schema-dump.ts'

test('schema.sql is what the migrations make', async () => {
  const kept = await readFile(schemaFile, 'utf8')
  assert.equal(
    kept,
    await freshSchema(),
    `infra/db/schema.sql is not what the migrations make; write it anew: ${command}`,
  )
})

test('a dump that is run gives the same dump', async () => {
  await using database = await bareDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'dump' })
  const kept = await readFile(schemaFile, 'utf8')
  await db.query(kept)
  assert.equal(await dumpSchema(db), kept.slice(kept.indexOf('create table')))
})

test('a dump tells every change', async () => {
  await using database = await bareDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'dump' })
  await db.query(`create table t (id int primary key, name text)`)
  const changes = [
    `alter table t add column more text`,
    `alter table t alter name type varchar(20)`,
    `alter table t alter name set not null`,
    `alter table t alter name set default 'x'`,
    `alter table t add constraint short check (length(name) < 9)`,
    `create index by_name on t (name) where name <> ''`,
    `alter table t set (fillfactor = 70)`,
    `alter table t alter name set statistics 0`,
    `alter table t alter name set storage external`,
    `create view v as select id from t`,
    `create function f() returns int language sql as 'select 1'`,
    `create function g() returns trigger language plpgsql as 'begin return new; end'`,
    `create trigger tr before insert on t for each row execute function g()`,
    `alter table t rename to u`,
  ]
  let before = await dumpSchema(db)
  for (const change of changes) {
    await db.query(change)
    const after = await dumpSchema(db)
    assert.notEqual(after, before, change)
    before = after
  }
})
