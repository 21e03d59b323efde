import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBlast, type Volume, volumeLimit } from './volume.ts'

const quiet: Volume = { current: 0, before: 0, usual: 0 }
const asked = { n: 1, limit: 10_000, at: 1_000 }
const rows: { name: string; volume: Partial<Volume>; n?: number; blast: boolean }[] = [
  { name: 'up to the limit nothing is too many', volume: { current: 9_999 }, blast: false },
  { name: 'one more is', volume: { current: 10_000 }, blast: true },
  { name: 'one intent may be too many by itself', volume: {}, n: 10_001, blast: true },
  { name: 'what follows too many waits through the next ten minutes', volume: { before: 10_001 }, blast: true },
  { name: 'but not after what was just within the limit', volume: { before: 10_000 }, blast: false },
  { name: 'an operator lets it pass', volume: { current: 99_999, before: 99_999, passUntil: 1_001 }, blast: false },
  { name: 'for a time', volume: { current: 99_999, passUntil: 1_000 }, blast: true },
]
for (const { name, volume, n = 1, blast } of rows)
  test(`volume: ${name}`, () => assert.equal(isBlast({ ...quiet, ...volume }, { ...asked, n }), blast))

test('there may be ten times what is usual, and never less than the floor or one whole intent of the type', () => {
  const limit = (usual: number, maxRecipients?: number) =>
    volumeLimit({ usual }, { floor: 10_000, entry: maxRecipients === undefined ? {} : { maxRecipients } })
  assert.equal(limit(0), 100_000, 'while nothing is known the floor is usual')
  assert.equal(limit(0, 200_000), 200_000)
  assert.equal(limit(1), 10_000)
  assert.equal(limit(1_000), 10_000)
  assert.equal(limit(1_001), 10_010)
  assert.equal(limit(5, 50_000), 50_000)
})
