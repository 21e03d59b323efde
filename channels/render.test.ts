import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localeFor } from './render.ts'

const cases: [wish: string, locales: string[], expected: string][] = [
  ['de', ['en', 'de'], 'de'],
  ['de-AT', ['en', 'de'], 'de'],
  ['de-AT', ['en', 'de', 'de-AT'], 'de-AT'],
  ['zh-Hant-TW', ['en', 'zh-Hant'], 'zh-Hant'],
  ['fr', ['en', 'de'], 'en'],
  ['', ['en', 'de'], 'en'],
  ['-', ['en'], 'en'],
]
for (const [wish, locales, expected] of cases)
  test(`"${wish}" among ${locales.join(', ')} is ${expected}`, () => {
    assert.equal(localeFor(wish, locales), expected)
  })
