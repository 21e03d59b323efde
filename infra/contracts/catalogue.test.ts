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
    { ...entry, type: 'g', holdout: 0.05, mandatory: true },
    { ...entry, type: 'h', holdout: 0.05, lane: 'critical' },
    { ...entry, type: 'i', holdout: 5 },
    { ...entry, type: 'j', deliver: [{ channel: 'in_app', arm: 'b' }] },
    { ...entry, type: 'l', digest: { every: 'often' as '1s', into: 'nowhere', maxItems: 1 } },
    { ...entry, type: 'm', digest: { at: '8:00' }, lane: 'critical' },
    { ...entry, type: 'n', digest: { at: '08:00' }, sensitive: true },
    { ...entry, type: 'k', arms: { name: 'X', split: { a: 0 } }, deliver: [{ channel: 'in_app', arm: 'c' }] },
    { ...entry, type: 'l', deliver: [{ channel: 'in_app', unless: 'seen' } as never] },
    { ...entry, type: 'm', deliver: [{ channel: 'in_app', after: '32d', unless: 'acted' }], acted: 'Done' },
    { ...entry, type: 'n', deliver: [{ channel: 'in_app', after: '1s', unless: 'acted' }] },
    { ...entry, type: 'o', deliver: [{ channel: 'in_app', after: 'soon' as '1s', unless: 'liked' as 'seen' }] },
    { ...entry, type: 'p', deliver: [{ channel: 'in_app', after: 'soon' as '1s' }] },
  ]
  const expected = [
    'no template for push in en',
    'names no channel',
    'names no locale',
    'd: a sensitive type cannot go to in_app',
    'lower-case words',
    'same type',
    'l: "often" is not a duration',
    'l: digest.maxItems must be',
    'l: digest names no channel',
    'l: digest.into names nowhere',
    'm: digest.at "8:00" is not a time',
    'm: what is critical or mandatory waits in no digest',
    'n: a sensitive type cannot wait in a digest',
    '"soon" is not a duration',
    'throttle.limit',
    'e: deliver names in_app twice',
    'f: dedupe.within must be at most 31d',
    'g: a mandatory or critical type holds nobody out',
    'h: a mandatory or critical type holds nobody out',
    'i: holdout must be a share between 0 and 1',
    'j: deliver names the arm b, and there are no arms',
    'k: arms: "X" must be 1 to 40 lower-case letters',
    'k: arms.split must have two arms at least',
    'k: arms.split must give every arm a share above 0',
    'k: deliver names the arm c, which arms.split does not have',
    'k: deliver has no channel for the arm a',
    'l: in_app: unless seen needs a time: after',
    'm: in_app: after must be at most 31d',
    'm: acted must be lower-case words',
    'n: in_app: unless acted needs the success',
    'o: in_app: unless must be one of seen, read, acted, delivered, active',
    'p: in_app: after "soon" is not a duration',
    '\n  holdout must be a share between 0 and 1',
  ]
  assert.throws(
    () => catalogueOf('7', wrong, { holdout: 1 }),
    (error: Error) => {
      for (const problem of expected) assert.ok(error.message.includes(problem), problem)
      return error.message.startsWith('catalogue 7 cannot be used:')
    },
  )
})

test('a holdout of the catalogue is for every type that need not be told', () => {
  const types = [entry, { ...entry, type: 'b', mandatory: true }, { ...entry, type: 'c', lane: 'critical' as const }]
  const held = catalogueOf('7', types, { holdout: 0.01 }).types
  assert.deepEqual(
    [...held.values()].map(one => one.globalHoldout),
    [0.01, undefined, undefined],
  )
})

test('doubt means what the type says, else what is safe for the channel', () => {
  assert.equal(doubtPolicyOf({}, 'sms'), 'await_receipt')
  assert.equal(doubtPolicyOf({}, 'email'), 'await_receipt')
  assert.equal(doubtPolicyOf({}, 'push'), 'resend')
  assert.equal(doubtPolicyOf({ doubt: 'never' }, 'email'), 'never')
})

test('budgets count the types of their channel and categories, never critical ones', () => {
  const budget = { name: 'push', channel: 'push', limit: 5, per: '1h', wait: '3h', afterwards: 'digest' } as const
  const pushed = {
    ...entry,
    deliver: [{ channel: 'push' }],
    templates: { en: { push: () => ({ title: '', body: '' }) } },
  } as const
  const types = [
    pushed,
    { ...pushed, type: 'critical', lane: 'critical' },
    { ...pushed, type: 'work', category: 'work' },
    { ...entry, type: 'inbox' },
  ] as const
  const countedBy = (more: { categories?: string[] }) => {
    const catalogue = catalogueOf('1', types, { budgets: [{ ...budget, ...more }] })
    return [...catalogue.types.values()].filter(one => one.budgets).map(one => one.type)
  }
  assert.deepEqual(countedBy({}), ['comment.created', 'work'])
  assert.deepEqual(countedBy({ categories: ['work'] }), ['work'])
  const wrong = { ...budget, limit: 0, wait: 'long' as '1s' }
  assert.throws(
    () => catalogueOf('1', types, { budgets: [budget, wrong] }),
    /limit must be a whole number[^]*"long" is not a duration[^]*two budgets have the same name/,
  )
})
