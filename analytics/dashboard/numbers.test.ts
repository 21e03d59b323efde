import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cellText, change, changeCell, csvOf, percent, points, pointsCell, shareCell } from './numbers.ts'

test('a file has numbers where people read percentages, and a formula is text in it', () => {
  const cells = [shareCell(1, 8), changeCell(3, 2), changeCell(1, 2), changeCell(1, 0), pointsCell(0.012), null]
  assert.deepEqual(cells.map(cellText), ['12.5 %', '+50.0 %', '-50.0 %', 'new', '+1.2 pp', '–'])
  const formulas = ['=1+1', ' =1+1', '|calc', '%0A', '\uFF1D1+1', 'plain']
  assert.equal(
    csvOf({ head: ['Type'], rows: [cells, formulas] }),
    `Type\r\n0.125,0.5,-0.5,,0.012,\r\n"'=1+1","' =1+1","'|calc","'%0A","'\uFF1D1+1",plain\r\n`,
  )
})

test('what is more than nothing is not told as nothing, and what is not all not as all', () => {
  const shares = [0, 1, 10, 11, 5_000, 9_989, 9_990, 9_991, 9_999, 10_000].map(n => percent(n, 10_000))
  assert.deepEqual(shares, [
    ...['0 %', '<0.1 %', '0.1 %', '0.1 %', '50.0 %'],
    ...['99.9 %', '99.9 %', '>99.9 %', '>99.9 %', '100 %'],
  ])
  assert.equal(percent(0, 0), '–')
  assert.deepEqual(
    [change(100_001, 100_000), change(99_999, 100_000), change(5, 5), points(0.0002), points(-0.0002), points(0)],
    ['+<0.1 %', '-<0.1 %', '0 %', '+<0.1 pp', '-<0.1 pp', '0 pp'],
  )
})
