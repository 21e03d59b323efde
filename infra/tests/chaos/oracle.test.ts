import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outcomes } from '#contracts/outcome.ts'
import { type Evidence, judge } from './oracle.ts'

const intent = '11111111-1111-8111-8111-111111111111'
const request = { provider: 'sendgrid', address: 'r1@example.com', attemptId: 'b.0', accepted: true, at: '2026-01-01' }

const countsOf = (intended: number, accepted: number): Evidence['counts'] =>
  new Map([['all', new Map([['email', { intended, accepted }]])]])

/** One mail that was sent, claimed once, and is told as what it is. */
function mail({
  outcome = 1,
  what = 'sent',
  ...changed
}: Partial<Evidence> & { outcome?: number; what?: string } = {}) {
  const delivery = { batch: 'b', intent, recipient: 'r1', endpoint: 'mail' }
  const slot = { ...delivery, slot: 0, channel: 2, outcome, claims: 1, claimed: null, closed: null }
  const evidence: Evidence = {
    told: new Map([[intent, { type: 'invoice.sent', about: 'a', recipients: ['r1'], occurredAt: 1 }]]),
    slots: [slot],
    events: [{ ...delivery, what }],
    counts: countsOf(1, 1),
    requests: [request],
    inbox: [],
    interrupted: [],
    owners: new Map(),
    erased: new Map(),
    graceMs: 0,
  }
  return { ...evidence, ...changed }
}

test('analysts are told each end by its own word, and by no other', () => {
  for (const [outcome, own] of outcomes.entries())
    for (const what of [...outcomes, 'engaged', ''])
      assert.equal('mistold' in judge(mail({ outcome, what, requests: [] })).broken, what !== own, `${own} as ${what}`)
})

test('a delivery arrives twice only if a worker that held it was lost', () => {
  const claims = 2
  const slots = mail().slots.map(slot => ({ ...slot, claims }))
  const twice = mail({ slots, requests: [request, request] })
  assert.deepEqual(Object.keys(judge(twice).broken), ['duplicated'])
  const interrupted = judge({ ...twice, interrupted: ['b'] })
  assert.deepEqual(interrupted.broken, {})
  assert.deepEqual(interrupted.duplicates, { used: 1, bound: 1 })
  const other = judge({ ...twice, interrupted: ['c'] })
  assert.deepEqual(Object.keys(other.broken), ['duplicated'], 'another batch that was lost excuses nothing')
})

test('analysts are counted what the ledger has, and what arrived, by all who count', () => {
  const miscounted = (changed: Parameters<typeof mail>[0]) => 'miscounted' in judge(mail(changed)).broken
  assert.equal(miscounted({}), false)
  for (const [name, wrong] of [...countsOf(2, 1), ...countsOf(1, 0), ...countsOf(0, 0), ['a', new Map()] as const]) {
    const counts = new Map([...countsOf(1, 1), ['another', wrong] as const])
    assert.equal(miscounted({ counts }), true, JSON.stringify([name, ...wrong]))
  }
  assert.equal(miscounted({ requests: [] }), true, 'nobody got it')
  assert.equal(miscounted({ requests: [request, request] }), false, 'what arrives twice is one')
  assert.equal(miscounted({ outcome: 26, what: 'in_doubt', counts: countsOf(1, 0) }), false, 'in doubt, and it arrived')
})
