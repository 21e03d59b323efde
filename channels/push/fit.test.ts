import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PushContent } from '#contracts/catalogue.ts'
import { tracesFolder } from '#tests/servers.ts'
import type { OutMessage } from '../provider.ts'
import { messageTo, subjects } from '../providers.fixture.ts'
import { frameBytesMax, payloadBytesMax, sendFitting, type Texts, textFitter } from './fit.ts'
import { messageOf } from './fcm-message.ts'
import { apsOf, dataOf } from './payload.ts'

const fcm = subjects.find(({ name }) => name === 'fcm')!
const push = (content: PushContent, intent: object = {}): OutMessage<'push'> => {
  const message = messageTo(fcm, 1, content) as OutMessage<'push'>
  return { ...message, intent: { ...message.intent, ...intent }, receipt: 'r'.repeat(47), badge: 99 }
}
const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

/** As APNs is sent it. */
const apnsPayload = (message: OutMessage<'push'>, { title, body }: Texts) => ({
  ...dataOf(message, { title, body }),
  image: message.content.image,
  aps: { ...apsOf(message, 'critical'), alert: { title, body } },
})
const fitApns = () => textFitter(apnsPayload)

const fcmTexts = (message: OutMessage<'push'>): Texts | undefined => {
  const built = messageOf(message, { lane: 'critical', now: Date.now(), deadlineMs: 1 })
  return built?.notification as Texts | undefined
}
/** What FCM counts for any platform is a part of this. */
const fcmPayload = (message: OutMessage<'push'>) => {
  const { notification, data, android, apns, webpush } = messageOf(message, {
    ...{ lane: 'critical', now: Date.now(), deadlineMs: 1 },
  })!
  return [notification, data, android?.notification, apns?.payload, webpush?.notification, webpush?.fcmOptions]
}

test('what fits is left alone, and little is not measured', () => {
  const little = { title: 'Title', body: 'x'.repeat(200) }
  const fit = textFitter(() => assert.fail('measured'))
  assert.equal(fit(push(little)), little)
  const more = { title: 'Title', body: 'x'.repeat(2_000) }
  assert.deepEqual(fitApns()(push(more)), more)
})

test('one content is measured once', () => {
  let measured = 0
  const fit = textFitter((message, texts) => (measured++, apnsPayload(message, texts)))
  const content = { title: 'Title', body: 'x'.repeat(9_000) }
  const first = fit(push(content))
  const before = measured
  assert.equal(fit(push(content)), first)
  assert.equal(measured, before)
})

test('who has the longest number on the icon gets the same texts, and they fit', () => {
  const fit = fitApns()
  const content = { title: 'Title', body: 'x'.repeat(9_000) }
  const { badge: _, ...plain } = push(content)
  const texts = fit(plain)!
  assert.equal(fit(push(content)), texts)
  assert.ok(bytes(apnsPayload(push(content), texts)) <= payloadBytesMax)
})

test('long texts fill the payload to its last bytes, and are cut on the edge of a grapheme', () => {
  for (const piece of ['x', 'é', '漢', '👨‍👩‍👧‍👦', '"', '\u0000', 'e\u0301']) {
    const message = push({ title: piece.repeat(3_000), body: piece.repeat(5_000) })
    const texts = fitApns()(message)!
    const size = bytes(apnsPayload(message, texts))
    // Both texts end up to a piece before the limit.
    assert.ok(size <= payloadBytesMax && size > payloadBytesMax - 2 * bytes(piece), `${piece}: ${size}`)
    for (const text of [texts.title, texts.body]) {
      assert.ok(text.endsWith('…'))
      assert.equal(text.slice(0, -1).length % piece.length, 0, 'no piece is cut in two')
    }
  }
})

test('a title is cut only where it takes more than a third from the body', () => {
  const fit = (title: string, body: string) => fitApns()(push({ title, body }))!
  assert.equal(fit('t'.repeat(1_000), 'b'.repeat(5_000)).title.length, 1_000)
  assert.ok(fit('t'.repeat(5_000), 'b'.repeat(100)).title.length > 3_000)
  assert.equal(fit('t'.repeat(5_000), 'b'.repeat(100)).body.length, 100)
})

test('names and links of any length leave less room, or none, which is told', async () => {
  const url = (length: number) => `https://carillon.test/${'x'.repeat(length)}`
  const message = push({ title: 'Title', body: 'x'.repeat(5_000), url: url(3_000) })
  const texts = fitApns()(message)!
  assert.equal(bytes(apnsPayload(message, texts)), payloadBytesMax)
  const none = push({ title: 'Title', body: 'Body', url: url(4_096) })
  assert.equal(fitApns()(none), undefined)
  assert.equal(fcmTexts(none), undefined)
  const answers = await sendFitting([none, undefined, message], async sent => {
    assert.deepEqual(sent, [none, message])
    return [
      { kind: 'accepted', providerId: 'a' },
      { kind: 'accepted', providerId: 'b' },
    ]
  })
  assert.deepEqual(
    answers.map(({ kind }) => kind),
    ['accepted', 'messageDead', 'accepted'],
  )
})

test('a payload without texts, links and names is never longer than is reckoned with', () => {
  const bare = push({ title: '', body: '' }, { type: '', category: '', thread: '' })
  assert.ok(bytes(fcmPayload(bare)) <= frameBytesMax, `FCM: ${bytes(fcmPayload(bare))}`)
  assert.ok(bytes(apnsPayload(bare, bare.content)) <= frameBytesMax)
})

/** `fit.ts` leaves out of its reckoning what is said more than three times. */
test('a link, an image and each name stand in a payload three times at most', () => {
  const message = push(
    { title: 'T', body: 'B', url: 'https://link.test/', image: 'https://image.test/' },
    { type: 'a.type', category: 'a-category', thread: 'a-thread' },
  )
  for (const said of ['https://link.test/', 'https://image.test/', 'a.type', 'a-category', 'a-thread'])
    for (const payload of [fcmPayload(message), apnsPayload(message, message.content)])
      assert.ok(JSON.stringify(payload).split(said).length - 1 <= 3, said)
})

/** Holds whatever a template gives. */
function assertFits(content: PushContent): void {
  const message = push(content)
  const apns = fitApns()(message)
  const all = [
    { of: 'FCM', texts: fcmTexts(message)!, payload: fcmPayload(message) },
    { of: 'APNs', texts: apns!, payload: apnsPayload(message, apns!) },
  ]
  for (const { of, texts, payload } of all) {
    assert.ok(bytes(payload) <= payloadBytesMax, `${of}: ${bytes(payload)}`)
    for (const name of ['title', 'body'] as const) {
      const given = content[name].toWellFormed()
      const cut = texts[name]
      assert.ok(cut.isWellFormed(), `${of}: half a surrogate pair`)
      if (cut === given || cut === '') continue
      const kept = cut.slice(0, -1)
      assert.ok(cut.endsWith('…') && given.startsWith(kept))
      const edge = new Intl.Segmenter().segment(given).containing(kept.length)
      assert.equal(edge?.index, kept.length, `${of}: a grapheme is cut`)
    }
  }
}

test('whatever the texts are made of, a push fits, and no grapheme is cut', () => {
  const long = { maxLength: 3_000, size: 'max' } as const
  const texts = fc.oneof(
    fc.string({ unit: 'binary', ...long }),
    fc.string({ unit: 'grapheme', ...long }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), long).map(units => String.fromCharCode(...units)),
  )
  fc.assert(
    fc.property(texts, texts, (title, body) => assertFits({ title, body })),
    { numRuns: 30 },
  )
})

test('strings that broke others fit, alone and repeated', async t => {
  const folder = tracesFolder()
  if (!folder) return t.skip('without the recorded list of naughty strings')
  const strings = JSON.parse(await readFile(path.join(folder, 'blns.json'), 'utf8')) as string[]
  for (const text of strings) {
    assertFits({ title: text, body: text })
    assertFits({ title: text, body: text.repeat(Math.ceil(5_000 / Math.max(1, text.length))) })
  }
})
