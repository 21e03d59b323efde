import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld, inboxes } from '../world.fixture.ts'
import { inboxProvider } from './inbox.ts'

test('an item is there once, and a new one takes its place when its key was forgotten and used anew', async () => {
  await using world = await createWorld()
  const { db } = world
  world.use(inboxProvider(db))
  const occurredAt = Date.now()
  const tell = async (name: string, at: number) =>
    world.deliver(await world.write({ ...inboxes('anna'), intent: { data: { name }, occurredAt: at } }))
  const items = () =>
    db.query<{ content: string; seen_at: Date | null; batch: string; slot: number }>('select * from inbox_items')
  await tell('Ben', occurredAt - 36 * 86_400_000)
  await db.query('update inbox_items set seen_at = now()')
  const first = await items()
  assert.equal(first.length, 1)
  await tell('Cem', occurredAt - 36 * 86_400_000)
  assert.deepEqual(await items(), first, 'sent again it is the same')
  await tell('Cem', occurredAt)
  const [second, ...rest] = await items()
  assert.deepEqual(rest, [])
  assert.match(second!.content, /Cem/)
  assert.equal(second!.seen_at, null, 'also when the former one came late')
  const [attempt] = await db.query<{ batch: string; slot: number }>(
    'select batch_id as batch, slot from deliveries order by batch_id desc limit 1',
  )
  assert.deepEqual({ batch: second!.batch, slot: second!.slot }, attempt, 'it names the attempt that put it')
})
