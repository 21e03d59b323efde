import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unsubscribeOf, unsubscribeTokens } from './unsubscribe-token.ts'

const secret = 'a secret of this test'
const issued = Date.UTC(2026, 10, 21, 8)
const mails = [
  { recipient: '0190a8c0-0000-7000-8000-000000000001', categories: ['social'], issued },
  { recipient: 'u', categories: ['mentions', 'replies', 'daily_summary'], issued },
  { recipient: 'ünï 🦊/%&', categories: ['social'], issued },
  { recipient: 'r'.repeat(115), categories: ['announcements'], issued },
  { recipient: 'ß'.repeat(200), categories: ['social'], issued },
]
const tokens = unsubscribeTokens(mails, secret)

test('a token gives back what it was made of, alone or in a set', () => {
  for (const [at, mail] of mails.entries()) {
    assert.deepEqual(unsubscribeOf(tokens[at]!, secret), mail)
    assert.deepEqual(unsubscribeTokens([mail], secret), [tokens[at]])
  }
  assert.deepEqual(unsubscribeTokens([], secret), [])
})

test('names of 128 bytes together fit 200 characters, and all that is allowed fits a path', () => {
  assert.equal(tokens[3]!.length, 200)
  assert.ok(tokens.every(token => token.length <= 1_800 && /^[\w-]+$/.test(token)))
})

test('nothing of a person, and nothing that two mails share, can be seen', () => {
  const pair = ['ann', 'ann', 'bob'].map((recipient, n) => ({
    recipient,
    categories: ['social'],
    issued: issued + n * 1_000,
  }))
  const bytes = unsubscribeTokens(pair, secret).map(token => Buffer.from(token, 'base64url'))
  for (const one of bytes) assert.ok(!one.includes('social') && !one.includes('ann'))
  const [first, later, other] = bytes as [Buffer, Buffer, Buffer]
  // All but the version.
  const alike = (a: Buffer, b: Buffer) => a.subarray(1).filter((byte, at) => byte === b[at + 1]).length
  assert.ok(alike(first, later) < 6 && alike(first, other) < 6)
})

test('a token that anything was changed in is of nobody', () => {
  for (const token of tokens) {
    const bytes = Buffer.from(token, 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = changed[at]! ^ 1
      assert.equal(unsubscribeOf(changed.toString('base64url'), secret), undefined)
    }
    for (const other of [token.slice(0, -1), `${token}A`, `${token}=`, ` ${token}`, token.slice(0, 30)])
      assert.equal(unsubscribeOf(other, secret), undefined, other)
    assert.equal(unsubscribeOf(token, 'another secret'), undefined)
  }
  for (const other of ['', 'A', 'AQ', 'A'.repeat(2_000), tokens[0]!.replace('A', 'B')])
    assert.equal(unsubscribeOf(other, secret), undefined)
})
