import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Duration } from '#contracts/catalogue.ts'
import { formatWindows, noWindows, parseWindows, passDedupe, passThrottle } from './windows.ts'

const minute = 60_000

test('the first of a kind opens a window and the rest of it is told as repeats', () => {
  const windows = noWindows()
  const rule = { type: 'comment.created', key: 't1', within: '10m' } as const
  const passes = [0, 1, 9 * minute, 10 * minute, 19 * minute, 20 * minute].map(at => passDedupe(windows, rule, at))
  assert.deepEqual(passes, [true, false, false, true, false, true])
})

test('what happened before an open window passes and does not move it', () => {
  const windows = noWindows()
  const rule = { type: 'a', key: 'k', within: '10m' } as const
  assert.equal(passDedupe(windows, rule, 60 * minute), true)
  assert.equal(passDedupe(windows, rule, 30 * minute), true)
  assert.equal(passDedupe(windows, rule, 65 * minute), false, 'the window still starts at 60')
  assert.equal(passDedupe(windows, rule, 70 * minute), true)
})

test('no sliding window ever holds more sends than the limit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 60 }),
      (instants, limit, seconds) => {
        let state = ''
        const sent: number[] = []
        for (const at of instants.sort((a, b) => a - b)) {
          const windows = parseWindows(state)
          if (passThrottle(windows, { name: 't', limit, per: `${seconds}s` }, at)) sent.push(at)
          state = formatWindows(windows, { at, occurredAt: at })
        }
        for (const end of sent) assert.ok(sent.filter(at => at > end - seconds * 1000 && at <= end).length <= limit)
        // And nothing is dropped that would have fitted.
        const naive: number[] = []
        for (const at of instants)
          if (naive.filter(earlier => earlier > at - seconds * 1000).length < limit) naive.push(at)
        assert.deepEqual(sent, naive)
      },
    ),
  )
})

test('a row says nothing of what its keys are made of', () => {
  const windows = noWindows()
  for (const key of ['493817', 'x'.repeat(1000)])
    assert.equal(passDedupe(windows, { type: 'login.code', key, within: '1m' }, 0), true)
  const state = formatWindows(windows, { at: 0, occurredAt: 0 })
  assert.doesNotMatch(state, /login|493817|xxx/)
  assert.ok(Object.keys(windows.d).every(key => key.length === 16))
  assert.equal(passDedupe(parseWindows(state), { type: 'login.code', key: '493817', within: '1m' }, 0), false)
  assert.equal(passDedupe(parseWindows(state), { type: 'login.link', key: '493817', within: '1m' }, 0), true)
})

test('what no rule can look at any more leaves the row', () => {
  const windows = noWindows()
  passDedupe(windows, { type: 'a', key: 'k', within: '1m' }, 0)
  passThrottle(windows, { name: 'a', limit: 3, per: '1m' }, 0)
  const after = (at: number, occurredAt: number) => parseWindows(formatWindows(windows, { at, occurredAt }))
  assert.deepEqual(after(minute - 1, minute), windows)
  assert.deepEqual(after(minute, 361 * minute - 1), { ...windows, t: {} }, 'a message may come that much later')
  assert.deepEqual(after(minute, 361 * minute), noWindows())
})

test('a backlog that arrives out of order is told once', () => {
  let state = ''
  const told = [
    ['a', 0],
    ['b', 60],
    ['a', 5],
    ['c', 340],
    ['a', 9],
  ].map(([key, at]) => {
    const windows = parseWindows(state)
    const occurredAt = Number(at) * minute
    const passes = passDedupe(windows, { type: 't', key: String(key), within: '10m' }, occurredAt)
    state = formatWindows(windows, { at: 0, occurredAt })
    return passes
  })
  assert.deepEqual(told, [true, true, false, true, false])
})

test('a row remembers 500 keys at most: what is over is forgotten first, then what began first', () => {
  const windows = noWindows()
  const keys = (n: number, begin: number, within: Duration) => {
    for (let at = 0; at < n; at++) passDedupe(windows, { type: 'a', key: `${begin} ${at}`, within }, begin + at)
  }
  keys(300, 0, '7d')
  keys(20_000, 3 * minute, '10m')
  const state = formatWindows(windows, { at: 4 * minute, occurredAt: 4 * minute })
  assert.ok(state.length < 30_000, `${state.length} bytes`)
  const starts = Object.values(parseWindows(state).d).map(([start]) => start - 3 * minute)
  assert.deepEqual(
    starts.sort((a, b) => a - b),
    Array.from({ length: 500 }, (_, at) => 19_500 + at),
  )
  const few = noWindows()
  passDedupe(few, { type: 'a', key: 'long', within: '7d' }, 0)
  for (let at = 0; at < 600; at++) passDedupe(few, { type: 'a', key: `${at}`, within: '1m' }, minute)
  const kept = parseWindows(formatWindows(few, { at: 3 * minute, occurredAt: 3 * minute }))
  assert.equal(passDedupe(kept, { type: 'a', key: 'long', within: '7d' }, 3 * minute), false)
})
