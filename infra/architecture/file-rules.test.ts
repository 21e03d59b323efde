import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clockReads, emptyFileNames, environmentReads, foreignWrites, tooLong } from './file-rules.ts'
import { readSource } from './source.ts'

const owners = { batches: 'infra/ledger' }

test('a file of more than 400 lines', () => {
  assert.deepEqual(tooLong([readSource('router/a.ts', '\n'.repeat(400))]), [])
  assert.equal(tooLong([readSource('router/a.ts', '\n'.repeat(401))]).length, 1)
})

test('a function of more than 70 lines', () => {
  for (const form of ['const f = () => {#}', 'function f() {#}', 'const f = { f() {#} }', 'class F { f() {#} }']) {
    assert.deepEqual(tooLong([readSource('router/a.ts', form.replace('#', '\n'.repeat(69)))]), [])
    assert.equal(tooLong([readSource('router/a.ts', form.replace('#', '\n'.repeat(70)))]).length, 1, form)
  }
})

test('empty names of files and folders', () => {
  for (const name of ['router/utils', 'infra/common/a', 'router/job-handler', 'router/base.test', 'router/data'])
    assert.equal(emptyFileNames([readSource(`${name}.ts`, '')]).length, 1, name)
  for (const name of ['router/base64', 'router/erase-data', 'infra/db/schema'])
    assert.deepEqual(emptyFileNames([readSource(`${name}.ts`, '')]), [])
})

const environment = [
  `process.env.A`,
  `process?.['env']`,
  `globalThis.process.env`,
  `const { env } = process`,
  `import { env } from 'node:process'`,
]
for (const text of environment)
  test(`the environment, read as ${text}`, () => {
    assert.equal(environmentReads([readSource('router/a.ts', text)]).length, 1)
    assert.deepEqual(environmentReads([readSource('infra/runtime/config.ts', text)]), [])
  })

for (const text of ['Date.now()', 'new Date()', 'Date()', 'Temporal.Now.instant()'])
  test(`the wall clock, read as ${text}`, () => {
    assert.equal(clockReads([readSource('router/a.ts', text)]).length, 1)
    for (const file of ['infra/runtime/clock.ts', 'infra/local/a.ts', 'router/a.test.ts'])
      assert.deepEqual(clockReads([readSource(file, text)]), [])
  })

test('a date made from an instant is no clock', () => {
  assert.deepEqual(clockReads([readSource('router/a.ts', 'new Date(at); Temporal.Instant.from(at)')]), [])
})

const writes = [
  `db.insertInto('batches').values(rows)`,
  `db.updateTable('batches as b').set(row)`,
  `db.deleteFrom('batches')`,
  '`INSERT INTO batches (day) values (${day})`',
  `'update only "batches" set tries = 1'`,
  'sql`merge into\n batches`',
  `'copy batches from stdin'`,
]
for (const text of writes)
  test(`a table of another module, written by ${text.replace('\n', ' ')}`, () => {
    assert.equal(foreignWrites([readSource('router/a.ts', text)], owners).length, 1)
    for (const file of ['infra/ledger/a.ts', 'infra/db/migrations/0001-a.ts', 'router/a.test.ts'])
      assert.deepEqual(foreignWrites([readSource(file, text)], owners), [])
  })

test('a table of another module may be read', () => {
  const text = '`select * from batches for update of batches`; db.selectFrom("batches")'
  assert.deepEqual(foreignWrites([readSource('router/a.ts', text)], owners), [])
})
