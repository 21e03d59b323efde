import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressHash, masked } from './address.ts'
import { parseProfile } from './profile.ts'

const apns = 'ab12'.repeat(16)
const problemsOf = (id: string, body: unknown): string[] => {
  const parsed = parseProfile(id, body)
  return parsed.ok ? [] : parsed.problems.map(problem => `${problem.pointer} ${problem.detail}`)
}

test('a profile that says everything', () => {
  const body = {
    ...{ tenant: 'acme', locale: 'de-AT', zone: 'Europe/Berlin', quiet: { start: '22:00', end: '08:00' } },
    endpoints: [
      { channel: 'push', provider: 'apns', address: apns, app: 'org.example', platform: 'ios', version: '8.1.0' },
      { channel: 'push', provider: 'fcm', address: 'cRk:APA91b-x_y.z', id: 'phone' },
      { channel: 'sms', address: '+4915112345678' },
      { channel: 'email', address: 'ann@mail.example' },
    ],
  }
  const parsed = parseProfile('u1', body)
  assert.ok(parsed.ok)
  assert.deepEqual(
    parsed.value.endpoints?.map(one => one.provider),
    ['apns', 'fcm', 'twilio', 'sendgrid'],
    'where a channel has one provider it need not be named',
  )
  assert.deepEqual(parseProfile('u1', { quiet: null }), { ok: true, value: { id: 'u1', quiet: null } })
})

test('all problems of a profile are told at once, and none repeats an address', () => {
  const endpoints = [
    ['x'],
    { channel: 'push', address: apns },
    { channel: 'push', provider: 'apns', address: `${apns.slice(2)}zz` },
    { channel: 'push', provider: 'apns', address: 'ab12' },
    { channel: 'push', provider: 'sendgrid', address: 'secret@mail.example' },
    { channel: 'sms', address: '015112345678' },
    { channel: 'email', address: 'not a mailbox', id: 'inbox', app: '' },
    { channel: 'in_app', provider: 'inbox', address: '' },
    { channel: 'email', address: 'ann@mail.example', id: 'mail', colour: 'red' },
    { channel: 'email', address: 'Ann@mail.example', id: 'mail' },
    { channel: 'push', provider: 'apns', address: apns, platform: 'Ann’s phone', version: '8 1' },
    { channel: 'sms', address: '+4915112345678', version: '8.1' },
  ]
  const body = {
    tenant: '',
    locale: 'no such',
    zone: 'Europe/Bonn',
    quiet: { start: '8:00', end: '09:00' },
    endpoints,
    age: 7,
  }
  const problems = problemsOf('u1', body)
  assert.deepEqual(
    problems.map(problem => problem.split(' ')[0]),
    [
      ...['#/age', '#/tenant', '#/locale', '#/zone', '#/quiet/start'],
      ...['#/endpoints/0', '#/endpoints/1/provider', '#/endpoints/2/address', '#/endpoints/3/address'],
      ...['#/endpoints/4/provider', '#/endpoints/5/address', '#/endpoints/6/id', '#/endpoints/6/app'],
      ...['#/endpoints/6/address', '#/endpoints/7/channel', '#/endpoints/8/colour', '#/endpoints/9/id'],
      ...['#/endpoints/9/address', '#/endpoints/10/platform', '#/endpoints/10/version', '#/endpoints/11/platform'],
    ],
  )
  for (const secret of [apns, 'mail.example', '0151']) assert.ok(!problems.join().includes(secret))
})

test('what is refused as a whole', () => {
  const tooMany = Array.from({ length: 51 }, (_, n) => ({ channel: 'email', address: `a${n}@mail.example` }))
  assert.deepEqual(problemsOf('u1', { endpoints: tooMany }), ['#/endpoints endpoints must be a list of at most 50'])
  for (const [id, body] of [
    ['u1', []],
    ['u1', null],
    ['u1', 'x'],
    ['a"b', {}],
    ['contact:x', {}],
  ] as const)
    assert.equal(problemsOf(id, body).length, 1, `${id} ${JSON.stringify(body)}`)
})

const noZones = ['+02:00', 'Z', '', 'Europe/berlin2', 'UTC+1', 7, 'T12:00[Europe/Berlin]', 'T1200-0500', 'T12Z']
for (const zone of [
  ...noZones,
  '2026-11-21T00:00Z[Europe/Berlin]',
  'Europe/Berlin\n',
  '../etc/localtime',
  'Etc/Unknown',
])
  test(`${JSON.stringify(zone)} is no time zone`, () => assert.equal(problemsOf('u1', { zone }).length, 1))

for (const zone of [
  'UTC',
  'Etc/GMT+5',
  'US/Pacific',
  'Asia/Calcutta',
  'America/Argentina/ComodRivadavia',
  'europe/berlin',
])
  test(`${zone} is a time zone`, () => assert.ok(parseProfile('u1', { zone }).ok))

test('quiet hours are a window or several, by weekday', () => {
  const night = { start: '22:00', end: '08:00' }
  for (const quiet of [
    night,
    { ...night, days: ['mon', 'sun'] },
    { windows: [{ days: ['sat', 'sun'], start: '00:00', end: '24:00' }, night] },
  ])
    assert.deepEqual(parseProfile('u1', { quiet }), { ok: true, value: { id: 'u1', quiet } })
})

test('all problems of quiet hours are told at once', () => {
  const refused = (quiet: unknown) => problemsOf('u1', { quiet }).map(problem => problem.split(' ')[0])
  const windows = [
    'night',
    { days: [], start: '22:00', end: '22:00' },
    { days: ['mon', 'mon'], start: '24:00', end: '24:01', until: '08:00' },
    { days: ['monday'], start: '2:00', end: '08:00' },
    { days: 'mon', start: '22:00', end: '08:00' },
  ]
  assert.deepEqual(refused({ windows, zone: 'UTC' }), [
    ...['#/quiet/zone', '#/quiet/windows/0', '#/quiet/windows/1/end', '#/quiet/windows/1/days'],
    ...['#/quiet/windows/2/until', '#/quiet/windows/2/start', '#/quiet/windows/2/end', '#/quiet/windows/2/days'],
    ...['#/quiet/windows/3/start', '#/quiet/windows/3/days', '#/quiet/windows/4/days'],
  ])
  const night = { start: '22:00', end: '08:00' }
  for (const quiet of ['22:00-08:00', [night], { windows: [] }, { windows: Array.from({ length: 22 }, () => night) }])
    assert.equal(refused(quiet).length, 1, JSON.stringify(quiet).slice(0, 50))
  assert.deepEqual(refused({ start: '00:00', end: '24:00' }), ['#/quiet'], 'would never end')
  assert.deepEqual(refused({ windows: [night, { start: '07:00', end: '22:00' }] }), ['#/quiet'], 'nor would these')
})

test('an address is known by a keyed hash, in one spelling', () => {
  const hash = (address: string, key = 'k') => addressHash(key, { channel: 'email', address })
  assert.equal(hash('Ann@Mail.example'), hash('ann@mail.example'))
  assert.notEqual(hash('ann@mail.example'), hash('ann@mail.example', 'another key'))
  assert.notEqual(
    addressHash('k', { channel: 'push', address: 'A' }),
    addressHash('k', { channel: 'push', address: 'a' }),
  )
  assert.equal(masked({ channel: 'email', address: 'ann@mail.example' }), 'a…@mail.example')
  assert.equal(masked({ channel: 'sms', address: '+4915112345678' }), '…5678')
})

test('the address of a browser is its subscription, which leads over https to a host by name', () => {
  const keys = { p256dh: Buffer.alloc(65, 4).toString('base64url'), auth: Buffer.alloc(16).toString('base64url') }
  const takes = (address: unknown) =>
    problemsOf('u1', { endpoints: [{ channel: 'push', provider: 'webpush', address }] }).length === 0
  const at = (endpoint: string) => JSON.stringify({ endpoint, expirationTime: null, keys })
  assert.ok(takes(at('https://updates.push.services.mozilla.com/wpush/v2/gAAA')))
  assert.ok(
    takes(JSON.stringify({ endpoint: 'https://web.push.apple.com/Q', keys: { ...keys, auth: `${keys.auth}==` } })),
  )
  for (const endpoint of [
    ...[
      'http://web.push.apple.com/Q',
      'https://localhost/x',
      'https://10.0.0.1/x',
      'https://[::1]/x',
      'https://2130706433/',
    ],
    ...['https://web.push.apple.com:8443/Q', 'https://a:b@web.push.apple.com/Q', '/Q', ''],
  ])
    assert.ok(!takes(at(endpoint)), endpoint)
  for (const address of [
    '{}',
    'null',
    'x',
    '',
    JSON.parse(at('https://web.push.apple.com/Q')),
    `${at('https://a.b/')} x`,
  ])
    assert.ok(!takes(address))
  assert.ok(!takes(JSON.stringify({ endpoint: 'https://web.push.apple.com/Q', keys: { ...keys, p256dh: 'BA' } })))
})
