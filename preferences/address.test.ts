import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Provider } from '#contracts/channel.ts'
import { subscriptionOf } from '#local/simulators/browser.ts'
import { addressHash, isSameAddress, readAddress } from './address.ts'

const kept = (provider: Provider, text: string) => readAddress(provider, text).address
const refused = (provider: Provider, text: string) => readAddress(provider, text).detail ?? 'was taken'

test('a number is international and kept as E.164, however it is written', () => {
  for (const text of ['+4915112345678', '+49 151 1234 5678', ' +49 (151) 1234-5678'])
    assert.equal(kept('twilio', text), '+4915112345678')
  assert.equal(kept('twilio', '+12025550123'), '+12025550123', 'mobile or landline, nobody knows')
  assert.equal(kept('twilio', '+9993323000001'), '+9993323000001', 'a country that the metadata do not know')
  assert.match(refused('twilio', '0151 12345678'), /with \+ and the code of its country/)
  assert.match(refused('twilio', '+4915'), /no telephone number/)
  assert.match(refused('twilio', '+4420718387'), /more or fewer digits/)
  for (const landline of ['+4930123456', '+442071838750']) assert.match(refused('twilio', landline), /takes no texts/)
  for (const text of ['', 'ann', '+49 151 1234567x', '+']) assert.notEqual(refused('twilio', text), 'was taken')
})

test('a mailbox is within the limits of RFC 5321, and its domain as it travels', () => {
  assert.equal(kept('sendgrid', 'Ann.O+tag@Mail.Example'), 'Ann.O+tag@mail.example')
  assert.equal(kept('sendgrid', 'info@bücher.example'), 'info@xn--bcher-kva.example')
  const long = 'a'.repeat(64)
  assert.equal(kept('sendgrid', `${long}@mail.example`), `${long}@mail.example`)
  for (const text of [
    ...['ann', '@mail.example', 'ann@mail', 'ann@', 'a..b@mail.example', '.a@mail.example', 'ann@-mail.example'],
    ...['ann smith@mail.example', '"ann smith"@mail.example', 'ö@mail.example', 'ann@mail..example', 'ann@10.0.0.1'],
    ...[`${long}a@mail.example`, `ann@${long}.example`, `ann@${'a.'.repeat(126)}example`, 'ann@mail.example\r\nBcc: x'],
  ])
    assert.notEqual(refused('sendgrid', text), 'was taken', text)
})

test('one mailbox has one hash, however its domain is written', () => {
  const mails = ['info@bücher.example', 'Info@xn--bcher-kva.example', 'INFO@BÜCHER.example']
  const hashes = mails.map(address => addressHash('key', { channel: 'email', address }))
  assert.equal(new Set(hashes).size, 1)
  assert.ok(isSameAddress({ channel: 'email', address: mails[0]! }, { channel: 'email', address: mails[2]! }))
  assert.ok(!isSameAddress({ channel: 'push', address: 'A' }, { channel: 'push', address: 'a' }))
})

test('a device token is one, and Apple’s are kept in lower case', () => {
  assert.equal(kept('apns', 'AB12'.repeat(16)), 'ab12'.repeat(16))
  for (const text of ['ab12', 'zz12'.repeat(16), `${'ab12'.repeat(16)}/..`]) assert.match(refused('apns', text), /hex/)
  assert.equal(kept('fcm', 'cRk:APA91b-x_y.z'), 'cRk:APA91b-x_y.z')
  for (const text of ['', 'with space', 'a/b', 'x'.repeat(4097)]) assert.notEqual(refused('fcm', text), 'was taken')
})

test('a browser’s subscription is one text, however its JSON is written', () => {
  const { endpoint, keys } = JSON.parse(subscriptionOf('b')) as {
    endpoint: string
    keys: { p256dh: string; auth: string }
  }
  const plain = JSON.stringify({ endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } })
  for (const text of [
    plain,
    JSON.stringify(
      { endpoint, expirationTime: null, keys: { auth: keys.auth, p256dh: keys.p256dh }, more: 'x' },
      null,
      2,
    ),
    JSON.stringify({
      keys: { p256dh: `${keys.p256dh}=`, auth: `${keys.auth}==` },
      endpoint: endpoint.replace('https', 'HTTPS'),
    }),
  ])
    assert.equal(kept('webpush', text), plain)
  for (const text of [
    '',
    '{}',
    'null',
    JSON.stringify({ endpoint }),
    JSON.stringify({ endpoint: 'http://a.example', keys }),
  ])
    assert.notEqual(refused('webpush', text), 'was taken')
})

test('no refusal repeats the address', () => {
  const texts = ['0151 12345678', 'secret mailbox', '+4930123456', 'zz12'.repeat(16)]
  for (const provider of ['fcm', 'apns', 'sendgrid', 'twilio'] as const)
    for (const text of texts) assert.ok(!refused(provider, text).includes(text))
})
