import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseChoicesPatch, patched, type ChoicesPatch } from './choices.ts'
import type { Choices } from './preferences.ts'

const categories = ['social', 'billing']
const said = { recipient: 'u1', now: 1000 }
const change = (before: Choices, patch: ChoicesPatch) => {
  const result = patched(before, patch, said)
  assert.ok(result.ok)
  const lines = result.value.lines.map(({ kind, category, thread, channel, wish }) =>
    [kind, category ?? thread, channel, wish === null ? 'taken back' : wish ? 'yes' : 'no'].filter(Boolean).join(' '),
  )
  return { choices: result.value.choices, lines }
}

test('a patch changes what it names, and each change has its line', () => {
  assert.deepEqual(change({}, { categories: { social: { push: false, email: true } }, threads: { t1: true } }), {
    choices: { categories: { social: { push: false, email: true } }, threads: { t1: true } },
    lines: ['choice social push no', 'choice social email yes', 'mute t1 no'],
  })
  const before: Choices = { categories: { social: { push: false }, billing: { sms: false } }, threads: { t1: true } }
  assert.deepEqual(change(before, { categories: { social: { push: null } }, threads: { t1: null } }), {
    choices: { categories: { billing: { sms: false } } },
    lines: ['choice social push taken back', 'mute t1 yes'],
  })
  assert.deepEqual(change(before, { categories: { social: { push: false } } }).lines, [], 'said before')
  assert.deepEqual(change(before, { categories: null, threads: null }).choices, {})
})

test('a wish that is taken back is logged as that: what it leaves follows from what else is said', () => {
  const before: Choices = { categories: { '*': { push: false }, social: { push: true } } }
  assert.deepEqual(change(before, { categories: { social: null } }).lines, ['choice social push taken back'])
})

test('a pause is for good, until a time, for a time, or until the next morning where the person is', () => {
  const now = Date.parse('2026-03-28T22:30:00Z')
  const zone = 'Europe/Berlin'
  const pausedBy = (paused: unknown, before: Choices = {}) => {
    const patch = parseChoicesPatch({ paused }, categories)
    assert.ok(patch.ok)
    const result = patched(before, patch.value, { recipient: 'u1', now, zone })
    assert.ok(result.ok)
    const { choices, lines } = result.value
    return { paused: choices.paused, lines: lines.map(({ kind, wish, until }) => [kind, wish, until]) }
  }
  const until = (text: string) => ({ paused: Date.parse(text), lines: [['pause', false, Date.parse(text)]] })
  assert.deepEqual(pausedBy(true), { paused: true, lines: [['pause', false, undefined]] })
  assert.deepEqual(pausedBy('2026-04-01T10:00:00+02:00'), until('2026-04-01T08:00:00Z'))
  assert.deepEqual(pausedBy('1h'), until('2026-03-28T23:30:00Z'))
  assert.deepEqual(pausedBy('tomorrow'), until('2026-03-29T06:00:00Z'), 'the clock is put forward in that night')
  assert.deepEqual(pausedBy(null, { paused: true }), { paused: undefined, lines: [['pause', true, undefined]] })
  assert.deepEqual(pausedBy(null, { paused: now - 1 }), { paused: undefined, lines: [] }, 'was over')
  for (const wrong of [false, '0h', '1 hour', 'today', 5, {}])
    assert.equal(parseChoicesPatch({ paused: wrong }, categories).ok, false, JSON.stringify(wrong))
})

test('mutes that are over go when something else is changed', () => {
  const { choices, lines } = change({ threads: { old: 1000, now: 1001 } }, { threads: { new: 2000 } })
  assert.deepEqual({ choices, lines }, { choices: { threads: { now: 1001, new: 2000 } }, lines: ['mute new no'] })
})

test('no more threads are muted than a row should hold', () => {
  const many = Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`t${n}`, true as const]))
  const result = patched({}, { threads: many }, said)
  assert.deepEqual(result.ok ? [] : result.problems.map(problem => problem.pointer), ['#/threads'])
})

test('choices grow no larger than a row should be, whatever names are in them; one that is larger may shrink', () => {
  const wordy = (n: number) => `${n}`.padEnd(200, 'ü')
  const names = Array.from({ length: 200 }, (_, n) => wordy(n))
  const threads = Object.fromEntries(names.map(name => [name, true as const]))
  const result = patched({}, { threads }, said)
  assert.deepEqual(result.ok ? [] : result.problems.map(problem => problem.pointer), ['#'])
  assert.ok(patched({ threads }, { threads: { [names[0]!]: null } }, said).ok)
})

test('all problems of a patch are told at once', () => {
  const body = {
    categories: { sozial: { push: false }, social: { fax: true, push: 'no' }, billing: false },
    threads: { 'a"b': true, t1: 'tomorrow', t2: '2026-11-21T09:00:00+01:00' },
    colour: 'red',
  }
  const patch = parseChoicesPatch(body, categories)
  assert.deepEqual(patch.ok ? [] : patch.problems.map(problem => problem.pointer), [
    ...['#/colour', '#/categories/sozial', '#/categories/social/fax', '#/categories/social/push'],
    ...['#/categories/billing', '#/threads/a"b', '#/threads/t1'],
  ])
  for (const wrong of [null, [], 'x', { categories: 1 }, { threads: [] }])
    assert.equal(parseChoicesPatch(wrong, categories).ok, false)
})

test('a mute may end by itself', () => {
  const patch = parseChoicesPatch({ threads: { t1: '2026-11-21T09:00:00+01:00' } }, categories)
  assert.deepEqual(patch.ok && patch.value, { threads: { t1: Date.parse('2026-11-21T08:00:00Z') } })
})

/** RFC 7396, section 2, word by word. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null) return patch
  const merged = new Map(Object.entries(typeof target === 'object' && target !== null ? target : {}))
  for (const [name, value] of Object.entries(patch))
    if (value === null) merged.delete(name)
    else merged.set(name, mergePatch(merged.get(name), value))
  return Object.fromEntries(merged)
}
/** Members that hold nothing say nothing and are not kept. */
const pruned = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([name, member]) => [name, pruned(member)] as const)
  return Object.fromEntries(
    members.filter(([, member]) => typeof member !== 'object' || Object.keys(member as object).length > 0),
  )
}

test('a patch is a JSON merge patch', () => {
  const wish = fc.boolean()
  const names = fc.constantFrom('social', 'billing', '*', '__proto__', 'constructor')
  const channel = fc.constantFrom('push' as const, 'email' as const)
  const whole: fc.Arbitrary<Choices> = fc.record(
    { categories: fc.dictionary(names, fc.dictionary(channel, wish)) },
    { requiredKeys: [], noNullPrototype: true },
  )
  const wishes = fc.dictionary(channel, fc.option(wish, { freq: 4 }))
  const partial: fc.Arbitrary<ChoicesPatch> = fc.record(
    { categories: fc.option(fc.dictionary(names, fc.option(wishes, { freq: 4 })), { freq: 4 }) },
    { requiredKeys: [], noNullPrototype: true },
  )
  fc.assert(
    fc.property(whole, partial, (before, patch) => {
      const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
      assert.deepEqual(plain(pruned(change(before, patch).choices)), plain(pruned(mergePatch(before, patch))))
      assert.equal(Object.hasOwn(Object.prototype, 'push'), false)
    }),
    { numRuns: 2000 },
  )
})
