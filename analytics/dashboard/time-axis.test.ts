import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timeAxisOf } from './time-axis.ts'
import { rfc3339Of } from './when.ts'

const hourMs = 3_600_000

function edgesOf({ from, n, ms }: { from: string; n: number; ms: number }): string[] {
  return Array.from({ length: n + 1 }, (_, at) => new Date(Date.parse(from) + at * ms).toISOString())
}
const ticksOf = (of: Parameters<typeof edgesOf>[0], zone?: string) =>
  timeAxisOf(edgesOf(of), zone).ticks.map(({ text }) => text)

test('times on an axis are round ones of the zone, and never more than fit', () => {
  const from = '2026-11-20T00:00:00Z'
  assert.deepEqual(ticksOf({ from, n: 3, ms: hourMs }), ['20 Nov', '01:00', '02:00'])
  assert.deepEqual(ticksOf({ from, n: 24, ms: hourMs }), [
    '20 Nov',
    '03:00',
    '06:00',
    '09:00',
    '12:00',
    '15:00',
    '18:00',
    '21:00',
  ])
  assert.deepEqual(ticksOf({ from, n: 12, ms: hourMs }, 'Asia/Tokyo'), [
    ...['10:00', '12:00', '14:00', '16:00', '18:00', '20:00'],
  ])
  assert.deepEqual(ticksOf({ from, n: 72, ms: hourMs }), ['20 Nov', '12:00', '21 Nov', '12:00', '22 Nov', '12:00'])
  assert.deepEqual(ticksOf({ from, n: 29, ms: 24 * hourMs }), ['20 Nov', '27 Nov', '4 Dec', '11 Dec', '18 Dec'])
  assert.deepEqual(ticksOf({ from, n: 365, ms: 24 * hourMs }), ['1 Dec', '1 Feb', '1 Apr', '1 Jun', '1 Aug', '1 Oct'])
  for (const n of [1, 2, 5, 8, 9, 16, 24, 25, 49, 96, 97, 112, 113, 200, 366, 500, 750])
    for (const ms of [hourMs, 24 * hourMs]) {
      const ticks = ticksOf({ from, n, ms })
      assert.ok(ticks.length >= 1 && ticks.length <= 8, `${n} ${ms}: ${ticks.join()}`)
    }
})

test('each period is called by its beginning in the zone; an hour that is there twice is one time on the axis', () => {
  const { names, ticks } = timeAxisOf(edgesOf({ from: '2026-10-25T00:00:00Z', n: 4, ms: hourMs }), 'Europe/Berlin')
  assert.deepEqual(names, ['25 Oct, 02:00', '25 Oct, 02:00', '25 Oct, 03:00', '25 Oct, 04:00'])
  assert.deepEqual(
    ticks.map(({ at, text }) => [at, text]),
    [
      [0.125, '02:00'],
      [0.625, '03:00'],
      [0.875, '04:00'],
    ],
  )
  const kept = rfc3339Of('Europe/Berlin')
  assert.equal(kept('2026-10-25T00:00:00.000Z'), '2026-10-25T02:00:00+02:00')
  assert.equal(kept('2026-10-25T01:00:00.250Z'), '2026-10-25T02:00:00.250+01:00')
})

test('files have times as RFC 3339 has them; of a zone that nobody knows they are in UTC', () => {
  const at = '2026-11-20T20:30:00.000Z'
  for (const [zone, kept] of [
    [undefined, '2026-11-20T20:30:00Z'],
    ['Nowhere/At_all', '2026-11-20T20:30:00Z'],
    ['Asia/Kolkata', '2026-11-21T02:00:00+05:30'],
    ['America/St_Johns', '2026-11-20T17:00:00-03:30'],
  ] as const)
    assert.equal(rfc3339Of(zone)(at), kept)
})
