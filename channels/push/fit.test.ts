import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitPush } from './fit.ts'

const bytes = (content: object) => Buffer.byteLength(JSON.stringify(content))

test('what fits is left alone', () => {
  const content = { title: 'Title', body: 'x'.repeat(400) }
  assert.equal(fitPush(content), content)
  const measured = { title: 'Title', body: 'x'.repeat(2_000) }
  assert.deepEqual(fitPush(measured), measured)
})

test('long texts are cut on the edge of a grapheme, and fit whatever they are made of', () => {
  const family = '👨‍👩‍👧‍👦'
  for (const piece of ['x', 'é', '漢', family, '"', '\u0000', 'e\u0301']) {
    const { title, body } = fitPush({ title: piece.repeat(1_000), body: piece.repeat(5_000) })
    assert.ok(bytes({ title, body }) <= 3_100, `${piece}: ${bytes({ title, body })}`)
    assert.ok(bytes({ title, body }) > 2_900, `${piece}: ${bytes({ title, body })}`)
    for (const text of [title, body]) {
      assert.ok(text.endsWith('…'))
      assert.equal(text.slice(0, -1).length % piece.length, 0, 'no piece is cut in two')
    }
  }
})

test('one content is cut once', () => {
  const content = { title: 'Title', body: 'x'.repeat(9_000) }
  assert.equal(fitPush(content), fitPush(content))
})

test('a link that leaves no room costs the body, not the push', () => {
  const { body, url } = fitPush({
    title: 'Title',
    body: 'x'.repeat(500),
    url: `https://carillon.test/${'x'.repeat(2_990)}`,
  })
  assert.deepEqual([body, url!.length], ['', 3_012])
})
