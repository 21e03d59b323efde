import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryAfterMs } from './retry-after.ts'

const now = Date.parse('2026-11-21T00:00:00Z')
const cases: [value: unknown, ms: number | undefined][] = [
  ['30', 30_000],
  [30, 30_000],
  ['0', 0],
  ['Sat, 21 Nov 2026 00:01:00 GMT', 60_000],
  ['Sat, 21 Nov 2026 00:00:00 GMT', 0],
  ['Fri, 20 Nov 2026 00:00:00 GMT', undefined],
  ['1000000000', 3_600_000],
  ['-1', undefined],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
  [['30'], 30_000],
  [['30', '60', 'soon'], 60_000],
  ['30, 60', 60_000],
  ['1.5', 1_500],
  ['1e9', undefined],
  ['9'.repeat(400), 3_600_000],
  ['Saturday, 21-Nov-26 00:01:00 GMT', 60_000],
  ['Sat Nov 21 00:01:00 2026 GMT', 60_000],
  ['Sat, 21 Nov 2093 00:00:00 GMT', 3_600_000],
  ['soon 2030', undefined],
  ['2026-11-21T00:01:00Z', undefined],
  [Number.NaN, undefined],
  [-5, undefined],
  [null, undefined],
  [{}, undefined],
]
for (const [value, ms] of cases)
  test(`Retry-After ${JSON.stringify(value)} is ${ms} ms`, () => {
    assert.equal(retryAfterMs(value, now), ms)
  })
