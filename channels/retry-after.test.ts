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
  [['30'], undefined],
]
for (const [value, ms] of cases)
  test(`Retry-After ${JSON.stringify(value)} is ${ms} ms`, () => {
    assert.equal(retryAfterMs(value, now), ms)
  })
