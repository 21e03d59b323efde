import assert from 'node:assert/strict'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'node:test'
import { type FunnelRow, printFunnel, shapeFunnel } from './funnel.ts'

const counted = [
  { grp: 'a', reached: 6, fate: 'sent', reason: null, n: 1 },
  { grp: 'a', reached: 3, fate: 'sent', reason: null, n: 1200 },
  { grp: 'a', reached: 2, fate: 'rejected', reason: null, n: 2 },
  { grp: 'a', reached: 1, fate: 'queued', reason: null, n: 7 },
  { grp: 'a', reached: 0, fate: 'throttled', reason: null, n: 20 },
  { grp: 'a', reached: 0, fate: 'held', reason: 'quiet_hours', n: 30 },
  { grp: null, reached: 0, fate: 'no_endpoint', reason: null, n: 5 },
]

test('each stage counts what came that far, and the rest is named where it left', () => {
  const [a, none, ...others] = shapeFunnel(counted, 'provider')
  assert.deepEqual(others, [])
  assert.deepEqual(a, {
    group: 'a',
    stages: { intended: 1260, decided: 1210, attempted: 1203, accepted: 1201, seen: 1, opened: 1, acted: 1 },
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

test('without a breakdown there is one funnel, also of nothing', () => {
  assert.equal(shapeFunnel(counted, undefined)[0]!.stages.intended, 1265)
  const empty = shapeFunnel([], undefined)
  assert.equal(empty.length, 1)
  assert.equal(printFunnel(empty, { width: 80, colour: false }), 'no notifications\n')
})

test('a terminal of 80 columns', () => {
  const text = printFunnel(shapeFunnel(counted.slice(0, 6), undefined), { width: 80, colour: false })
  assert.equal(
    text,
    `                                                                of all  of prev.
  intended             1,260  ██████████████████████████████   100.0 %
    held: quiet_hours     30  ░                                  2.4 %
    throttled             20  ░                                  1.6 %
  decided to send      1,210  ████████████████████████████▊     96.0 %    96.0 %
    queued                 7  ░                                  0.6 %
  attempted            1,203  ████████████████████████████▋     95.5 %    99.4 %
    rejected               2  ░                                  0.2 %
  accepted             1,201  ████████████████████████████▋     95.3 %    99.8 %
  seen                     1  ▏                                 <0.1 %    <0.1 %
  opened                   1  ▏                                 <0.1 %   100.0 %
  acted                    1  ▏                                 <0.1 %   100.0 %
`,
  )
})

test('no line is wider than the terminal, in any width; colour changes nothing but colour', () => {
  const rows: FunnelRow[] = [
    ...shapeFunnel(counted, 'type'),
    { ...shapeFunnel(counted, undefined)[0]!, group: 'ein.sehr.langer.name.für.eine.benachrichtigung 🔔🔔🔔' },
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
