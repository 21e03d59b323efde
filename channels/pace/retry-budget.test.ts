import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { afterFirstTries, newRetryBudget, retries, takeRetries } from './retry-budget.ts'

test('a quiet lane may try one message a second again', () => {
  let budget = newRetryBudget(0)
  for (let n = 0; n < retries.tokensFirst; n++) budget = takeRetries(budget, 1, 0).budget
  const refused = takeRetries(budget, 1, 0)
  assert.equal(refused.waitMs, 1_000)
  assert.equal(takeRetries(refused.budget, 1, 1_000).waitMs, undefined)
})

test('in an outage what is tried again stays a tenth of the traffic, one a second and a batch', () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 0, max: 5_000 }),
    firsts: fc.integer({ min: 0, max: 500 }),
    again: fc.integer({ min: 1, max: 500 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), steps => {
      let now = 0
      let budget = newRetryBudget(0)
      let firsts = 0
      let retried = 0
      for (const { afterMs, firsts: n, again } of steps) {
        now += afterMs
        budget = afterFirstTries(budget, n)
        firsts += n
        const taken = takeRetries(budget, again, now)
        budget = taken.budget
        if (taken.waitMs === undefined) retried += again
        const allowed = retries.tokensFirst + firsts * retries.share + (now / 1000) * retries.perSecond
        assert.ok(retried <= allowed + 500, `${retried} of ${allowed}`)
      }
    }),
  )
})
