import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { attemptId, dayOf, deliveryId, intentId, isName, isUuid, newBatchId } from './ids.ts'

type Golden<Of> = { of: Of; id: string }[]
const golden = JSON.parse(readFileSync(path.join(import.meta.dirname, 'fixtures/ids.json'), 'utf8')) as {
  intents: Golden<Parameters<typeof intentId>[0]>
  deliveries: Golden<Parameters<typeof deliveryId>[0]>
  attempts: Golden<Parameters<typeof attemptId>[0]>
}

test('computed ids are what they always were', () => {
  for (const { of, id } of golden.intents) assert.equal(intentId(of), id)
  for (const { of, id } of golden.deliveries) assert.equal(deliveryId(of), id)
  for (const { of, id } of golden.attempts) assert.equal(attemptId(of), id)
})

test('producer and key cannot be taken for each other', () => {
  assert.notEqual(intentId({ producer: 'a', key: 'bc' }), intentId({ producer: 'ab', key: 'c' }))
  assert.ok(isUuid(intentId({ producer: 'a', key: 'b' })))
})

test('a new id sorts by its time and knows its day', () => {
  const before = new Date().toISOString().slice(0, 10)
  const [first, second] = [newBatchId(), newBatchId()]
  assert.ok(isUuid(first) && first !== second)
  // To the millisecond: the first 48 bits (RFC 9562, 5.7).
  assert.ok(first.slice(0, 13) <= second.slice(0, 13))
  assert.ok([before, new Date().toISOString().slice(0, 10)].includes(dayOf(first)))
  assert.equal(dayOf('00000000-0000-7000-8000-000000000000'), '1970-01-01')
})

/** Any UTF-16 code unit, halves of pairs included. */
const unit = fc.nat(0xffff).map(code => String.fromCharCode(code))

test('a name stands in SQL arrays and JSON as it is', () => {
  for (const good of ['u1', 'ada@x', 'büro 7', '👋', "o'hara", '{}', 'a,b', 'x'.repeat(200)])
    assert.ok(isName(good), good)
  for (const bad of ['', 'x'.repeat(201), 'a"b', 'a\\b', 'a\nb', 'a\u0000', 'a\u2028', '\ud800', 7, null])
    assert.ok(!isName(bad), String(bad))
  const plain = fc.property(fc.string({ unit, minLength: 1 }), text => {
    if (isName(text)) assert.equal(JSON.stringify(text), `"${text}"`)
  })
  fc.assert(plain, { numRuns: 1000 })
})
