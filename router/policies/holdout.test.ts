import assert from 'node:assert/strict'
import { test } from 'node:test'
import { typeOf } from '../routing.fixture.ts'
import { holdoutOf } from './holdout.ts'

const ids = Array.from({ length: 50_000 }, (_, n) => `user-${n}`)
const heldOut = (entry: Parameters<typeof holdoutOf>[0]) => new Set(ids.filter(id => holdoutOf(entry, id)))
const near = (n: number, share: number, of = ids.length) => {
  // Four standard deviations of a binomial.
  const limit = 4 * Math.sqrt(of * share * (1 - share))
  assert.ok(Math.abs(n - of * share) < limit, `${n} of ${of} are not ${share}`)
}

test('the share of people is held out, always the same, and a greater share only adds people', () => {
  const five = heldOut(typeOf('a', { holdout: 0.05 }))
  near(five.size, 0.05)
  const ten = heldOut(typeOf('a', { holdout: 0.1 }))
  near(ten.size, 0.1)
  assert.ok(five.isSubsetOf(ten))
  assert.equal(heldOut(typeOf('a')).size, 0)
})

test('types hold out different people, the catalogue the same ones of every type', () => {
  const [a, b] = ['a', 'b'].map(type => heldOut(typeOf(type, { holdout: 0.2 })))
  near(a!.intersection(b!).size, 0.04)
  const [c, d] = ['c', 'd'].map(type => heldOut({ ...typeOf(type), globalHoldout: 0.2 }))
  assert.deepEqual(c, d)
  near(a!.intersection(c!).size, 0.04)
})

test('the reason names the holdout and its share', () => {
  const both = { ...typeOf('a', { holdout: 0.9 }), globalHoldout: 0.015 }
  assert.deepEqual(new Set(ids.map(id => holdoutOf(both, id)?.value)), new Set(['global, 1.5 %', 'a, 90 %', undefined]))
})
