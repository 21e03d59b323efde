import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lanes } from '#contracts/channel.ts'
import { askOf, type Bucket, perSecondOf, type RateLimit, reserve, slack } from './bucket.ts'
import { callUnits, cut, type Turn, unlapsed } from './turns.ts'

const fcm: RateLimit = { units: 600_000, perMs: 60_000, rampMs: 60_000 }

test('what a bucket gives comes in turns, one after the other', () => {
  const limit = { units: 125, perMs: 1_000 }
  const ask = askOf(limit, { lane: 'default', least: 1, most: 10 })
  assert.equal(perSecondOf(limit), 100)
  const first = reserve({ freeAt: 5_000, rampFrom: 0 }, ask, 10_000)
  assert.deepEqual(first.grant, { units: 10, startInMs: 0, perSecond: 100 })
  assert.deepEqual(reserve(first.bucket, ask, 10_000).grant, { units: 10, startInMs: 100, perSecond: 100 })
})

test('a missing bucket gives nothing until every turn that was given away before is over', () => {
  const ask = askOf(fcm, { lane: 'critical', least: 1, most: 500 })
  const { bucket, grant } = reserve(undefined, ask, 0)
  assert.ok('waitMs' in grant && grant.waitMs > 0)
  assert.equal(bucket.freeAt, ask.emptyMs)
})

test('a bulk turn is not far ahead, so that a critical one comes soon', () => {
  const asks = lanes.map(lane => askOf(fcm, { lane, least: 1, most: 500 }))
  const busy: Bucket = { freeAt: 250, rampFrom: -60_000 }
  assert.deepEqual(
    asks.map(ask => 'units' in reserve(busy, ask, 0).grant),
    [true, true, false],
  )
})

test('after a start and after a quiet minute the rate grows for a minute', () => {
  const ask = askOf(fcm, { lane: 'critical', least: 1, most: 500 })
  const rateAt = (bucket: Bucket, now: number) => {
    const { grant } = reserve(bucket, ask, now)
    return 'units' in grant ? Math.round((grant.perSecond / perSecondOf(fcm)) * 100) : undefined
  }
  assert.deepEqual(
    [1_000, 15_000, 30_000, 60_000, 90_000].map(now => rateAt({ freeAt: now, rampFrom: 0 }, now)),
    [2, 25, 50, 100, 100],
  )
  assert.equal(rateAt({ freeAt: 100_000, rampFrom: 0 }, 160_000), 1)
})

/** Workers as they are at worst: each uses its turns as late, or as much at once, as it may. */
const worst = fc.record({
  afterMs: fc.integer({ min: 0, max: 400 }),
  lane: fc.constantFrom(...lanes),
  most: fc.integer({ min: 1, max: 60 }),
  lost: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
  lateMs: fc.integer({ min: 0, max: slack.lateMs }),
})
const limitOf = fc.record({ units: fc.integer({ min: 1, max: 300 }), perMs: fc.constantFrom(1_000, 10_000) })

test('no window of the limit’s length ever sees more than the limit, whatever is lost meanwhile', () => {
  fc.assert(
    fc.property(limitOf, fc.array(worst, { maxLength: 120 }), (limit, steps) => {
      const sent: { at: number; units: number }[] = []
      let bucket: Bucket | undefined
      let now = 0
      for (const { afterMs, lane, most, lost, lateMs } of steps) {
        now += afterMs
        if (lost) bucket = undefined
        const taken = reserve(bucket, askOf(limit, { lane, least: 1, most }), now)
        bucket = taken.bucket
        if ('waitMs' in taken.grant) continue
        const { startInMs, ...grant } = taken.grant
        sent.push(...callsOf({ ...grant, fromMs: now + startInMs, lateMs: slack.lateMs }, lateMs))
      }
      sent.sort((a, b) => a.at - b.at)
      sent.forEach(({ at }, first) => {
        let units = 0
        for (let next = first; next < sent.length && sent[next]!.at < at + limit.perMs - 1e-6; next++)
          units += sent[next]!.units
        assert.ok(units <= limit.units, `${units} of ${limit.units}`)
      })
    }),
  )
})

/** The calls of a turn that begins to be used so late. */
function callsOf(turn: Turn, lateMs: number): { at: number; units: number }[] {
  const calls: { at: number; units: number }[] = []
  let rest = turn
  for (let at = turn.fromMs + lateMs; rest.units > 0; at = Math.max(at, rest.fromMs)) {
    rest = unlapsed(rest, at)
    if (rest.units === 0) break
    at = Math.max(at, rest.fromMs)
    const [call, left] = cut(rest, callUnits(rest))
    calls.push({ at, units: call.units })
    rest = left
  }
  return calls
}
