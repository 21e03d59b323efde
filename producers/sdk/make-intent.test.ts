import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as fc from 'fast-check'
import { z } from 'zod'
import { bodyHash } from '#contracts/body-hash.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { intentBytesMax, parseIntent } from '#contracts/intent.ts'
import { defineNotification } from './define-notification.ts'
import { makeIntent, type Made } from './make-intent.ts'

const frame = {
  category: 'social',
  lane: 'default',
  owner: 'team',
  value: 3,
  deliver: [{ channel: 'in_app' }],
  templates: { en: { in_app: () => ({ title: '', body: '' }) } },
} as const
const comment = defineNotification({
  ...frame,
  type: 'comment',
  schema: z.object({ id: z.string(), likes: z.number() }),
})
const dated = defineNotification({ ...frame, type: 'dated', schema: z.object({ at: z.coerce.date() }) })
const free = defineNotification({ ...frame, type: 'free', schema: z.record(z.string(), z.any()) })
const trimmed = defineNotification({
  ...frame,
  type: 'trimmed',
  schema: z.object({ name: z.string().transform(name => name.trim()) }),
})
const few = defineNotification({ ...frame, type: 'few', schema: z.object({}), maxRecipients: 2 })
const slow: StandardSchemaV1<{ n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async value => {
      await Promise.resolve()
      const good = typeof (value as { n?: unknown }).n === 'number'
      return good ? { value: value as { n: number } } : { issues: [{ message: 'must be a number', path: ['n'] }] }
    },
  },
}
const alarm = defineNotification({ ...frame, type: 'alarm', schema: z.object({}), lane: 'critical' })
const later = defineNotification({ ...frame, type: 'later', schema: slow })
const catalogue = catalogueOf('7', [comment, dated, free, trimmed, few, later, alarm])
const now = Date.UTC(2026, 10, 21, 10)

const make = (type: unknown, options: Record<string, unknown>): Promise<Made> =>
  makeIntent({ type, options }, { producer: 'docs', catalogue, now })
const right = { to: ['u1'], data: { id: 'c1', likes: 1 }, key: 'k1' }

async function problemsOf(type: unknown, options: Record<string, unknown>): Promise<string[]> {
  const made = await make(type, options)
  return made.ok ? [] : made.problems
}

test('an intent says who, what, whom and when, and a router reads the same', async () => {
  const made = await make('comment', {
    ...right,
    actor: 'u9',
    tenant: 'acme',
    room: 'general',
    thread: 't1',
    expiresIn: '10m',
    sendAt: '2026-11-21T11:05:00+01:00',
    to: ['u1', { id: 'u2', reason: 'mention' }, { audience: 'a' }, { contact: { email: 'a@b.example' }, locale: 'de' }],
  })
  assert.ok(made.ok)
  assert.deepEqual(parseIntent(made.bytes), { ok: true, intent: made.intent, bodyHash: bodyHash(made.intent) })
  assert.deepEqual(made.intent, {
    id: made.intent.id,
    producer: 'docs',
    key: 'k1',
    type: 'comment',
    catalogue: '7',
    lane: 'default',
    data: right.data,
    occurredAt: now,
    expiresAt: now + 600_000,
    sendAt: now + 300_000,
    actor: 'u9',
    tenant: 'acme',
    room: 'general',
    thread: 't1',
    to: [
      { kind: 'recipient', id: 'u1' },
      { kind: 'recipient', id: 'u2', reason: 'mention' },
      { kind: 'audience', audience: 'a' },
      { kind: 'contact', contact: { email: 'a@b.example' }, locale: 'de' },
    ],
  })
})

test('every problem is named at once', async () => {
  const wrong = {
    to: ['', 7, { id: 'u1', audience: 'a' }, { contact: { email: 'nobody' } }, { id: 'u2', role: 'x' }],
    key: '',
    actor: 'a"b',
    expiresIn: 'soon',
    sendAt: 'tomorrow',
    colour: 'red',
    data: { id: 7 },
  }
  const problems = await problemsOf('comment', wrong)
  const places = problems.map(problem => problem.split(':')[0]!)
  const expected = 'colour actor key to[0] to[1] to[2] to[3] to[4] sendAt expiresIn data.id data.likes'
  assert.equal(places.join(' '), expected)
})

test('a type that the catalogue does not know is refused, with its version', async () => {
  assert.deepEqual(await problemsOf('nobody.knows', right), ['type "nobody.knows" is not in catalogue version 7'])
  assert.deepEqual(await problemsOf(undefined, right), ['type: is missing'])
})

test('people named twice are told once, for the first reason', async () => {
  const made = await make('comment', {
    ...right,
    to: [{ id: 'u1', reason: 'mention' }, 'u2', 'u1', { audience: 'a' }, { audience: 'a' }],
  })
  assert.ok(made.ok)
  assert.equal(made.intent.to.length, 3)
  assert.deepEqual(made.intent.to[0], { kind: 'recipient', id: 'u1', reason: 'mention' })
})

const people = (n: number) => Array.from({ length: n }, (_, at) => `u${at}`)

test('too many people, and an intent that is too long, are refused', async () => {
  assert.deepEqual(await problemsOf('comment', { ...right, to: people(1000) }), [])
  assert.match((await problemsOf('comment', { ...right, to: people(1001) }))[0]!, /names 1001, more than 1000/)
  assert.match((await problemsOf('few', { ...right, data: {}, to: people(3) }))[0]!, /the type allows no more/)
  assert.deepEqual(await problemsOf('comment', { ...right, to: [...people(1000), 'u0'] }), [])
  const long = { ...right, data: { id: 'x'.repeat(intentBytesMax), likes: 1 } }
  assert.match((await problemsOf('comment', long))[0]!, /bytes, more than 262144/)
})

test('data travels as the schema puts it out, and only if JSON can carry it', async () => {
  const made = await make('trimmed', { ...right, data: { name: ' ada ' } })
  assert.ok(made.ok && made.intent.data['name'] === 'ada')
  assert.match(
    (await problemsOf('dated', { ...right, data: { at: '2026-01-01' } }))[0]!,
    /^data\.at: a Date is not JSON/,
  )
  const odd = { ...right, data: { a: [1, { b: Number.NaN }], c: 1n, d: undefined, e: new Map() } }
  assert.deepEqual(
    (await problemsOf('free', odd)).map(problem => problem.split(':')[0]),
    ['data.a.1.b', 'data.c', 'data.e'],
  )
  const deep = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`) as object
  assert.match((await problemsOf('free', { ...right, data: deep }))[0]!, /nested deeper than 64/)
})

test('a schema may take its time', async () => {
  assert.deepEqual(await problemsOf('later', { ...right, data: { n: 'x' } }), ['data.n: must be a number'])
  assert.ok((await make('later', { ...right, data: { n: 1 } })).ok)
})

test('what would have expired before it is sent is refused', async () => {
  const problems = await problemsOf('comment', { ...right, expiresIn: '1h', sendAt: now + 3_600_001 })
  assert.deepEqual(problems, ['sendAt: is after the intent has expired'])
})

/** Any UTF-16 code unit, halves of pairs included. */
const unit = fc.nat(0xffff).map(code => String.fromCharCode(code))
const name = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('u1', 'k', '10m', '2026-01-01T00:00:00Z', 'ü\ud800'))
const data = fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), fc.string({ unit }), fc.anything()))
const rare = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 1 })
const said = fc.record({
  key: name,
  data,
  to: fc.array(
    fc.oneof(name, fc.record({ id: name, reason: rare(name) }), fc.record({ audience: name }), rare(fc.anything())),
  ),
  actor: rare(name),
  thread: rare(fc.anything()),
  expiresIn: rare(fc.constantFrom('10m', '0s', '99999999999999d', '-1s')),
  spreadOver: rare(fc.oneof(fc.constantFrom('10m', '24h', '25h', '0s', '1.5'), name)),
  sendAt: rare(fc.oneof(fc.double(), fc.date(), name)),
  occurredAt: rare(fc.oneof(fc.maxSafeInteger(), fc.date({ noInvalidDate: false }))),
})

test('whatever is said is refused here, or a router can read it', async () => {
  let read = 0
  const readable = fc.asyncProperty(said, async options => {
    const made = await make('free', options)
    if (!made.ok) return
    read++
    const parsed = parseIntent(made.bytes)
    assert.ok(parsed.ok)
    assert.equal(parsed.bodyHash, bodyHash(made.intent))
  })
  await fc.assert(readable, { numRuns: 500 })
  assert.ok(read > 25, `only ${read} were readable`)
})

test('an intent is spread over at most a day, unless it is critical or over by then', async () => {
  for (const [spreadOver, ms] of [
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['1s', 1_000],
  ] as const) {
    const made = await make('comment', { ...right, spreadOver })
    assert.equal(made.ok && made.intent.spreadOverMs, ms)
  }
  const unclear = 'spreadOver: must be a length of time like 10m, at most 24h'
  for (const spreadOver of ['10 minutes', '24.1h', '0s', 600, '', null])
    assert.deepEqual(await problemsOf('comment', { ...right, spreadOver }), [unclear])
  assert.deepEqual(await problemsOf('alarm', { ...right, data: {}, spreadOver: '10m' }), [
    'spreadOver: alarm is critical and leaves at once',
  ])
  const over = ['spreadOver: ends after the intent has expired']
  assert.deepEqual(await problemsOf('comment', { ...right, spreadOver: '2h', expiresIn: '1h' }), over)
  const late = { ...right, spreadOver: '30m', sendAt: now + 1_800_001, expiresIn: '1h' }
  assert.deepEqual(await problemsOf('comment', late), over)
})
