import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { attemptId, newBatchId } from '#contracts/ids.ts'
import { clickOf, clickToken, clickTokenChars, receiptAttempt, receiptTokens, targetBytesMax } from './attempt-token.ts'

const secret = 'a secret of this test'
const attempt = { batch: newBatchId(), slot: 499 }
const id = attemptId(attempt)
const target = 'https://example.com/a?b=ä&c=💌'

test('a token names its attempt, and its target, to who has the secret', () => {
  const receipt = receiptTokens(attempt.batch, secret)(attempt.slot)
  const click = clickToken({ attempt: id, target }, secret)
  assert.deepEqual(receiptAttempt(receipt, secret), attempt)
  assert.deepEqual(clickOf(click, secret), { attempt, target })
  assert.deepEqual([receipt.length, click.length], [47, clickTokenChars(target)])
  const tokenOf = receiptTokens(attempt.batch, secret)
  assert.deepEqual(
    [7, 499, 7].map(tokenOf).map(token => receiptAttempt(token, secret)?.slot),
    [7, 499, 7],
  )
  assert.equal(receiptAttempt(receipt, 'another secret'), undefined)
  assert.equal(clickOf(click, 'another secret'), undefined)
})

test('a token of one use is none of the other, and shows no target', () => {
  const receipt = receiptTokens(attempt.batch, secret)(attempt.slot)
  const click = clickToken({ attempt: id, target }, secret)
  assert.equal(clickOf(receipt, secret), undefined)
  assert.equal(receiptAttempt(click, secret), undefined)
  assert.ok(!Buffer.from(click, 'base64url').includes('example'))
  const head = (token: string) => Buffer.from(token, 'base64url').subarray(0, 35)
  assert.equal(receiptAttempt(head(click).toString('base64url'), secret), undefined)
})

test('the same link is the same token; another attempt, or target, is another one', () => {
  const click = clickToken({ attempt: id, target }, secret)
  assert.equal(clickToken({ attempt: id, target }, secret), click)
  const others = [
    clickToken({ attempt: attemptId({ ...attempt, slot: 498 }), target }, secret),
    clickToken({ attempt: id, target: `${target}!` }, secret),
  ]
  assert.equal(new Set([click, ...others].map(token => token.slice(26))).size, 3)
})

test('whatever is changed, cut off, added or spelled otherwise is of nobody', () => {
  const receipt = receiptTokens(attempt.batch, secret)(attempt.slot)
  const click = clickToken({ attempt: id, target }, secret)
  for (const token of [receipt, click])
    for (let bit = 0; bit < Buffer.from(token, 'base64url').length * 8; bit++) {
      const bytes = Buffer.from(token, 'base64url')
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const changed = bytes.toString('base64url')
      assert.deepEqual([receiptAttempt(changed, secret), clickOf(changed, secret)], [undefined, undefined])
    }
  for (const bend of [
    (token: string) => token.slice(0, -1),
    (token: string) => `${token}A`,
    (token: string) => ` ${token}`,
    (token: string) => `${token}=`,
    (token: string) => token.repeat(1_000),
  ]) {
    assert.equal(receiptAttempt(bend(receipt), secret), undefined)
    assert.equal(clickOf(bend(click), secret), undefined)
  }
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), text => {
      assert.deepEqual([receiptAttempt(text, secret), clickOf(text, secret)], [undefined, undefined])
    }),
  )
})

test('the longest target that is taken is one that can be read again', () => {
  const long = 'x'.repeat(targetBytesMax)
  assert.equal(clickOf(clickToken({ attempt: id, target: long }, secret), secret)?.target, long)
})
