import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld, inboxes } from '../world.fixture.ts'
import { inboxProvider } from './inbox.ts'

test('an item is there once, and a new one takes its place when its key was forgotten and used anew', async () => {
  await using world = await createWorld()
  const { db } = world
  world.use(inboxProvider(db))
  const tell = async (name: string) =>
    world.deliver(await world.write({ ...inboxes('anna'), intent: { data: { name } } }))
  const items = () => db.query('select content, seen_at from inbox_items')
  await tell('Ben')
  const first = await items()
  assert.equal(first.length, 1)
  await tell('Cem')
  assert.deepEqual(await items(), first, 'sent again it is the same')
  await db.query(`update inbox_items set created_at = created_at - interval '35 days', seen_at = now()`)
  await tell('Cem')
  const [second, ...rest] = await items()
  assert.deepEqual(rest, [])
  assert.match(JSON.stringify(second), /Cem/)
  assert.equal((second as { seen_at: unknown }).seen_at, null)
})
