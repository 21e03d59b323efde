import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openNumbered } from './numbered.ts'

test('notifications are numbered in the order in which they come first, each word of what tells them apart counts', () => {
  // Of few values each: most have a hash that others have, too, and many come again.
  const word = fc.constantFrom(0, 1, 2 ** 31)
  const key = fc.tuple(fc.array(word, { minLength: 6, maxLength: 6 }), fc.nat(2))
  fc.assert(
    fc.property(fc.array(key, { maxLength: 1_000, size: 'max' }), keys => {
      const [numbered, known] = [openNumbered(), new Map<string, number>()]
      for (const [words, kind] of keys) {
        const bytes = Buffer.alloc(24)
        words.forEach((word, at) => bytes.writeUInt32BE(word, 4 * at))
        const name = [...words, kind].join()
        if (!known.has(name)) known.set(name, known.size)
        assert.equal(numbered.numberOf(bytes, { intent: 0, person: 16, kind }), known.get(name))
      }
    }),
  )
})

test('more than were made room for are numbered as well', () => {
  const [numbered, many] = [openNumbered(), 10_000]
  const bytes = Buffer.alloc(24)
  for (const round of [0, 1])
    for (let n = 0; n < many; n++) {
      bytes.writeUInt32LE(n * 4_096, 0)
      assert.equal(numbered.numberOf(bytes, { intent: 0, person: 16, kind: 0 }), n, `round ${round}`)
    }
})
