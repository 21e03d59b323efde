import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prunesMost } from './prune.ts'

for (const [what, active, lastDay, most] of [
  ['a small installation has its floor', 30, 0, 20],
  ['so has one where nothing was pruned yet', 10_000, 0, 20],
  ['a thousandth of a large one is nothing unusual', 1_000_000, 0, 1_000],
  ['five times the usual', 1_000_000, 144 * 600, 3_000],
  ['but never more than a hundredth', 1_000_000, 144 * 10_000, 10_000],
  ['a hundredth of a middling one', 5_000, 144 * 100, 50],
] as const)
  test(`prunes in ten minutes: ${what}`, () => assert.equal(prunesMost({ active, lastDay }), most))
