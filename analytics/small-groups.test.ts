import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hiddenCells } from './small-groups.ts'

/** One column: groups of an answer. */
const told = (sizes: number[], least = 5) =>
  hiddenCells(
    sizes.map(size => [size]),
    least,
  ).map(([hidden], at) => (hidden ? 0 : sizes[at]!))

test('no group of fewer than the least is told, and none that is the only one missing', () => {
  assert.deepEqual(told([40, 20, 9]), [40, 20, 9])
  assert.deepEqual(told([40, 20, 9, 3]), [40, 20, 0, 0], 'the total less the others were the small one')
  assert.deepEqual(told([40, 20, 9, 1, 1]), [40, 20, 0, 0, 0], 'two together are fewer than one may be')
  assert.deepEqual(told([40, 20, 9, 3, 2]), [40, 20, 9, 0, 0])
  assert.deepEqual(told([40, 20, 0, 3]), [40, 0, 0, 0], 'of nobody there is nothing to hide behind')
  assert.deepEqual(told([3]), [0])
  assert.deepEqual(told([0, 7], 1), [0, 7])
})

test('of groups in periods a number that is missing is alone in no row and no column', () => {
  const sizes = [
    [10, 20, 30],
    [9, 3, 8],
    [50, 60, 70],
  ]
  const hidden = hiddenCells(sizes, 5)
  assert.deepEqual(hidden, [
    [false, true, true],
    [false, true, true],
    [false, false, false],
  ])
})

const table = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })).chain(([rows, columns]) =>
  fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: columns, maxLength: columns }), {
    ...{ minLength: rows, maxLength: rows },
  }),
)

test('whatever the numbers: what is missing from any row or column, with its total known, is no small number', () => {
  fc.assert(
    fc.property(table, fc.integer({ min: 1, max: 10 }), (sizes, least) => {
      const hidden = hiddenCells(sizes, least)
      const columns = sizes[0]!.map((_, at) => sizes.map((_, row) => [row, at] as const))
      for (const line of [...sizes.map((row, n) => row.map((_, at) => [n, at] as const)), ...columns]) {
        const missing = line.filter(([row, at]) => hidden[row]![at])
        const rest = line.filter(([row, at]) => !hidden[row]![at] && sizes[row]![at]! > 0)
        for (const [row, at] of rest) assert.ok(sizes[row]![at]! >= least)
        if (missing.length === 0 || rest.length === 0) continue
        assert.ok(missing.length > 1)
        assert.ok(missing.reduce((sum, [row, at]) => sum + sizes[row]![at]!, 0) >= least)
      }
    }),
  )
})
