import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attemptId, newBatchId } from '#contracts/ids.ts'
import { bodyOf, linkOf, plainText, segmentsSent } from './body.ts'
import { segmentsOf } from './segments.ts'
import { segmentPrice } from './price.ts'

const links = { url: 'https://carillon.test', secret: 'a secret of thirty-two characters' }

test('the segments of a text are those of what is sent, for any attempt', () => {
  for (const url of [undefined, 'https://shop.example/orders/42', 'tel:+12025550123'])
    for (const length of [10, 60, 90, 120, 150, 400, 1_400, 1_590]) {
      const content = { text: 'x'.repeat(length), ...(url !== undefined && { url }) }
      for (const slot of [0, 499])
        assert.equal(
          segmentsSent(content, links),
          segmentsOf(bodyOf(content, linkOf(links, attemptId({ batch: newBatchId(), slot })))),
          `${length} characters and ${url}`,
        )
    }
})

test('a link that would make the text too long for Twilio stays as it is', () => {
  const url = 'https://shop.example/orders/42'
  const text = 'x'.repeat(1_560)
  assert.equal(bodyOf({ text, url }, linkOf(links, attemptId({ batch: newBatchId(), slot: 0 }))), `${text} ${url}`)
})

test('what turns the direction round or shows nothing is taken out, and an emoji stays whole', () => {
  const rows: [given: string, plain: string][] = [
    ['pay \u202ee\u202cvil', 'pay evil'],
    ['\u2066a\u2069\u200e\u200f\u061c', 'a'],
    ['a\u0000b\u0007c\u009b\u007f', 'abc'],
    ['a\tb\r\nc\u2028d\re', 'a b\nc\nd\ne'],
    ['a\u200bb\ufeff', 'ab'],
    ['half \ud83d', 'half \ufffd'],
    ['👨‍👩‍👧‍👦 שלום', '👨‍👩‍👧‍👦 שלום'],
  ]
  for (const [given, plain] of rows) assert.equal(plainText(given), plain)
})

test('the longest beginning that has a price counts, and where none has it is not known', () => {
  const prices = { currency: 'USD', perSegment: { '+1': 0.01, '+1242': 0.05, '+49': 0.1 } }
  const rows = [
    ['+12025550123', 0.01],
    ['+12425550123', 0.05],
    ['+4915112345678', 0.1],
    ['+33612345678', undefined],
  ] as const
  for (const [number, price] of rows) assert.equal(segmentPrice(prices, number), price, number)
})
