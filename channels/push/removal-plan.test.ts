import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliveryId, intentId, type RecipientId } from '#contracts/ids.ts'
import type { Push } from '#ledger/pushes.ts'
import type { Endpoint, Person } from '#preferences/preferences.ts'
import { budget, idsMax, planTurn, type Said, turned, underWayMs } from './removal-plan.ts'
import type { Note, Sent, Turn } from './removal-store.ts'

const at = Date.parse('2026-11-21T12:00:00Z')
const idOf = (key: string) => intentId({ producer: 'test', key })
const phone: Endpoint = {
  ...{ id: 'phone', channel: 'push', provider: 'fcm', address: 'token', state: 'active', since: 0 },
}
const anna = (endpoints: Endpoint[] = [phone], erased = false): Person => ({
  id: 'anna',
  choices: {},
  endpoints,
  erased,
})
const note = (key: string, more: Partial<Note> = {}): Note => ({ intent: idOf(key), why: 'read', told: [], ...more })
const push = (key: string, more: Partial<Push> = {}): Push => ({
  ...{ recipient: 'anna', intent: idOf(key), endpoint: 'phone', provider: 'fcm', underWay: false, told: [idOf(key)] },
  ...{ category: 'social', type: 't', producer: 'test', occurredAt: at - 1_000, ...more },
})
const turnOf = (notes: Note[], sent: Sent = {}): Turn => ({ recipient: 'anna', turn: 1, at, sent, notes })
const shownAs = (key: string) => deliveryId({ intent: idOf(key), recipient: 'anna' as RecipientId, endpoint: 'phone' })

type Case = { notes?: Note[]; pushes: Push[]; noted?: string[]; person?: Person; sent?: Sent; waitMs?: number }
const planOf = ({ notes = [note('a')], pushes, noted = [], person = anna(), sent = {}, waitMs }: Case) =>
  planTurn(turnOf(notes, sent), { pushes, noted: new Set(noted.map(idOf)), person, badge: 3, waitMs: () => waitMs })
const full = Array.from({ length: budget.removals }, (_, n) => at - 1_000 * (budget.removals - n))

test('who is told what: by device, once, as long as it is worth something', () => {
  const cases: [string, Case, { told: number; open: number; dueInMs?: number }][] = [
    ['shown', { pushes: [push('a')] }, { told: 1, open: 0 }],
    [
      'shown by another provider, before',
      { pushes: [push('a')], person: anna([{ ...phone, provider: 'webpush' }]) },
      { told: 0, open: 0 },
    ],
    ['shown nowhere', { pushes: [] }, { told: 0, open: 0 }],
    ['told before', { notes: [note('a', { told: ['phone'] })], pushes: [push('a')] }, { told: 0, open: 0 }],
    ['expired', { pushes: [push('a', { expiresAt: at })] }, { told: 0, open: 0 }],
    ['must be told to who has read it', { pushes: [push('a', { ignoresReads: true })] }, { told: 0, open: 0 }],
    [
      'the same, taken back',
      { notes: [note('a', { why: 'retracted' })], pushes: [push('a', { ignoresReads: true })] },
      { told: 1, open: 0 },
    ],
    ['told with others', { pushes: [push('a', { told: ['a', 'b'].map(idOf) })] }, { told: 0, open: 0 }],
    ['and they are read', { pushes: [push('a', { told: ['a', 'b'].map(idOf) })], noted: ['b'] }, { told: 1, open: 0 }],
    [
      'told with others, taken back',
      { notes: [note('a', { why: 'retracted' })], pushes: [push('a', { told: ['a', 'b'].map(idOf) })] },
      { told: 1, open: 0 },
    ],
    ['a dead device', { pushes: [push('a')], person: anna([{ ...phone, state: 'dead' }]) }, { told: 0, open: 0 }],
    ['a device that is gone', { pushes: [push('a')], person: anna([]) }, { told: 0, open: 0 }],
    ['who was erased', { pushes: [push('a')], person: anna([phone], true) }, { told: 0, open: 0 }],
    ['under way', { pushes: [push('a', { underWay: true })] }, { told: 0, open: 1, dueInMs: underWayMs }],
    ['its provider is paused', { pushes: [push('a')], waitMs: 7 }, { told: 0, open: 1, dueInMs: 7 }],
    [
      'beyond the budget',
      { pushes: [push('a')], sent: { phone: full } },
      { told: 0, open: 1, dueInMs: budget.windowMs - 1_000 * budget.removals },
    ],
    [
      'when the first of the window is out of it',
      { pushes: [push('a')], sent: { phone: [at - budget.windowMs, ...full.slice(1)] } },
      { told: 1, open: 0 },
    ],
  ]
  for (const [name, one, expected] of cases) {
    const { removals, open, dueInMs } = planOf(one)
    const { told, open: left, dueInMs: due } = expected
    assert.deepEqual([removals.length, open.size, dueInMs], [told, left, due], name)
  }
})

test('a device is told everything in one message, the newest where there is too much', () => {
  const keys = Array.from({ length: idsMax + 2 }, (_, n) => `k${n}`)
  const pushes = keys.map((key, n) => push(key, { occurredAt: at - n, expiresAt: at + n + 1 }))
  const { removals, sent } = planOf({ notes: keys.map(key => note(key)), pushes })
  assert.equal(removals.length, 1)
  assert.deepEqual(removals[0]!.deliveries, keys.slice(0, idsMax).map(shownAs))
  assert.deepEqual([removals[0]!.notes.size, removals[0]!.badge, removals[0]!.expiresAt], [idsMax + 2, 3, at + idsMax])
  assert.deepEqual(sent, { phone: [at] })
})

test('what was answered closes the note, or has it tried again; what reached nobody gives the budget back', () => {
  const plan = planOf({ pushes: [push('a')] })
  const after = (said: Omit<Said, 'removal'>) => {
    const { sent, dueInMs, notes } = turned(plan, [{ removal: plan.removals[0]!, ...said }])
    return [sent.phone, dueInMs, notes.map(({ told, done, toldNow }) => ({ told, done, toldNow }))]
  }
  assert.deepEqual(after({ done: true }), [[at], undefined, [{ told: ['phone'], done: true, toldNow: true }]])
  const again = [{ told: [], done: false, toldNow: false }]
  assert.deepEqual(after({ done: false, againInMs: 9 }), [[at], 9, again])
  assert.deepEqual(after({ done: false, againInMs: 9, unsent: true }), [[], 9, again])
})
