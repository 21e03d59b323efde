import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { attemptId, newBatchId } from '#contracts/ids.ts'
import { receiptAttempt, receiptToken } from './attempt-token.ts'

const secret = 'a secret of this test'
const attempt = { batch: newBatchId(), slot: 499 }
const id = attemptId(attempt)

test('a token names its attempt to who has the secret', () => {
  const receipt = receiptToken(id, secret)
  assert.deepEqual(receiptAttempt(receipt, secret), attempt)
  assert.equal(receipt.length, 47)
  assert.equal(receiptAttempt(receipt, 'another secret'), undefined)
})

test('whatever is changed, cut off, added or spelled otherwise is of nobody', () => {
  const receipt = receiptToken(id, secret)
  for (let bit = 0; bit < Buffer.from(receipt, 'base64url').length * 8; bit++) {
    const bytes = Buffer.from(receipt, 'base64url')
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(receiptAttempt(bytes.toString('base64url'), secret), undefined)
  }
  const bent = [receipt.slice(0, -1), `${receipt}A`, ` ${receipt}`, `${receipt}=`, receipt.repeat(1_000)]
  for (const token of bent) assert.equal(receiptAttempt(token, secret), undefined)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), text => {
      assert.equal(receiptAttempt(text, secret), undefined)
    }),
  )
})
