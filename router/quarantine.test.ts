import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide, type Question } from './decide.ts'
import { entry, everybody, intent, noon, stopped } from './decide.fixture.ts'
import { tooMany } from './policies/quarantine.ts'
import { intentOf, typeOf } from './routing.fixture.ts'

const open = { state: 'open', guard: 'recipients', most: 1_000, sample: [] } as const
const released = { channels: ['push'], reason: 'quarantine' } as const
const rows: { name: string; ask: Partial<Question>; expect: string }[] = [
  {
    name: 'what is in quarantine waits, mandatory or not, whatever its schedule says',
    ask: {
      ...{ quarantine: open, entry: { ...entry, mandatory: true } },
      intent: { ...intent, sendAt: noon + 1, spread: { from: noon, overMs: 60_000 } },
    },
    expect: 'held quarantined 1000',
  },
  { name: 'and waits on until somebody ends it', ask: { quarantine: open, released }, expect: 'held quarantined 1000' },
  { name: 'a sample passes', ask: { quarantine: { ...open, sample: ['u1'] }, released }, expect: 'deliver default' },
  {
    name: 'what is released is decided as if it had just come, its schedule too',
    ask: { released, intent: { ...intent, sendAt: noon + 60_000 } },
    expect: 'held scheduled 2026-11-21T11:01:00.000Z',
  },
  {
    name: 'what is discarded ends',
    ask: { quarantine: { state: 'discarded' }, released },
    expect: 'refused discarded',
  },
  {
    name: 'a stop comes first',
    ask: { quarantine: open, stops: [stopped('type', entry.type)] },
    expect: 'held stopped type comment.created',
  },
  {
    name: 'what was taken back ends and waits for nobody',
    ask: { quarantine: open, takenBack: { outcome: 'retracted', why: { rule: 'retracted' } } },
    expect: 'refused retracted',
  },
]

for (const { name, ask, expect } of rows)
  test(`quarantine: ${name}`, () => {
    const question: Question = { intent, entry, person: everybody, windows: undefined, at: noon, ...ask }
    for (const { verdict } of decide(question)) {
      const { rule, value } = verdict.why
      assert.equal([verdict.kind, rule, value].filter(word => word !== undefined).join(' '), expect)
    }
  })

test('who is too many is said by the type, else there may be 1,000; a dry run may be for any number', () => {
  const asked = (more: object, named: number, members: number) =>
    tooMany(
      { intent: intentOf({ type: 'a', to: [], occurredAt: noon, ...more }), entry: typeOf('a', more) },
      { named, members },
    )
  assert.equal(asked({}, 1, 999), undefined)
  assert.equal(asked({}, 2, 999)?.most, 1_000)
  assert.equal(asked({ maxRecipients: 20_000 }, 0, 20_000), undefined)
  const { recipients, more } = asked({ maxRecipients: 20_000 }, 1, 20_001)!
  assert.deepEqual([recipients, more], [20_000, true])
  assert.equal(asked({ dryRun: true }, 2, 999), undefined)
})
