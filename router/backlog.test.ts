import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decisionsIn, emptyLedger, intentOf, routeAt, typeOf } from './routing.fixture.ts'

const now = Date.now()
const minute = 60_000

test('what piled up is told apart by when it happened, not by when it is decided', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const types = [typeOf('comment.created', { dedupe: { key: () => 'k', within: '10m' } })]
  for (const minutes of [0, 5, 12]) {
    const occurredAt = now - 120 * minute + minutes * minute
    const intent = intentOf({ type: 'comment.created', to: [{ kind: 'recipient', id: 'u1' }], occurredAt })
    await routeAt(now, [intent], { db, types })
  }
  assert.deepEqual(await decisionsIn(db), ['u1 deliver', 'u1 deduplicated', 'u1 deliver'])
})
