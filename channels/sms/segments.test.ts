import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentsOf } from './segments.ts'

const cases: [what: string, text: string, segments: number][] = [
  ['nothing', '', 1],
  ['160 characters of GSM-7', 'a'.repeat(160), 1],
  ['161 of them', 'a'.repeat(161), 2],
  ['306 of them', 'a'.repeat(306), 2],
  ['307 of them', 'a'.repeat(307), 3],
  ['80 characters that take an escape', '€'.repeat(80), 1],
  ['81 of them', '€'.repeat(81), 2],
  ['70 with one that GSM-7 has not', 'ж' + 'a'.repeat(69), 1],
  ['71 of these', 'ж' + 'a'.repeat(70), 2],
  ['36 emoji, two units each', '🔔'.repeat(36), 2],
  ['306 septets, but an escape would stand at the edge of a segment', `${'a'.repeat(152)}€${'a'.repeat(152)}`, 3],
  ['the same, with the escape before the edge', `${'a'.repeat(151)}€${'a'.repeat(153)}`, 2],
  ['134 units, but a pair would stand at the edge', `${'ж'.repeat(66)}🔔${'ж'.repeat(66)}`, 3],
  ['the same, with the pair before the edge', `${'ж'.repeat(65)}🔔${'ж'.repeat(67)}`, 2],
  ['66 emoji, 33 of them in a segment', '🔔'.repeat(66), 2],
  ['67 of them', '🔔'.repeat(67), 3],
]
for (const [what, text, segments] of cases)
  test(`${what}: ${segments}`, () => {
    assert.equal(segmentsOf(text), segments)
  })
