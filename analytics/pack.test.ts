import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decidedPack, settledPack } from '#tests/analytics/packs.fixture.ts'
import { parseEventPack } from './pack.ts'

const bytes = (json: unknown): Buffer => Buffer.from(JSON.stringify(json))
const pack = settledPack(['u1', 'u2'])
const slot = pack.slots[0]!
const intent = pack.intents[0]!

test('a pack is what was published', () => {
  assert.deepEqual(parseEventPack(bytes(pack)), { ok: true, pack })
  const whys = decidedPack(['u1'], { whys: [{ rule: 'throttled', value: '10/1h' }] })
  assert.deepEqual(parseEventPack(bytes(whys)), { ok: true, pack: whys })
})

test('an outcome that is newer than this build is stored as it is', () => {
  const newer = { ...pack, slots: [{ ...slot, what: 'over_the_moon' }] }
  assert.deepEqual(parseEventPack(bytes(newer)), { ok: true, pack: newer })
})

const malformed: [problem: RegExp, change: object][] = [
  [/no version/, { v: undefined }],
  [/no pack id/, { pack: 'a\nb' }],
  [/no day/, { day: '2026-13-01' }],
  [/no day/, { day: '2026-02-31' }],
  [/no day/, { day: "2026-11-20'" }],
  [/no time/, { at: 1e300 }],
  [/no kind/, { kind: 'set\ttled' }],
  [/set that is no id/, { set: 'set-1' }],
  [/batch that is no id/, { batch: 7 }],
  [/provider/, { provider: '' }],
  [/simulated/, { simulated: 'yes' }],
  [/no intents/, { intents: {} }],
  [/intents\[0\]/, { intents: [{ ...intent, id: 'x' }] }],
  [/intents\[0\]/, { intents: [{ ...intent, lane: 'fast' }] }],
  [/intents\[0\]/, { intents: [{ ...intent, occurredAt: -1 }] }],
  [/intents\[0\]/, { intents: [{ ...intent, category: 'a\\b' }] }],
  [/intents\[0\]/, { intents: [null] }],
  [/intents\[0\]/, { intents: [{ ...intent, success: 'yes' }] }],
  [/no whys/, { whys: null }],
  [/whys\[1\]/, { whys: [{ rule: 'default' }, { rule: 'default', value: 3 }] }],
  [/no slots/, { slots: 'u1' }],
  [/slots\[1\]/, { slots: [slot, { ...slot, i: 1 }] }],
  [/slots\[0\]/, { slots: [{ ...slot, i: -1 }] }],
  [/slots\[0\]/, { slots: [{ ...slot, recipient: '' }] }],
  [/slots\[0\]/, { slots: [{ ...slot, recipient: '\ud800' }] }],
  [/slots\[0\]/, { slots: [{ ...slot, channel: 'fax' }] }],
  [/slots\[0\]/, { slots: [{ ...slot, what: 'Sent!' }] }],
  [/slots\[0\]/, { slots: [{ ...slot, w: 0 }] }],
  [/slots\[0\]/, { slots: [{ ...slot, called: false }] }],
]
for (const [problem, change] of malformed)
  test(`refused: ${JSON.stringify(change)}`, () => {
    const parsed = parseEventPack(bytes({ ...pack, ...change }))
    assert.ok(!parsed.ok)
    assert.equal(parsed.reason, 'malformed')
    assert.match(parsed.problem, problem)
  })

test('what is no JSON, and no object, is malformed; another version is unknown', () => {
  for (const text of ['', 'null', '[]', '"pack"', '{"v":1', '\xff\xfe'])
    assert.equal((parseEventPack(Buffer.from(text, 'latin1')) as { reason: string }).reason, 'malformed')
  assert.deepEqual(parseEventPack(bytes({ v: 2 })), {
    ok: false,
    reason: 'unknown',
    problem: 'the pack has version 2, this build reads 1',
  })
})
