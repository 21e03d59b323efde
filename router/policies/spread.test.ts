import assert from 'node:assert/strict'
import { test } from 'node:test'
import { turnOf } from './spread.ts'

const ids = Array.from({ length: 20_000 }, (_, n) => `user-${n}`)

for (const [what, overMs, waves] of [
  ['ten minutes', 600_000, 40],
  ['a day', 86_400_000, 100],
  ['five seconds', 5_000, 1],
] as const)
  test(`people are told evenly over ${what}, in waves, each always at the same place`, () => {
    const turns = ids.map(id => turnOf({ from: 1_000, overMs }, id))
    const counts = [...Map.groupBy(turns, turn => turn).entries()].sort(([a], [b]) => a - b)
    assert.equal(counts.length, waves)
    for (const [at, [turn, those]] of counts.entries()) {
      assert.equal(turn, 1_000 + at * Math.max(15_000, overMs / 100))
      assert.ok(Math.abs(those.length - ids.length / waves) < 6 * Math.sqrt(ids.length / waves), `${those.length}`)
    }
    assert.deepEqual(
      ids.map(id => turnOf({ from: 1_000, overMs }, id)),
      turns,
    )
  })
