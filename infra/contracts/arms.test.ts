import assert from 'node:assert/strict'
import { test } from 'node:test'
import { armLabel, armOf, type Arms, channelsOf, draw } from './arms.ts'

const ids = Array.from({ length: 100_000 }, (_, n) => `user-${n}`)

/** Pearson's statistic; above `limit` the counts are not what the shares say (p < 0.001). */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, n, at) => sum + (n - expected[at]!) ** 2 / expected[at]!, 0)
}
/** The 99.9th percentile of the chi-square distribution with 1, 2, 3 degrees of freedom. */
const limits = [0, 10.83, 13.82, 16.27]

const groupsOf = (arms: Arms): Map<string, number> => {
  const counts = new Map(Object.keys(arms.split).map(arm => [arm, 0]))
  for (const id of ids) counts.set(armOf({ arms }, id)!, counts.get(armOf({ arms }, id)!)! + 1)
  return counts
}

const splits: Arms['split'][] = [
  { a: 50, b: 50 },
  { a: 90, b: 10 },
  { a: 1, b: 2, c: 3 },
  { a: 0.25, b: 0.25, c: 0.25, d: 0.25 },
]
for (const split of splits)
  test(`people fall into arms by their shares: ${JSON.stringify(split)}`, () => {
    const counts = groupsOf({ name: 'subject-line', split })
    const shares = Object.values(split)
    const sum = shares.reduce((a, b) => a + b, 0)
    const expected = shares.map(share => (ids.length * share) / sum)
    assert.ok(chiSquare([...counts.values()], expected) < limits[shares.length - 1]!, String([...counts]))
  })

test('the arm says nothing of who is held out, nor of the arm in another experiment', () => {
  const split = { a: 50, b: 50 }
  const shared = (other: (id: string) => boolean) => {
    const counts = [0, 0, 0, 0]
    for (const id of ids) counts[(armOf({ arms: { name: 'x', split } }, id) === 'a' ? 0 : 2) + (other(id) ? 0 : 1)]!++
    return counts
  }
  const quarter = ids.length / 4
  const other = shared(id => armOf({ arms: { name: 'y', split } }, id) === 'a')
  assert.ok(chiSquare(other, [quarter, quarter, quarter, quarter]) < limits[3]!, String(other))
  for (const salt of ['holdout', 'holdout\0comment.created']) {
    const held = shared(id => draw(salt, id) < 0.05)
    assert.ok(
      chiSquare(
        held,
        [0.025, 0.475, 0.025, 0.475].map(share => share * ids.length),
      ) < limits[3]!,
      String(held),
    )
  }
})

test('where shares change, people move only out of what shrank and into what grew', () => {
  const before = { name: 'x', split: { a: 33, b: 33, c: 34 } }
  const after = { name: 'x', split: { c: 47, a: 20, b: 33 } }
  let moved = 0
  for (const id of ids) {
    const [from, to] = [armOf({ arms: before }, id), armOf({ arms: after }, id)]
    if (from === to) continue
    moved++
    assert.ok(from === 'a' || to === 'c', `${id} went from ${from} to ${to}`)
  }
  assert.ok(moved > 0.12 * ids.length && moved < 0.2 * ids.length, String(moved))
  for (const id of ids.slice(0, 1000))
    assert.equal(
      armOf({ arms: { name: 'x', split: { a: 1, b: 1 } } }, id),
      armOf({ arms: { name: 'x', split: { a: 50, b: 50 } } }, id),
    )
})

test('draws are the same for ever, and in every process', () => {
  assert.deepEqual(
    ['u1', 'u2', 'Ü'].map(id => draw('holdout', id).toFixed(6)),
    ['0.956153', '0.184066', '0.198423'],
  )
})

test('a step of an arm is for the people in it, and events tell which experiment it was', () => {
  const arms = { name: 'channel', split: { a: 50, b: 50 } }
  const entry = { arms, deliver: [{ channel: 'in_app' as const }, { channel: 'email' as const, arm: 'b' }] }
  const [a, b] = ['a', 'b'].map(arm => ids.find(id => armOf({ arms }, id) === arm)!)
  assert.deepEqual([channelsOf(entry, a!), channelsOf(entry, b!)], [['in_app'], ['in_app', 'email']])
  assert.deepEqual([armLabel(entry, a!), armLabel(entry, b!), armLabel({}, b!)], ['channel/a', 'channel/b', undefined])
})
