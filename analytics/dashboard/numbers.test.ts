import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cellText, changeCell, csvOf, pointsCell, shareCell } from './numbers.ts'

test('a file has numbers where people read percentages, and a formula is text in it', () => {
  const cells = [shareCell(1, 8), changeCell(3, 2), changeCell(1, 2), changeCell(1, 0), pointsCell(0.012), null]
  assert.deepEqual(cells.map(cellText), ['12.5 %', '+50.0 %', '-50.0 %', 'new', '+1.2 pp', '–'])
  const formulas = ['=1+1', ' =1+1', '|calc', '%0A', '\uFF1D1+1', 'plain']
  assert.equal(
    csvOf({ head: ['Type'], rows: [cells, formulas] }),
    `Type\r\n0.125,0.5,-0.5,,0.012,\r\n"'=1+1","' =1+1","'|calc","'%0A","'\uFF1D1+1",plain\r\n`,
  )
})
