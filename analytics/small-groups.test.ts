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

test('totals of rows and columns do not give a number away that is missing from several', () => {
  const sizes = [
    [3, 3, 3, 50],
    [3, 3, 50, 50],
    [50, 50, 3, 3],
    [50, 50, 3, 3],
  ]
  assert.equal(isComputed(sizes, hiddenCells(sizes, 5), { group: 0, period: 2 }), false)
})

test('whatever the numbers: none that is missing can be computed, but where it can be whatever is missing', () => {
  const few = fc.constantFrom(0, 3, 3, 50, 60, 70, 80)
  const sparse = fc
    .tuple(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 2, max: 6 }))
    .chain(([rows, columns]) =>
      fc.array(fc.array(few, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
    )
  fc.assert(
    fc.property(sparse, sizes => {
      const hidden = hiddenCells(sizes, 5)
      const all = sizes.map(row => row.map(size => size > 0))
      for (const [group, row] of hidden.entries())
        for (const [period, isHidden] of row.entries())
          if (isHidden && isComputed(sizes, hidden, { group, period }))
            assert.ok(isComputed(sizes, all, { group, period }), `${group}, ${period}`)
    }),
    { numRuns: 1000 },
  )
})

/** Whether a missing number follows from the totals: solves for those that are missing, an equation for each row and column. */
function isComputed(
  sizes: readonly (readonly number[])[],
  hidden: readonly (readonly boolean[])[],
  asked: { group: number; period: number },
): boolean {
  const cells = hidden.flatMap((row, group) => row.flatMap((is, period) => (is ? [{ group, period }] : [])))
  const own = cells.findIndex(({ group, period }) => group === asked.group && period === asked.period)
  const equations = [
    ...sizes.map((_, at) => cells.map(({ group }) => Number(group === at))),
    ...sizes[0]!.map((_, at) => cells.map(({ period }) => Number(period === at))),
  ]
  // What is asked for last: with all others gone, an equation that is left tells it.
  const others = cells.flatMap((_, at) => (at === own ? [] : [at]))
  let left = equations
  for (const at of others) {
    const by = left.find(equation => equation[at] !== 0)
    if (by === undefined) continue
    left = left
      .filter(equation => equation !== by)
      .map(equation => equation.map((n, place) => n - (equation[at]! / by[at]!) * by[place]!))
  }
  return left.some(equation => Math.abs(equation[own]!) > 1e-9)
}
