import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecipientId } from '#contracts/ids.ts'
import type { To } from '#contracts/intent.ts'
import { addVolumes, volumePeriodMs } from '#ledger/volumes.ts'
import { decide, type Question } from './decide.ts'
import { entry, everybody, intent, noon, stopped } from './decide.fixture.ts'
import { tooMany } from './policies/quarantine.ts'
import { explain } from './explain.ts'
import { emptyLedger, intentOf, typeOf } from './routing.fixture.ts'
import { simulate } from './simulate.ts'

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

test('simulate and explain say which guard would hold it', async () => {
  await using ledger = await emptyLedger()
  const { db } = ledger
  const at = Date.now()
  const type = typeOf('news', { maxRecipients: 2 })
  const rulesFor = async (to: readonly string[], producer = 'test') => {
    const named = to.map(id => ({ kind: 'recipient' as const, id }))
    const told = { ...intentOf({ type: 'news', to: named, occurredAt: at }), producer }
    const { lines } = await simulate({ db, addressKey: '', volumeFloor: 1 }, { intent: told, entry: type, now: at })
    return [...new Set(lines.map(line => `${line.verdict} ${line.rule} ${line.value ?? ''}`.trim()))]
  }
  assert.deepEqual(await rulesFor(['u1', 'u2']), ['deliver default'])
  assert.deepEqual(await rulesFor(['u1', 'u2', 'u3']), ['held quarantined 2'])
  const list = ['m1', 'm2'].map(recipient => ({ recipient }))
  const own = { name: 'own', page: async (_: string, after: string) => list.filter(one => one.recipient > after) }
  const to: To[] = [
    { kind: 'recipient', id: 'u1' },
    { kind: 'audience', audience: 'own:list' },
  ]
  const withOwn = { intent: intentOf({ type: 'news', to, occurredAt: at }), entry: type, now: at }
  const { lines } = await simulate({ db, addressKey: '', sources: [own] }, withOwn)
  assert.deepEqual(
    lines.map(line => [line.recipient, line.verdict, line.rule]),
    [
      ['u1', 'deliver', 'default'],
      ['m1', 'held', 'quarantined'],
      ['m2', 'held', 'quarantined'],
    ],
  )
  const period = at - (at % volumePeriodMs)
  const process = '00000000-0000-8000-8000-000000000001'
  await addVolumes(db, process, [{ period, type: 'news', producer: 'test', passed: 10, held: 0 }])
  assert.deepEqual(await rulesFor(['u1']), ['held volume 10'])
  assert.deepEqual(await rulesFor(['u1'], 'another'), ['deliver default'])
  const asked = { entry: type, recipient: 'u1' as RecipientId, at, data: {} }
  assert.deepEqual(
    (await explain(db, { ...asked, producer: 'test' }, 1)).map(line => line.rule),
    ['volume'],
  )
  assert.deepEqual(
    (await explain(db, asked, 1)).map(line => line.rule),
    ['default'],
  )
})
