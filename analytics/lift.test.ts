import assert from 'node:assert/strict'
import { test } from 'node:test'
import { difference, wilson } from './lift.ts'

const near = (got: number, wanted: number) => assert.ok(Math.abs(got - wanted) < 0.00006, `${got} is not ${wanted}`)

test('a share and its interval: the published examples of Newcombe (Statistics in Medicine 17, 1998, 857)', () => {
  for (const [converted, people, low, high] of [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const) {
    const interval = wilson({ people, converted })
    near(interval.low, low)
    near(interval.high, high)
  }
  assert.deepEqual(wilson({ people: 0, converted: 0 }), { low: 0, high: 1 })
})

test('a difference and its interval: the published examples of Newcombe (the same volume, 873, method 10)', () => {
  for (const [a, m, b, n, low, high] of [
    [56, 70, 48, 80, 0.0524, 0.3339],
    [9, 10, 3, 10, 0.1705, 0.809],
    [10, 10, 0, 20, 0.6791, 1],
  ] as const) {
    const { interval } = difference({ converted: a, people: m }, { converted: b, people: n })
    near(interval.low, low)
    near(interval.high, high)
  }
  assert.equal(difference({ converted: 3, people: 10 }, { converted: 2, people: 10 }).relative!.toFixed(3), '0.500')
  assert.equal(difference({ converted: 3, people: 10 }, { converted: 0, people: 10 }).relative, undefined)
})
