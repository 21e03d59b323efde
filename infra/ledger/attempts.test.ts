import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BatchId, dayOf, newBatchId, newSetId, type RecipientId } from '#contracts/ids.ts'
import { readAttempts } from './attempts.ts'
import type { NewBatch } from './batch.ts'
import { insertBatches } from './insert.ts'
import { intent, now, setup } from './ledger.fixture.ts'

const dayMs = 86_400_000

function idAt(at: number): BatchId {
  const hex = at.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}${newBatchId().slice(13)}` as BatchId
}

const batchAt = (at: number, from?: BatchId): NewBatch => ({
  ...{ id: idAt(at), set: newSetId(), lane: 'default', channel: 'push', provider: 'fcm', sensitive: false, dueInMs: 0 },
  ...{ intents: [intent('a')], whys: { values: [{ rule: 'default' }] } },
  slots: ['u1', 'u2', 'u3'].map(id => ({ recipient: id as RecipientId, endpoint: 'phone', intent: 0 })),
  ...(from && { from: { batch: from, places: [0, 1, 2] } }),
})

test('retries are of the day that their delivery began on, found by one statement for each day', async () => {
  await using world = await setup()
  const { db } = world
  const chain: NewBatch[] = []
  for (const at of [now, now + 1, now + 2, now + dayMs, now + dayMs + 1, now + dayMs + 2])
    chain.push(batchAt(at, chain.at(-1)?.id))
  const orphan = batchAt(now + dayMs, idAt(now + dayMs))
  await insertBatches(db, [...chain, orphan])
  let statements = 0
  const query: typeof db.query = (text, values) => {
    statements++
    return db.query(text, values)
  }
  const last = chain.at(-1)!.id
  const asked = [0, 1, 2].map(slot => ({ batch: last, slot }))
  const found = await readAttempts({ query }, [
    ...asked,
    { batch: orphan.id, slot: 0 },
    { batch: chain[0]!.id, slot: 0 },
  ])
  const [today, tomorrow] = [now, now + dayMs].map(at => dayOf(idAt(at)))
  assert.deepEqual(
    found.map(one => one?.day),
    [today, today, today, tomorrow, today],
  )
  assert.equal(statements, 4, 'two for the attempts, two back')
})
