import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signedAttempt, verifiedAttempt } from './attempt-signature.ts'

const secret = 'a secret of this test'
const named = { attempt: '019a.7', delivery: 'd-1' }

test('what was signed is known again, and nothing else', () => {
  const query = signedAttempt({ ...named, secret })
  assert.deepEqual(verifiedAttempt(new URLSearchParams(query), secret), named)
  assert.equal(verifiedAttempt(new URLSearchParams(query), 'another secret'), undefined)
  assert.equal(verifiedAttempt(new URLSearchParams(), secret), undefined)
  for (const name of ['a', 'd', 's']) {
    const changed = new URLSearchParams(query)
    changed.set(name, `${changed.get(name)}x`)
    assert.equal(verifiedAttempt(changed, secret), undefined, name)
  }
})
