import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyNotificationType, catalogueOf, doubtPolicyOf, durationMs } from './catalogue.ts'

const entry: AnyNotificationType = {
  type: 'comment.created',
  category: 'social',
  lane: 'default',
  owner: 'docs-team',
  value: 3,
  schema: { '~standard': { version: 1, vendor: 'test', validate: value => ({ value }) } },
  deliver: [{ channel: 'in_app' }],
  templates: { en: { in_app: () => ({ title: '', body: '' }) } },
}

test('lengths of time are read as people write them', () => {
  const lengths = { '30s': 30_000, '10m': 600_000, '24h': 86_400_000, '7d': 604_800_000, '1.5h': 5_400_000 }
  for (const [text, ms] of Object.entries(lengths)) assert.equal(durationMs(text), ms)
  for (const text of ['', '10', 'm', '10 m', '-1s', '1w', '1e3s'])
    assert.throws(() => durationMs(text), /is not a duration/)
})

test('a catalogue knows its types', () => {
  const other = { ...entry, type: 'comment.removed' }
  const catalogue = catalogueOf('7', [entry, other])
  assert.equal(catalogue.version, '7')
  assert.deepEqual([...catalogue.types.keys()], ['comment.created', 'comment.removed'])
  assert.equal(catalogue.types.get('comment.removed'), other)
})

test('a catalogue that cannot work says everything that is wrong with it', () => {
  const wrong: AnyNotificationType[] = [
    entry,
    entry,
    { ...entry, type: 'Comment', deliver: [] },
    { ...entry, type: 'a', deliver: [{ channel: 'in_app' }, { channel: 'push' }] },
    { ...entry, type: 'b', templates: {} },
    { ...entry, type: 'd', sensitive: true },
    { ...entry, type: 'c', expiresAfter: 'soon' as '1s', throttle: { limit: 0, per: '1h' } },
    { ...entry, type: 'e', deliver: [{ channel: 'in_app' }, { channel: 'in_app' }] },
    { ...entry, type: 'f', dedupe: { key: () => '', within: '32d' } },
  ]
  const expected = [
    'no template for push in en',
    'names no channel',
    'names no locale',
    'd: a sensitive type cannot go to in_app',
    'lower-case words',
    'same type',
    '"soon" is not a duration',
    'throttle.limit',
    'e: deliver names in_app twice',
    'f: dedupe.within must be at most 31d',
  ]
  assert.throws(
    () => catalogueOf('7', wrong),
    (error: Error) => {
      for (const problem of expected) assert.ok(error.message.includes(problem), problem)
      return error.message.startsWith('catalogue 7 cannot be used:')
    },
  )
})

test('doubt means what the type says, else what is safe for the channel', () => {
  assert.equal(doubtPolicyOf({}, 'sms'), 'await_receipt')
  assert.equal(doubtPolicyOf({}, 'email'), 'await_receipt')
  assert.equal(doubtPolicyOf({}, 'push'), 'resend')
  assert.equal(doubtPolicyOf({ doubt: 'never' }, 'email'), 'never')
})
