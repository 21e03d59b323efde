import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { channels } from '#contracts/channel.ts'
import { type ChoicesPatch, patched } from './choices.ts'
import { type Ask, mayWe } from './may-we.ts'
import type { Choices, Person } from './preferences.ts'

const person = (choices: Choices, erased = false): Person => ({ id: 'u1', choices, endpoints: [], erased })
const off: Choices = { categories: { '*': { push: false } } }
const ask = (about: Partial<Ask> = {}): Ask => ({
  ...{ category: 'social', channel: 'push', thread: 't1', mandatory: false, at: 1000 },
  ...about,
})

type Row = [name: string, person: Person, about: Partial<Ask>, expected: string]
/** Each row adds what an earlier rule looks at: that rule wins. */
const table: Row[] = [
  ['nothing is set', person({}), {}, 'yes default'],
  ['everything is off', person(off), {}, 'suppressed_preference opted_out everything by push'],
  ['on another channel', person(off), { channel: 'email' }, 'yes default'],
  [
    'the nearer wish wins over the one for everything',
    person({ categories: { ...off.categories, social: { push: true } } }),
    {},
    'yes opted_in social by push',
  ],
  [
    'a category is off',
    person({ categories: { social: { push: false } } }),
    {},
    'suppressed_preference opted_out social by push',
  ],
  ['another category', person({ categories: { social: { push: false } } }), { category: 'billing' }, 'yes default'],
  [
    'a muted thread wins over a wish for its category',
    person({ categories: { social: { push: true } }, threads: { t1: true } }),
    {},
    'suppressed_mute muted_thread t1',
  ],
  ['muted until later', person({ threads: { t1: 1001 } }), {}, 'suppressed_mute muted_thread t1'],
  ['muted until now', person({ threads: { t1: 1000 } }), {}, 'yes default'],
  ['another thread', person({ threads: { t2: true } }), {}, 'yes default'],
  ['paused for good', person({ paused: true }), {}, 'suppressed_preference paused further notice'],
  [
    'a pause wins over a muted thread',
    person({ paused: 1001, threads: { t1: true } }),
    {},
    'suppressed_preference paused 1970-01-01T00:00:01.001Z',
  ],
  ['paused until now', person({ paused: 1000 }), {}, 'yes default'],
  ['paused, but for the inbox', person({ paused: true }), { channel: 'in_app' }, 'yes default'],
  ['mandatory, in a pause', person({ paused: true }), { mandatory: true }, 'yes mandatory'],
  ['mandatory', person({ ...off, threads: { t1: true } }), { mandatory: true }, 'yes mandatory'],
  ['erased', person({}, true), { mandatory: true }, 'suppressed_preference erased'],
  [
    'names that every object has',
    person(JSON.parse('{"categories":{},"threads":{}}') as Choices),
    { category: 'constructor', thread: '__proto__' },
    'yes default',
  ],
]
for (const [name, who, about, expected] of table)
  test(`may we: ${name}`, () => {
    const { allowed, outcome, why } = mayWe(who, ask(about))
    assert.equal([allowed ? 'yes' : outcome, why.rule, why.value].filter(Boolean).join(' '), expected)
  })

const category = fc.constantFrom('*', 'social', 'billing')
const channel = fc.constantFrom(...channels)
const thread = fc.constantFrom('t1', 't2')
const choices: fc.Arbitrary<Choices> = fc.record(
  {
    categories: fc.dictionary(category, fc.dictionary(channel, fc.boolean(), { noNullPrototype: true }), {
      noNullPrototype: true,
    }),
    threads: fc.dictionary(thread, fc.oneof(fc.constant(true as const), fc.integer({ min: 0, max: 2000 })), {
      noNullPrototype: true,
    }),
  },
  { requiredKeys: [] },
)
const asked = fc.record({
  category: fc.constantFrom('social', 'billing', 'news'),
  channel,
  thread: fc.option(thread, { nil: undefined }),
  mandatory: fc.boolean(),
  at: fc.integer({ min: 0, max: 2000 }),
})
const optOut: fc.Arbitrary<ChoicesPatch> = fc.oneof(
  fc.tuple(category, channel).map(([category, channel]) => ({ categories: { [category]: { [channel]: false } } })),
  thread.map(thread => ({ threads: { [thread]: true as const } })),
)

test('an opt-out never adds a send, whatever was chosen before', () => {
  fc.assert(
    fc.property(choices, optOut, asked, (before, patch, question) => {
      const result = patched(before, patch, { recipient: 'u1', now: question.at })
      assert.ok(result.ok)
      const after = mayWe(person(result.value.choices), question)
      assert.ok(!after.allowed || mayWe(person(before), question).allowed)
      if (question.mandatory) return
      // And it does what it says, where nothing nearer was said.
      const { categories = {}, threads = {} } = patch
      if (categories?.[question.category]?.[question.channel] === false) assert.equal(after.allowed, false)
      if (question.thread !== undefined && threads?.[question.thread]) assert.equal(after.allowed, false)
    }),
    { numRuns: 2000 },
  )
})
