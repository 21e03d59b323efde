import assert from 'node:assert/strict'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'node:test'
import type { Counted } from './count.ts'
import { type FunnelRow, printFunnel, shapeFunnel as shape } from './funnel.ts'
import type { Dimension } from './question.ts'

/** Pushes: nobody tells that they were delivered. A stage that is not told of is passed with the one before. */
const push = { told: 6, reason: null, machine: false }
const ofA: Counted[] = [
  { ...push, groups: ['a'], reached: 7, fate: 'sent', n: 1 },
  { ...push, groups: ['a'], reached: 4, fate: 'sent', n: 1200 },
  { ...push, groups: ['a'], reached: 2, fate: 'rejected', n: 2 },
  { ...push, groups: ['a'], reached: 1, fate: 'queued', n: 7 },
  { ...push, groups: ['a'], reached: 0, fate: 'throttled', n: 20 },
  { ...push, groups: ['a'], reached: 0, fate: 'held', reason: 'quiet_hours', n: 30 },
]
const counted: Counted[] = [...ofA, { ...push, groups: [null], reached: 0, fate: 'no_endpoint', n: 5 }]
const shapeFunnel = (rows: readonly Counted[], by: Dimension | undefined) => shape({ counted: rows, took: [] }, { by })

test('each stage counts what came that far, and the rest is named where it left', () => {
  const [a, none, ...others] = shapeFunnel(counted, 'provider')
  assert.deepEqual(others, [])
  const { bases, ...shown } = a!
  assert.deepEqual(bases.accepted, { first: 1260, previous: 1203 })
  assert.deepEqual(
    [bases.delivered, bases.seen],
    [
      { first: 0, previous: 0 },
      { first: 1260, previous: 1201 },
    ],
  )
  assert.deepEqual(shown, {
    group: 'a',
    stages: {
      intended: 1260,
      decided: 1210,
      attempted: 1203,
      accepted: 1201,
      delivered: 0,
      seen: 1,
      opened: 1,
      acted: 1,
    },
    machineOpened: 0,
    rest: [
      { after: 'intended', what: 'held', reason: 'quiet_hours', n: 30 },
      { after: 'intended', what: 'throttled', n: 20 },
      { after: 'decided', what: 'queued', n: 7 },
      { after: 'attempted', what: 'rejected', n: 2 },
    ],
  })
  assert.equal(none!.group, null)
  for (const { stages, rest } of shapeFunnel(counted, 'provider'))
    assert.equal(
      stages.intended,
      rest.reduce((sum, { n }) => sum + n, stages.accepted),
    )
})

test('what nobody tells of is in no base: a rate is of those who could have told', () => {
  const mail = { told: 1, groups: [], reason: null, machine: false, fate: 'sent' }
  const [row] = shapeFunnel(
    [
      { ...push, groups: [], reached: 4, fate: 'sent', n: 60 },
      { ...push, groups: [], reached: 5, fate: 'sent', n: 40 },
      { ...mail, reached: 3, n: 10 },
      { ...mail, reached: 5, n: 25 },
      { ...mail, reached: 6, n: 5, machine: false },
      { ...mail, reached: 5, n: 2, machine: true },
    ],
    undefined,
  )
  const { stages, bases, machineOpened } = row!
  assert.deepEqual([stages.accepted, stages.delivered, stages.seen, stages.opened], [142, 32, 40, 5])
  assert.deepEqual(bases.delivered, { first: 42, previous: 42 })
  assert.deepEqual(bases.seen, { first: 100, previous: 100 })
  assert.deepEqual(bases.opened, { first: 142, previous: 72 })
  assert.equal(machineOpened, 2)
  // Where a rate is of another number than the one above, that is told.
  const text = printFunnel([row!], { width: 80, colour: false })
  assert.ok(
    text.endsWith(`
  rates of                               all     prev.
  delivered, without push                 42        42
  seen, without email and SMS            100       100
  opened                                 142        72
  acted, of types with a success         100         0
`),
    text,
  )
})

test('without a breakdown there is one funnel, also of nothing', () => {
  assert.equal(shapeFunnel(counted, undefined)[0]!.stages.intended, 1265)
  const empty = shapeFunnel([], undefined)
  assert.equal(empty.length, 1)
  assert.equal(printFunnel(empty, { width: 80, colour: false }), 'no notifications\n')
})

test('a stage that somebody tells of is shown, though nobody came so far yet', () => {
  const told = { told: 7, reached: 4, fate: 'sent', reason: null, machine: false }
  const text = printFunnel(shapeFunnel([{ ...told, groups: [null], n: 3 }], undefined), { width: 80, colour: false })
  assert.match(text, /\n  delivered +3 .*\n  seen +0 .*\n  opened +0 .*\n  acted +0 /)
})

test('a terminal of 80 columns', () => {
  const text = printFunnel(shapeFunnel(ofA, undefined), { width: 80, colour: false })
  assert.equal(
    text,
    `                                                                of all  of prev.
  intended              1,260  █████████████████████████████     100 %
    held: quiet_hours      30  ░                                 2.4 %
    throttled              20  ░                                 1.6 %
  decided to send       1,210  ███████████████████████████▉     96.0 %    96.0 %
    queued                  7  ░                                 0.6 %
  attempted             1,203  ███████████████████████████▊     95.5 %    99.4 %
    rejected                2  ░                                 0.2 %
  accepted by provider  1,201  ███████████████████████████▋     95.3 %    99.8 %
  seen                      1  ▏                                <0.1 %    <0.1 %
  opened                    1  ▏                                <0.1 %     100 %
  acted                     1  ▏                                <0.1 %     100 %
`,
  )
})

test('how long each step took stands below', () => {
  const times = {
    attempted: { n: 9, p50: 40, p90: 1_230, p99: 65_000 },
    accepted: { n: 2, p50: 30_000, p90: 60_000, p99: 60_000 },
    opened: { n: 1, p50: 0, p90: 7e6, p99: 2e8 },
  }
  const text = printFunnel([{ ...shapeFunnel(ofA, undefined)[0]!, times }], { width: 80, colour: false })
  assert.ok(
    text.endsWith(`
  took                    median       p90       p99
  attempted                 40ms      1.2s      1.1m
  accepted on retry          30s        1m        1m
  opened                     0ms      1.9h      2.3d
`),
    text,
  )
})

test('no line is wider than the terminal, in any width; colour changes nothing but colour', () => {
  const rows: FunnelRow[] = [
    ...shapeFunnel(counted, 'type'),
    {
      ...shapeFunnel(counted, undefined)[0]!,
      times: { accepted: { n: 1, p50: 1, p90: 2, p99: 100_000 } },
      group: 'ein.sehr.langer.name.für.eine.benachrichtigung 🔔🔔🔔',
    },
  ]
  for (let width = 24; width <= 200; width++) {
    const plain = printFunnel(rows, { width, colour: false })
    for (const line of plain.split('\n')) assert.ok(Array.from(line).length <= width, `${width}: ${line}`)
    assert.match(plain, /1,26|1,2/)
    const coloured = printFunnel(rows, { width, colour: true })
    assert.ok(coloured.includes('\x1b['))
    assert.equal(stripVTControlCharacters(coloured), plain)
  }
})
