import assert from 'node:assert/strict'
import { randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import { test } from 'node:test'
import apn from 'apn'
import type { ProviderOptions, ResponseFailure } from 'apn'
import { localCredentials } from '#local/credentials.ts'
import type { LocalCredentials } from '#local/credentials.ts'
import { apnsAnswers } from './apns.ts'
import type { ApnsAnswer } from './apns.ts'
import type { Simulators } from './server.ts'
import { setup, temporaryFolder } from './test-setup.ts'

const device = (index: number) => index.toString(16).padStart(64, '0')

function provider({ ports, credentials }: Simulators & { credentials: LocalCredentials }, other: ProviderOptions = {}) {
  const { keyFile: key, keyId, teamId } = credentials.apns
  const made = new apn.Provider({
    token: { key, keyId, teamId },
    address: '127.0.0.1',
    port: ports.apns,
    ca: [credentials.caFile],
    connectionRetryLimit: 0,
    ...other,
  })
  return Object.assign(made, { [Symbol.dispose]: () => void made.shutdown() })
}

function notification({ apns }: LocalCredentials, set: Partial<apn.Notification> = {}) {
  const made = new apn.Notification({ aps: { alert: { title: 'Title', body: 'Body' } } })
  return Object.assign(made, { topic: apns.topic, pushType: 'alert', id: randomUUID(), collapseId: 'delivery' }, set)
}

const reasonOf = (failure: ResponseFailure | undefined) => failure?.response?.reason ?? failure?.error?.message

test('a thousand devices are accepted over one connection, each logged once with our ids', async () => {
  await using simulators = await setup()
  using apns = provider(simulators)
  const devices = Array.from({ length: 1000 }, (_, index) => device(index))
  const note = notification(simulators.credentials)
  const { sent, failed } = await apns.send(note, devices)
  assert.deepEqual([sent.length, failed.length], [1000, 0])
  const lines = simulators.lines('apns')
  assert.deepEqual(lines.map(line => line.address).toSorted(), devices)
  assert.deepEqual([lines[0]!.deliveryId, lines[0]!.attemptId], ['delivery', note.id])
})

test('every reason of APNs becomes what the provider table names', async () => {
  await using simulators = await setup()
  using apns = provider(simulators)
  // The client replaces two reasons by errors of its own.
  const replaced: Partial<Record<ApnsAnswer, string>> = { InternalServerError: 'Error 500, stream ended unexpectedly' }
  const names = Object.keys(apnsAnswers) as ApnsAnswer[]
  for (const [index, answer] of names.entries())
    simulators.script.set({ provider: 'apns', address: device(index), answer, retryAfterSeconds: 60 })
  const note = notification(simulators.credentials)
  for (const [index, name] of names.entries()) {
    const { failed } = await apns.send(note, device(index))
    assert.equal(reasonOf(failed[0]), replaced[name] ?? name)
    assert.equal(failed[0]!.status, simulators.log.entries().at(-1)!.status)
    assert.equal((failed[0] as unknown as Record<string, string>)['apns-id'], note.id)
    if (failed[0]!.status === 410) assert.ok(Number(failed[0]!.response!.timestamp) > Date.now() - 10_000)
  }
  assert.equal(simulators.log.counts().apns!.messages, names.length, 'the client posts once')
  assert.equal(simulators.log.counts().apns!.accepted, 0)
})

test('what ends without an answer is an error without status', async () => {
  const table = {
    hang: /^apn write timeout$/,
    resetBefore: /^apn write failed: read ECONNRESET$/,
    resetAfter: /^apn write failed: read ECONNRESET$/,
    goaway: /^apn write failed: Session closed with error code 11$/,
    garbage: /^Unexpected error processing APNs response/,
    html502: /^Unexpected error processing APNs response/,
  } as const
  await using simulators = await setup()
  using apns = provider(simulators)
  using impatient = provider(simulators, { requestTimeout: 200 })
  for (const [answer, expected] of Object.entries(table)) {
    simulators.script.set({ provider: 'apns', address: device(1), answer: answer as keyof typeof table })
    const { failed } = await (answer === 'hang' ? impatient : apns).send(
      notification(simulators.credentials),
      device(1),
    )
    assert.equal(failed[0]?.status, undefined)
    assert.match(failed[0]?.error?.message ?? '', expected)
    const line = simulators.log.entries().at(-1)!
    assert.deepEqual([line.answer, line.accepted], [answer, answer === 'resetAfter' || answer === 'garbage'])
  }
  const { sent } = await apns.send(notification(simulators.credentials), device(2))
  assert.equal(sent.length, 1, 'the client opens a new connection by itself')
})

test('requests that APNs would refuse are refused, each for its reason', async () => {
  await using simulators = await setup()
  using apns = provider(simulators)
  const { credentials } = simulators
  const refusals: [ApnsAnswer, Partial<apn.Notification>, string?][] = [
    ['BadCollapseId', { collapseId: 'x'.repeat(65) }],
    ['PayloadTooLarge', { payload: { text: 'x'.repeat(4096) } }],
    ['MissingTopic', { topic: '' }],
    ['TopicDisallowed', { topic: 'com.example.other' }],
    ['InvalidPushType', { pushType: 'sms' as never }],
    ['BadPriority', { priority: 7 }],
    ['BadMessageId', { id: 'not-a-uuid' }],
    ['PayloadEmpty', { rawPayload: {} }],
    ['BadDeviceToken', {}, 'no-hexadecimal-token'],
  ]
  for (const [reason, set, to = device(1)] of refusals) {
    const { failed } = await apns.send(notification(credentials, set), to)
    assert.equal(reasonOf(failed[0]), reason)
  }
  const longest = await apns.send(notification(credentials, { collapseId: 'x'.repeat(64) }), device(1))
  assert.equal(longest.sent.length, 1)
})

test('another key, an unknown authority and demonstration addresses fail', async () => {
  await using dir = await temporaryFolder()
  await using simulators = await setup()
  const stranger = await localCredentials(dir.path)
  const { keyId, teamId } = simulators.credentials.apns
  using forged = provider(simulators, { token: { key: stranger.apns.keyFile, keyId, teamId } })
  const note = notification(simulators.credentials)
  assert.equal(reasonOf((await forged.send(note, device(1))).failed[0]), 'InvalidProviderToken')
  using distrusting = provider(simulators, { ca: [stranger.caFile] })
  assert.match(reasonOf((await distrusting.send(note, device(1))).failed[0])!, /certificate/)
  using apns = provider(simulators)
  const dead = 'deaddead'.padEnd(64, '0')
  const flaky = '35259352'.padEnd(64, '0')
  const outcomes: unknown[] = []
  for (const to of [dead, flaky, flaky]) outcomes.push(reasonOf((await apns.send(note, to)).failed[0]))
  assert.deepEqual(outcomes, ['Unregistered', 'ServiceUnavailable', undefined])
})

test('a GOAWAY names the last stream that was processed: this one, or the one before', async () => {
  await using simulators = await setup()
  const { ports, credentials } = simulators
  for (const [answer, last, accepted] of [
    ['goaway', 1, false],
    ['goawayAfter', 3, true],
  ] as const) {
    const session = http2.connect(`https://localhost:${ports.apns}`, { ca: credentials.ca })
    session.on('error', () => {})
    // The library does not tell it on.
    const told = once(session, 'goaway')
    const send = () => {
      const stream = session.request({
        ...{ ':method': 'POST', ':path': `/3/device/${device(1)}`, authorization: tokenOf(credentials) },
        ...{ 'apns-push-type': 'alert', 'apns-topic': credentials.apns.topic },
      })
      stream.on('error', () => {}).end('{"aps":{}}')
      return stream
    }
    await once(send(), 'response')
    simulators.script.set({ provider: 'apns', answer, times: 1 })
    send()
    const [, lastStream] = (await told) as [number, number]
    assert.equal(lastStream, last)
    assert.equal(simulators.lines('apns').at(-1)!.accepted, accepted)
    session.destroy()
  }
})

/** A provider token as the library signs it. */
function tokenOf({ apns: { keyFile, keyId: kid, teamId: iss } }: LocalCredentials): string {
  const iat = Math.floor(Date.now() / 1000)
  const parts = [
    { alg: 'ES256', kid },
    { iss, iat },
  ].map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const key = { key: readFileSync(keyFile), dsaEncoding: 'ieee-p1363' as const }
  return `bearer ${parts.join('.')}.${sign('sha256', Buffer.from(parts.join('.')), key).toString('base64url')}`
}
