import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '#contracts/outcome.ts'
import type { Wait } from '#contracts/wait.ts'
import type { SlotResult } from '#ledger/batch.ts'
import { notBegun } from './answer-table.ts'
import { type BatchTerms, notCalled, settle, type SlotTerms } from './settle.ts'

const now = 1_000_000_000_000
const batch: BatchTerms = {
  lane: 'default',
  channel: 'push',
  now,
  leaseLeftMs: 90_000,
  tries: 0,
  jitter: 0.5,
  holdMs: 60_000,
  unsent: undefined,
}
const closed = (outcome: string) => ({ kind: 'closed', outcome, called: true })
const expired = { ...closed('expired'), why: { rule: 'expired', value: new Date(now + 1).toISOString() } }
const uncalledRetry = (ms: number, reason: string) => ({
  kind: 'retry',
  dueInMs: ms,
  reason,
  spent: reason === 'retry',
})
const since = (value: string) => ({ why: { rule: 'tried_again', value } })
const retry = (ms: number, reason = 'retry') => ({ ...uncalledRetry(ms, reason), called: true, ...since('r') })
const again = (ms: number, value = 'r') => ({ ...retry(ms), maybeSent: true, ...since(value) })
const awaited = (ms: number, value: string) => ({ kind: 'doubt', dueInMs: ms, spent: true, ...since(value) })
const inDoubt = (value: string) => ({ ...closed('in_doubt'), why: { rule: 'maybe_sent', value } })
const taken = { outcome: 'retracted', why: { rule: 'retracted' } } as const
const soon: Partial<SlotTerms> = { expiresAt: now + 1 }
const r: Answer = { kind: 'retry', afterMs: 0, reason: 'r' }
const maybe: Answer = { ...r, maybeSent: true }
const doubt: Answer = { kind: 'doubt', reason: 'd' }
const sms: Partial<BatchTerms> = { channel: 'sms', leaseLeftMs: 30_000 }
const email: Partial<BatchTerms> = { ...sms, channel: 'email' }
const never: Partial<SlotTerms> = { doubt: 'never' }
const put: Answer = { kind: 'pause', afterMs: 7_000, reason: 'r', uncalled: true }
const wait: Wait = { waitMs: 9_000, reason: 'rate' }
const waits: Partial<SlotTerms> = { doubt: 'await_receipt' }

const other: Partial<BatchTerms> = { elsewhere: { unfit: 'b', refused: 'c' } }
const known: Answer = { kind: 'config', reason: 'r', uncalled: true }
const moved = (value: string, more: object) => ({
  ...{ kind: 'retry', dueInMs: 0, reason: 'route', route: 'b', spent: false },
  ...{ why: { rule: 'rerouted', value }, ...(value.endsWith('called') && { called: true }), ...more },
})

type Line = [what: string, answer: Answer, slot: Partial<SlotTerms>, batch: Partial<BatchTerms>, object]
const table: Line[] = [
  ['accepted', { kind: 'accepted', providerId: 'p' }, {}, {}, { kind: 'closed', outcome: 'sent', providerId: 'p' }],
  [
    'in the inbox',
    { kind: 'accepted', providerId: 'p' },
    {},
    { channel: 'in_app' },
    { kind: 'closed', outcome: 'delivered' },
  ],
  ['taken back', { kind: 'takenBack', end: taken }, {}, { channel: 'in_app' }, { kind: 'closed', ...taken }],
  ['paused, and another may be called', { kind: 'pause', afterMs: 1, reason: 'r' }, {}, other, moved('b called', {})],
  ['refused, the same', { kind: 'config', reason: 'r' }, {}, other, moved('c refused', { route: 'c', called: true })],
  ['tried again, the same', r, {}, other, moved('b called', { spent: true })],
  ['not begun, the same', notBegun, {}, other, moved('b unfit', {})],
  ['may have been sent, the same', maybe, {}, { ...other, leaseLeftMs: 0, jitter: 0 }, again(0)],
  ['in doubt, the same', doubt, waits, { ...sms, ...other }, awaited(60_000, 'd')],
  ['dead address', { kind: 'addressDead', reason: 'r' }, {}, {}, closed('address_dead')],
  ['opted out there', { kind: 'suppress', reason: 'r' }, {}, {}, closed('suppressed_address')],
  [
    'bad message',
    { kind: 'messageDead', reason: 'r' },
    {},
    {},
    { ...closed('rejected'), why: { rule: 'rejected', value: 'r' } },
  ],
  [
    'dead address, by what it is',
    { kind: 'addressDead', reason: 'r', uncalled: true },
    {},
    {},
    { kind: 'closed', outcome: 'address_dead', why: { rule: 'unsendable', value: 'r' } },
  ],
  [
    'bad message, by what it is',
    { kind: 'messageDead', reason: 'r', uncalled: true },
    {},
    {},
    { kind: 'closed', outcome: 'rejected', why: { rule: 'unsendable', value: 'r' } },
  ],
  ['retry, full jitter', r, {}, {}, retry(15_000)],
  ['retry, no luck', r, {}, { jitter: 0 }, retry(0)],
  ['retry, doubled', r, {}, { tries: 2 }, retry(60_000)],
  ['retry, capped', r, {}, { tries: 4, jitter: 1 }, retry(480_000)],
  ['retry, critical', r, {}, { lane: 'critical' }, retry(1_000)],
  ['retry, as asked', { ...r, afterMs: 20_000 }, {}, {}, retry(20_000)],
  ['retry, last try', r, {}, { tries: 5 }, closed('provider_exhausted')],
  ['retry, too late', r, soon, {}, expired],
  ['retry, perhaps sent', maybe, {}, {}, again(15_000)],
  ['retry, perhaps sent, too late', maybe, soon, {}, inDoubt('expired')],
  ['retry, perhaps sent, last try', maybe, {}, { tries: 5 }, inDoubt('provider_exhausted')],
  ['retry, perhaps sent, never twice', maybe, never, {}, closed('in_doubt')],
  ['retry, perhaps sent, receipts', maybe, waits, sms, awaited(60_000, 'r')],
  ['retry, perhaps sent, no receipts', maybe, waits, {}, again(15_000)],
  ['pause', { kind: 'pause', afterMs: 7_000, reason: 'r' }, {}, { tries: 9 }, retry(7_000, 'pause')],
  ['pause, too long', { kind: 'pause', afterMs: 7_000, reason: 'r' }, soon, {}, expired],
  ['pause that nobody was asked in', put, {}, {}, { ...uncalledRetry(7_000, 'pause'), why: notCalled }],
  ['pause that nobody was asked in, and another may be called', put, {}, other, moved('b unfit', {})],
  ['config', { kind: 'config', reason: 'r' }, {}, { tries: 9 }, retry(60_000, 'circuit')],
  ['config that nobody was asked in', known, {}, {}, { ...uncalledRetry(60_000, 'circuit'), why: notCalled }],
  ['the same, and another may be called', known, {}, other, moved('c refused', { route: 'c' })],
  ['config, too long', { kind: 'config', reason: 'r' }, soon, {}, expired],
  ['not begun', notBegun, {}, { tries: 9 }, { ...uncalledRetry(4_500, 'rate'), why: notCalled }],
  [
    'not begun, critical',
    notBegun,
    {},
    { lane: 'critical', jitter: 0 },
    { ...uncalledRetry(1_000, 'rate'), why: notCalled },
  ],
  ['not begun, bulk', notBegun, {}, { lane: 'bulk', jitter: 1 }, { ...uncalledRetry(12_000, 'rate'), why: notCalled }],
  ['not begun, for a wait', notBegun, {}, { unsent: wait }, { ...uncalledRetry(9_000, 'rate'), why: notCalled }],
  [
    'not begun, and soon over',
    notBegun,
    { expiresAt: now + 5_000 },
    {},
    { ...uncalledRetry(2_500, 'rate'), why: notCalled },
  ],
  ['doubt, resend after the lease', doubt, {}, {}, again(90_000, 'd')],
  ['doubt, never', doubt, never, {}, closed('in_doubt')],
  ['doubt, sms', doubt, waits, sms, awaited(60_000, 'd')],
  ['doubt, email', doubt, waits, email, awaited(600_000, 'd')],
  ['doubt, no receipts here', doubt, waits, {}, again(90_000, 'd')],
  ['doubt, last try', doubt, {}, { tries: 5 }, closed('in_doubt')],
  ['doubt, no time to resend', doubt, soon, {}, closed('in_doubt')],
  ['doubt, no time for a receipt', doubt, { ...waits, ...soon }, sms, closed('in_doubt')],
]

for (const [what, answer, slot, terms, expected] of table)
  test(what, () => {
    const result: SlotResult = settle(answer, { doubt: 'resend', ...slot }, { ...batch, ...terms })
    assert.deepEqual(result, expected)
  })
