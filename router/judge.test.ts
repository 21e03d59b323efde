import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RecipientId } from '#contracts/ids.ts'
import { type Case, fold } from './judge.ts'
import { intentOf, typeOf } from './routing.fixture.ts'

const at = Date.UTC(2026, 0)
const inbox = { id: 'inbox', channel: 'in_app', provider: 'inbox', address: '', state: 'active', since: 0 } as const

test('the events of a decision name the language of its person, and only what is the tag of one', () => {
  const entry = typeOf('test.told', {})
  const intent = { ...intentOf({ type: entry.type, to: [], occurredAt: at }), category: entry.category }
  const caseOf = (id: string, locale?: string): Case => {
    const person = { id, choices: {}, endpoints: [inbox], erased: false, ...(locale !== undefined && { locale }) }
    return { intent, entry, recipient: id as RecipientId, at, person }
  }
  const cases = [caseOf('anna', 'de-AT'), caseOf('ben'), caseOf('cem', 'call me Cem, Wien')]
  const { decided } = fold(cases, { windows: new Map(), digests: new Map() })
  const locales = new Map(decided.map(({ recipient, locale }) => [recipient as string, locale]))
  assert.deepEqual(Object.fromEntries(locales), { anna: 'de-AT', ben: undefined, cem: undefined })
})
