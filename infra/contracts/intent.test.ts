import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { bodyHash } from './body-hash.ts'
import { encodeIntent, type Intent, intentBytesMax, isContact, isEmail, isPhone, parseIntent } from './intent.ts'

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, 'fixtures', name), 'utf8'))
const bytesOf = (message: unknown): Buffer =>
  Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))

const golden = fixture('intents.json') as { intent: Intent; message: unknown; bodyHash: string }[]

test('intents travel as they were written down, and keep the hash they had', () => {
  for (const { intent, message, bodyHash: hash } of golden) {
    assert.deepEqual(JSON.parse(encodeIntent(intent)), message)
    assert.deepEqual(parseIntent(bytesOf(message)), { ok: true, intent, bodyHash: BigInt(hash) })
    assert.equal(bodyHash(intent), BigInt(hash))
  }
})

test('what is no intent is refused with its reason and everything that is wrong', () => {
  const refused = fixture('refused-messages.json') as {
    what: string
    message: unknown
    reason: string
    problems: string[]
  }[]
  for (const { what, message, reason, problems } of refused) {
    const parsed = parseIntent(bytesOf(message))
    assert.ok(!parsed.ok, what)
    assert.deepEqual([parsed.reason, parsed.problems], [reason, problems], what)
  }
})

test('a message of the greatest length is read, one byte more is refused', () => {
  const { intent } = golden[0]!
  const filled = (text: string) => Buffer.from(encodeIntent({ ...intent, data: { text } }))
  const room = intentBytesMax - filled('').length
  assert.ok(parseIntent(filled('x'.repeat(room))).ok)
  const longer = parseIntent(filled('x'.repeat(room + 1)))
  assert.ok(
    !longer.ok && longer.problems[0] === `the message has ${intentBytesMax + 1} bytes, more than ${intentBytesMax}`,
  )
})

test('bytes that are not UTF-8 and data without a floor are refused, not thrown', () => {
  const notUtf8 = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')])
  assert.ok(!parseIntent(notUtf8).ok)
  const message = encodeIntent({ ...golden[0]!.intent, data: { deep: 'HERE' } })
  const deep = message.replace('"HERE"', `${'['.repeat(60_000)}${']'.repeat(60_000)}`)
  const parsed = parseIntent(Buffer.from(deep))
  assert.ok(!parsed.ok && parsed.problems[0] === 'data is nested too deeply')
})

test('no message makes the parser throw', () => {
  const { message } = golden[1] as { message: { data: object } }
  const changed = fc
    .record({ field: fc.constantFrom(...Object.keys(message), ...Object.keys(message.data)), value: fc.anything() })
    .map(({ field, value }) =>
      field in message.data
        ? { ...message, data: { ...message.data, [field]: value } }
        : { ...message, [field]: value },
    )
  const anything = fc.oneof(
    fc.uint8Array().map(bytes => Buffer.from(bytes)),
    fc.json().map(bytesOf),
    changed.map(safeBytes),
  )
  fc.assert(
    fc.property(anything, bytes => void parseIntent(bytes)),
    { numRuns: 500 },
  )
})

/** Values that JSON does not know are left out. */
function safeBytes(value: unknown): Buffer {
  try {
    return bytesOf(value)
  } catch {
    return Buffer.from('{}')
  }
}

test('an address is one mailbox or one number, nothing else', () => {
  for (const good of ['a@b.example', 'ada+1@mail.sub.example', 'ö@bücher.example', "o'hara@mail.example"])
    assert.ok(isEmail(good), good)
  for (const bad of [
    '',
    'ada',
    'a@b',
    'a@b.example,c@d.example',
    'a b@c.example',
    'A <a@b.example>',
    'a@b.example\r\nBcc: c',
    `${'a'.repeat(65)}@b.example`,
  ])
    assert.ok(!isEmail(bad), bad)
  for (const good of ['+4930123456', '+15005550006']) assert.ok(isPhone(good), good)
  for (const bad of ['030123456', '+0123456789', '+49 30 123456', '+1234567890123456', ''])
    assert.ok(!isPhone(bad), bad)
  assert.ok(!isContact({ email: 'a@b.example', phone: '+4930123456' }))
  assert.ok(!isContact(null))
})
