import assert from 'node:assert/strict'
import { test } from 'node:test'
import { icu, type IcuValues } from './icu.ts'

const replies = {
  en: '{count, plural, one {# reply} other {# replies}}',
  de: '{count, plural, one {# Antwort} other {# Antworten}}',
}
const few = '{n, plural, one {# plik} few {# pliki} many {# plików} other {# pliku}}'

const rows: [locale: string, message: string, values: IcuValues, said: string][] = [
  ['en', replies.en, { count: 1 }, '1 reply'],
  ['en', replies.en, { count: 12_345 }, '12,345 replies'],
  ['de', replies.de, { count: 1 }, '1 Antwort'],
  ['de', replies.de, { count: 12_345 }, '12.345 Antworten'],
  ['pl', few, { n: 3 }, '3 pliki'],
  ['pl', few, { n: 5 }, '5 plików'],
  ['en', '{who, select, self {You} other {{name}}} left', { who: 'x', name: 'Ada' }, 'Ada left'],
  ['de', '{share, number, percent}', { share: 0.125 }, '13 %'],
  ['en', '{at, date, medium}', { at: new Date('2026-11-21T23:59:00Z') }, 'Nov 21, 2026'],
  ['en', '{at, time, short}', { at: new Date('2026-11-21T23:59:00Z') }, '11:59 PM'],
]
for (const [locale, message, values, said] of rows)
  test(`${locale}: ${said}`, () => {
    assert.equal(icu(locale, message)(values).replace(/\s/g, ' '), said)
  })

test('a value is text, whatever it looks like', () => {
  const name = '<b>{count, plural, other {x}}</b> #'
  assert.equal(icu('en', '<i>{name}</i> and {name}')({ name }), `<i>${name}</i> and ${name}`)
})

test('a message that is none fails where it is written, a missing value where it is told', () => {
  assert.throws(() => icu('en', '{count, plural, one {# reply}}'), SyntaxError)
  assert.throws(() => icu('en', '{count'), SyntaxError)
  assert.throws(() => icu('en', '{name} left')({}), /name/)
})

test('the same message is compiled once', () => {
  assert.equal(icu('en', replies.en), icu('en', replies.en))
  assert.notEqual(icu('en', replies.en), icu('de', replies.en))
})
