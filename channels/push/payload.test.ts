import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PushContent } from '#contracts/catalogue.ts'
import type { Lane } from '#contracts/channel.ts'
import { screenOf } from '#local/simulators/screen.ts'
import type { OutMessage } from '../provider.ts'
import { messageTo, startSubject, subjects } from '../providers.fixture.ts'
import { notificationOf } from './apns-message.ts'
import { messageOf } from './fcm-message.ts'

const fcm = subjects.find(({ name }) => name === 'fcm')!
const apns = subjects.find(({ name }) => name === 'apns')!
const now = 1_800_000_000_000
const push = (content: PushContent, more: Partial<OutMessage<'push'>> = {}): OutMessage<'push'> => {
  const message = messageTo(fcm, 1, content) as OutMessage<'push'>
  return { ...message, receipt: 'receipt', badge: 3, intent: { ...message.intent, expiresAt: now + 60_000 }, ...more }
}
const rich: PushContent = {
  ...{ title: 'Title', body: 'Body', url: 'https://carillon.test/1', image: 'https://carillon.test/1.png' },
}
const toFcm = (message: OutMessage<'push'>, lane: Lane = 'default') => messageOf(message, { lane, now, deadlineMs: 1 })!
const toApns = (message: OutMessage<'push'>, lane: Lane = 'default') => {
  // The library's types leave out what it sends by.
  const note = notificationOf(message, { lane, now, deadlineMs: 1, topic: 'app' }) as unknown as {
    headers(): Record<string, unknown>
    compile(): string
  }
  return { headers: note.headers(), payload: JSON.parse(note.compile()) as Record<string, unknown> }
}

test('FCM gets what each platform shows: text, image, link, tag, channel, number, life and urgency', () => {
  const message = push(rich)
  const { deliveryId: nid } = message
  const thread = 't1'
  assert.deepEqual(toFcm(message), {
    token: 'token-1',
    notification: { title: 'Title', body: 'Body', imageUrl: rich.image },
    data: { nid, type: 'test.greeting', receipt: 'receipt', url: rich.url, thread, badge: '3' },
    android: {
      priority: 'HIGH',
      notification: { tag: nid, channelId: 'social', notificationCount: 3 },
      ttl: 60_000,
    },
    apns: {
      headers: { 'apns-collapse-id': nid, 'apns-priority': '10', 'apns-expiration': String(now / 1000 + 60) },
      payload: {
        aps: { sound: 'default', category: 'social', 'mutable-content': 1, 'thread-id': thread, badge: 3 },
      },
    },
    webpush: {
      headers: { Urgency: 'normal', TTL: '60' },
      notification: { tag: nid, image: rich.image },
      fcmOptions: { link: rich.url },
    },
  })
})

test('Apple gets the same of us as of FCM', () => {
  const message = push(rich)
  const { deliveryId: nid } = message
  const { headers, payload } = toApns(message)
  assert.deepEqual(
    { ...headers, 'apns-id': 'id' },
    {
      ...{ 'apns-id': 'id', 'apns-topic': 'app', 'apns-push-type': 'alert', 'apns-collapse-id': nid },
      ...{ 'apns-priority': 10, 'apns-expiration': now / 1000 + 60 },
    },
  )
  assert.deepEqual(payload, {
    ...{ nid, type: 'test.greeting', receipt: 'receipt', url: rich.url, thread: 't1', image: rich.image },
    aps: { ...toFcm(message).apns!.payload!.aps, alert: { title: 'Title', body: 'Body' } },
  })
})

test('a lane says how urgent a push is on each platform', () => {
  const of = (lane: Lane) => {
    const { android, apns, webpush } = toFcm(push(rich), lane)
    const direct = toApns(push(rich), lane)
    const aps = direct.payload.aps as Record<string, unknown>
    assert.deepEqual({ ...apns!.payload!.aps, alert: aps.alert }, aps)
    assert.equal(String(direct.headers['apns-priority']), apns!.headers!['apns-priority'])
    const { 'apns-priority': priority } = apns!.headers!
    return [android!.priority, priority, aps['interruption-level'], webpush!.headers!.Urgency]
  }
  assert.deepEqual(of('critical'), ['HIGH', '10', 'time-sensitive', 'high'])
  assert.deepEqual(of('default'), ['HIGH', '10', undefined, 'normal'])
  assert.deepEqual(of('bulk'), ['NORMAL', '5', undefined, 'low'])
})

test('what does not expire has the longest life there is, and what expired meanwhile none', () => {
  const { expiresAt: _, ...lasting } = push(rich).intent
  const message = push(rich, { intent: lasting })
  assert.deepEqual([toFcm(message).android!.ttl, toFcm(message).webpush!.headers!.TTL], [undefined, undefined])
  assert.equal(toApns(message).headers['apns-expiration'], now / 1000 + 28 * 24 * 3600)
  const late = toFcm(push(rich, { intent: { ...lasting, expiresAt: now - 1 } }))
  assert.deepEqual([late.android!.ttl, late.webpush!.headers!.TTL], [0, '0'])
})

test('a link that is not https is the app’s to open, not the browser’s', () => {
  const { data, webpush } = toFcm(push({ ...rich, url: 'carillon://1' }))
  assert.deepEqual([data!.url, webpush!.fcmOptions], ['carillon://1', undefined])
})

test('a silent push is data and a flag: nothing to show, never urgent', () => {
  const message = push({ ...rich, silent: true })
  const { deliveryId: nid } = message
  const said = { nid, type: 'test.greeting', receipt: 'receipt', url: rich.url, thread: 't1' }
  const texts = { title: 'Title', body: 'Body', image: rich.image }
  const { notification, data, android, apns, webpush } = toFcm(message, 'critical')
  assert.equal(notification, undefined)
  assert.deepEqual(data, { ...said, ...texts, badge: '3' })
  assert.deepEqual(android, { priority: 'NORMAL', ttl: 60_000 })
  assert.deepEqual(apns!.payload, { aps: { 'content-available': 1 } })
  assert.deepEqual([apns!.headers!['apns-push-type'], apns!.headers!['apns-priority']], ['background', '5'])
  assert.deepEqual(webpush, { headers: { Urgency: 'low', TTL: '60' } })
  const direct = toApns(message, 'critical')
  assert.deepEqual(direct.payload, { ...said, ...texts, badge: 3, aps: { 'content-available': 1 } })
  assert.deepEqual([direct.headers['apns-push-type'], direct.headers['apns-priority']], ['background', 5])
})

const contents: [what: string, content: PushContent, shown: number][] = [
  ['rich', rich, 1],
  ['silent', { ...rich, silent: true }, 0],
  ['long', { title: '漢'.repeat(3_000), body: '\u0000'.repeat(9_000), url: rich.url! }, 1],
]
for (const subject of [fcm, apns])
  test(`${subject.name} takes every kind of push through its client, and what has no room is not sent`, async () => {
    await using running = await startSubject(subject)
    for (const [n, [what, content, shown]] of contents.entries()) {
      const answer = await running.send({ ...messageTo(subject, n + 1, content), badge: 99 })
      assert.equal(answer.kind, 'accepted', what)
      const lines = running.simulators.lines(subject.name)
      assert.equal(screenOf(lines, subject.address(n + 1)).shown.length, shown, what)
    }
    const url = `https://carillon.test/${'x'.repeat(4_096)}`
    const answer = await running.send(messageTo(subject, 9, { ...rich, url }))
    assert.deepEqual(answer, { kind: 'messageDead', reason: 'no room for its texts', uncalled: true })
    assert.equal(running.simulators.lines(subject.name).length, contents.length)
  })
