import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onlyFor } from '#contracts/allow-list.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { decide, type Question } from './decide.ts'
import { entry, everybody, intent, noon } from './decide.fixture.ts'
import { typeOf } from './routing.fixture.ts'

const ask = (allowed: readonly string[], more: Partial<Question> = {}): string[] => {
  const type = typeOf(entry.type, { deliver: entry.deliver, mandatory: true, templates: allTemplates })
  const { types } = onlyFor(catalogueOf('1', [type]), allowed)
  const question = { intent, entry: types.get(entry.type)!, person: everybody, windows: undefined, at: noon, ...more }
  return [...new Set(decide(question).map(({ verdict }) => verdict.why.rule))]
}
const words = () => ({ title: '', body: '' })
const allTemplates = {
  en: { push: words, in_app: words, email: () => ({ subject: '', html: { html: '' }, text: '' }) },
}

test('where there is a list nobody else is told, not even what is mandatory', () => {
  assert.deepEqual(ask(['u1']), ['mandatory'])
  assert.deepEqual(ask(['tester-*', 'u*']), ['mandatory'])
  for (const list of [['u'], ['u10'], ['u1x*'], []]) assert.deepEqual(ask(list), ['not_allowed_here'])
})

test('nothing is held for whom it is not told; what ends for another reason says that', () => {
  assert.deepEqual(ask(['ada'], { intent: { ...intent, sendAt: noon + 1 } }), ['not_allowed_here'])
  assert.deepEqual(ask(['ada'], { intent: { ...intent, expiresAt: noon - 1 } }), ['expired'])
  assert.deepEqual(ask(['ada'], { takenBack: { outcome: 'retracted', why: { rule: 'retracted' } } }), ['retracted'])
})
