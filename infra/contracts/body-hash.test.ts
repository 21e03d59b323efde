import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { bodyHash, canonical } from './body-hash.ts'
import { intentId } from './ids.ts'
import type { Intent } from './intent.ts'

const occurredAt = Date.UTC(2026, 10, 21)
const intent: Intent = {
  id: intentId({ producer: 'docs', key: 'k' }),
  producer: 'docs',
  key: 'k',
  type: 'comment.created',
  catalogue: '1',
  lane: 'default',
  to: [{ kind: 'recipient', id: 'u1' }],
  data: { a: 1, b: { c: 2, d: 3 } },
  occurredAt,
  expiresAt: occurredAt + 60_000,
}

test('a repeat says the same, whenever it comes and whoever carries it', () => {
  const repeats: Partial<Intent>[] = [
    { occurredAt: occurredAt + 5000, expiresAt: occurredAt + 65_000 },
    { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    { catalogue: '2' },
    { dryRun: false },
    { data: { b: { d: 3, c: 2 }, a: 1 } },
  ]
  for (const repeat of repeats) assert.equal(bodyHash({ ...intent, ...repeat }), bodyHash(intent))
})

test('whatever changes what is said changes the hash', () => {
  const others: Partial<Intent>[] = [
    { type: 'comment.removed' },
    { to: [{ kind: 'recipient', id: 'u2' }] },
    { to: [{ kind: 'recipient', id: 'u1', reason: 'mention' }] },
    { data: { a: 2, b: { c: 2, d: 3 } } },
    { data: { a: 1, b: { c: 2, d: 3 }, e: null } },
    { lane: 'bulk' },
    { tenant: 'acme' },
    { room: 'general' },
    { thread: 't1' },
    { actor: 'u9' },
    { expiresAt: occurredAt + 60_001 },
    { sendAt: occurredAt },
    { spreadOverMs: 600_000 },
    { dryRun: true },
  ]
  const hashes = [intent, ...others.map(other => ({ ...intent, ...other }))].map(bodyHash)
  assert.equal(new Set(hashes).size, hashes.length)
})

test('the hash fits a signed bigint of Postgres', () => {
  const fits = fc.property(fc.string(), text => {
    const hash = bodyHash({ ...intent, data: { text } })
    assert.ok(hash >= 0n && hash < 2n ** 63n)
  })
  fc.assert(fits)
})

test('canonical text is JSON with sorted keys', () => {
  const stable = fc.property(fc.jsonValue(), value => {
    const text = canonical(value)
    assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    assert.equal(canonical(JSON.parse(text)), text)
  })
  fc.assert(stable)
  assert.equal(canonical({ b: 1, a: [undefined, { d: 1, c: undefined }] }), '{"a":[null,{"d":1}],"b":1}')
})
