import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPostgres } from '#runtime/postgres.ts'
import { testDatabase } from '#tests/servers.ts'
import { refuseMessages } from './admit.ts'

test('the problems of a refused message take 4,000 bytes at most, whatever they are written in', async () => {
  await using database = await testDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 1, name: 'test' })
  const refused = { messageId: '1', lane: 'default', reason: 'malformed' } as const
  await refuseMessages(db, [{ ...refused, problems: ['x', '🐢'.repeat(3000)] }], Date.now())
  const [row] = await db.query<{ problems: string }>('select problems from refused')
  assert.equal(row!.problems, `x; ${'🐢'.repeat(999)}`, 'no character is cut in two')
})
