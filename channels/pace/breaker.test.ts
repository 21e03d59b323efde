import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Answer } from '#contracts/outcome.ts'
import { notBegun } from '../answer-table.ts'
import {
  admits,
  afterCall,
  type Breaker,
  closedBreaker,
  configFaultsMax,
  failing,
  probeEveryMs,
  probing,
} from './breaker.ts'

const accepted: Answer = { kind: 'accepted', providerId: 'p' }
const doubt: Answer = { kind: 'doubt', reason: 'no answer' }
const config: Answer = { kind: 'config', reason: 'InvalidProviderToken' }
const dead = { kind: 'addressDead', reason: 'Unregistered' } as const
const long: Answer = { kind: 'messageDead', reason: 'no room for its texts', uncalled: true }
const pause: Answer = { kind: 'pause', afterMs: 1_000, reason: 'HTTP 429' }

const after = (breaker: Breaker, calls: readonly (readonly Answer[])[], now = 0) =>
  calls.reduce((state, answers) => afterCall(state, { answers, probe: false }, now), breaker)
const times = <T>(n: number, item: T): T[] => Array.from({ length: n }, () => item)

test('it opens where half of twenty calls failed, not before', () => {
  const half = [...times(10, [accepted]), ...times(9, [doubt])]
  assert.equal(admits(after(closedBreaker, half), 0), 'all')
  const open = after(closedBreaker, [...half, [doubt]])
  assert.deepEqual(admits(open, 0), { waitMs: 1_000 })
  assert.equal(admits(after(closedBreaker, [...times(11, [accepted]), ...times(10, [doubt])]), 0), 'all')
})

test('what failed long ago does not count, and dead addresses and pauses are no failures', () => {
  const old = after(closedBreaker, times(19, [doubt]))
  assert.equal(admits(after(old, [[doubt]], failing.withinMs), failing.withinMs), 'all')
  assert.equal(admits(after(closedBreaker, [...times(30, [dead]), ...times(30, [pause])]), 0), 'all')
})

test('a call of which nothing was begun failed: it had its time; beside others that was not begun says nothing', () => {
  assert.equal(after(closedBreaker, times(failing.callsMin, times(20, notBegun))).kind, 'open')
  assert.equal(after(closedBreaker, times(failing.callsMin, [long, notBegun])).kind, 'open')
  // Two that hang hold every stream, and the others of their round wait for one.
  const round = [...times(2, times(400, doubt)), ...times(14, times(500, notBegun))]
  assert.equal(after(closedBreaker, [...times(4, [accepted]), ...round]).kind, 'open')
  assert.equal(admits(after(closedBreaker, times(30, [pause, notBegun])), 0), 'all')
  assert.equal(admits(after(closedBreaker, times(30, [accepted, ...times(20, notBegun)])), 0), 'all')
  const half = [...times(10, [accepted]), ...times(9, [doubt])]
  assert.equal(after(closedBreaker, [...half, [doubt, ...times(20, notBegun)]]).kind, 'open', 'what was begun counts')
})

test('what we know by ourselves opens nothing, and mends nothing', () => {
  assert.equal(admits(after(closedBreaker, times(30, times(20, long))), 0), 'all')
  const open = after(closedBreaker, times(20, [doubt]))
  for (const answer of [notBegun, long])
    assert.deepEqual(afterCall(open, { answers: [answer], probe: true }, 1_000), open, answer.kind)
})

test('one bad token opens nothing; many faults of configuration in a row do', () => {
  const some = after(closedBreaker, times(configFaultsMax - 1, [config]))
  const more = after(some, [[accepted], ...times(configFaultsMax - 1, [config])])
  assert.equal(admits(more, 0), 'all')
  const open = after(more, [[config]])
  assert.ok(open.kind === 'open' && open.cause === 'config')
  assert.deepEqual(admits(open, 0), { waitMs: probeEveryMs.config })
  // A key that gives no token is known without a call.
  const known: Answer = { ...config, uncalled: true }
  assert.deepEqual(after(closedBreaker, times(configFaultsMax, [known])), open)
  const probed = afterCall(after(closedBreaker, times(20, [doubt])), { answers: [known], probe: true }, 1_000)
  assert.ok(probed.kind === 'open' && probed.cause === 'config')
})

test('what some endpoints alone meet opens nothing, however often, and tells that the account is served', () => {
  const ofSome: Answer = { kind: 'config', reason: 'THIRD_PARTY_AUTH_ERROR', ofSome: true }
  const ofOne: Answer = { kind: 'retry', afterMs: 60_000, reason: 'HTTP 429', ofSome: true }
  assert.equal(admits(after(closedBreaker, times(30, times(20, ofSome))), 0), 'all')
  assert.equal(admits(after(closedBreaker, times(30, [ofOne])), 0), 'all')
  const open = after(closedBreaker, times(20, [doubt]))
  assert.equal(admits(afterCall(open, { answers: [ofSome], probe: true }, 1_000), 1_000), 'all')
})

test('an open circuit lets one probe out in its time, and what the probe says decides', () => {
  const open = after(closedBreaker, times(20, [doubt]))
  assert.equal(admits(open, 1_000), 'probe')
  const taken = probing(open, 1_000)
  assert.deepEqual(admits(taken, 1_001), { waitMs: 999 })
  assert.equal(admits(afterCall(taken, { answers: [doubt], probe: true }, 1_500), 2_000), 'probe')
  assert.equal(admits(afterCall(taken, { answers: [dead], probe: true }, 1_500), 1_500), 'all')
  assert.deepEqual(after(taken, [[accepted]]), taken, 'a call from before it opened says nothing')
  const refused = afterCall(taken, { answers: [config], probe: true }, 1_500)
  assert.ok(refused.kind === 'open' && refused.cause === 'config')
})

test('whatever is answered, an open circuit lets out no more than one probe in a second', () => {
  const answer = fc.constantFrom(accepted, doubt, config, dead, pause)
  const step = fc.record({ afterMs: fc.integer({ min: 0, max: 700 }), answers: fc.array(answer, { maxLength: 4 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      let now = 0
      let breaker = after(closedBreaker, times(20, [doubt]))
      let lastProbe = -Infinity
      for (const { afterMs, answers } of steps) {
        now += afterMs
        const admitted = admits(breaker, now)
        if (admitted === 'all') break
        if (admitted !== 'probe') continue
        assert.ok(now - lastProbe >= 1_000)
        lastProbe = now
        breaker = afterCall(probing(breaker, now), { answers, probe: true }, now)
      }
    }),
  )
})
