import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { DuckDBInstance } from '@duckdb/node-api'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { parquetOf } from './export.ts'
import { csvOf, type Table } from './tables.ts'

const one = (cell: string | number | null): Table => ({ columns: [{ name: 'x', type: 'text' }], rows: [[cell]] })
const cellOf = (cell: string | number | null) => csvOf(one(cell)).slice(3, -2)

test('no cell of a CSV is a formula, and none breaks its row', () => {
  for (const formula of [
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    ' =1',
    '＝1',
    ' ＝1',
    `=HYPERLINK("http://evil","x")`,
    '|cmd',
  ]) {
    const cell = cellOf(formula)
    assert.ok(cell.startsWith(`"'`), cell)
  }
  assert.equal(cellOf('a;=1+1;b'), '"a;=1+1;b"', 'where fields end at semicolons')
  assert.equal(cellOf('a "b", c\nd'), '"a ""b"", c\nd"')
  assert.deepEqual([cellOf('plain'), cellOf(-3), cellOf(null)], ['plain', '-3', ''])
  assert.equal(csvOf({ columns: [], rows: [] }), '\r\n')
})

/** A reader of RFC 4180. */
function parse(csv: string): string[][] {
  const rows: string[][] = [[]]
  for (const [, quoted, plain, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)!.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'))
    if (end === '\r\n') rows.push([])
    if (end === '') break
  }
  return rows.slice(0, -1)
}

const naughty = [
  ...['', 'undefined', 'null', "'; drop table delivery_events; --", '${7*7}', '{{7*7}}', '<script>alert(1)</script>'],
  ...[
    '𝕿𝖍𝖊 🇩🇪👩‍👩‍👧',
    'الْعَرَبِيَّة',
    '\u202etest\u202c',
    '田中さん',
    '\u0000'.replaceAll('\0', ''),
    'a\u200bb',
    '%s%n',
    '1e100',
    '"',
    "'",
    ',,',
  ],
]

test('whatever a type is called, a reader of the CSV gets it back, with at most an apostrophe before it', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...naughty))
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { minLength: 1 }), rows => {
      const columns = ['a', 'b'].map(name => ({ name, type: 'text' as const }))
      const read = parse(csvOf({ columns, rows }))
      const clean = (cell: string, given: string) => (cell === `'${given}` ? given : cell)
      assert.deepEqual(
        read.slice(1).map((row, at) => row.map((cell, n) => clean(cell, rows[at]![n]!))),
        rows,
      )
    }),
  )
})

test('a Parquet file holds the rows as they are', async () => {
  const columns = [
    { name: 'group', type: 'text' },
    { name: 'n', type: 'integer' },
    { name: 'since', type: 'time' },
  ] as const
  const rows = naughty.map((name, n) => [name, n, '2026-11-20T12:00:00.000Z'])
  const bytes = await parquetOf({ columns, rows: [...rows, [null, null, null]] })
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'x.parquet')
  await writeFile(file, bytes)
  const instance = await DuckDBInstance.create(':memory:')
  const reader = await (
    await instance.connect()
  ).runAndReadAll(`select "group", n::int, epoch_ms(since)::bigint::varchar from read_parquet('${file}')`)
  const expected = rows.map(([group, n]) => [group, n, String(Date.parse('2026-11-20T12:00:00.000Z'))])
  assert.deepEqual(reader.getRows(), [...expected, [null, null, null]])
  instance.closeSync()
})
