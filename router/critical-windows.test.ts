import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lane } from '#contracts/channel.ts'
import { type RecipientId } from '#contracts/ids.ts'
import { type Case, judge, windowKeys, withWindows } from './judge.ts'
import { emptyLedger, intentOf, typeOf } from './routing.fixture.ts'

const at = Date.UTC(2026, 0)
const recipient = 'u1' as RecipientId
const inbox = { id: 'inbox', channel: 'in_app', provider: 'inbox', address: '', state: 'active', since: 0 } as const

function caseOf(lane: Lane): Case {
  const entry = typeOf(`${lane}.told`, { lane, throttle: { limit: 1, per: '1h' } })
  const intent = { ...intentOf({ type: entry.type, to: [], occurredAt: at }), category: entry.category }
  return { intent, entry, recipient, at, person: { id: recipient, choices: {}, endpoints: [inbox], erased: false } }
}

test('the critical lane keeps its own windows, and waits for no row of another', async () => {
  await using ledger = await emptyLedger()
  const verdicts = (cases: readonly Case[]) =>
    withWindows(ledger.db, windowKeys(cases), async (tx, locked) =>
      (await judge(tx, cases, locked)).map(({ verdict }) => verdict.kind),
    )
  const bulk = [caseOf('bulk')]
  await withWindows(ledger.db, windowKeys(bulk), async (tx, locked) => {
    await judge(tx, bulk, locked)
    // The person's row of the other lanes is locked now.
    assert.deepEqual(await verdicts([caseOf('critical')]), ['deliver'])
  })
  assert.deepEqual(await verdicts([caseOf('critical'), caseOf('bulk')]), ['refused', 'refused'])
})
