import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { afterEach, test } from 'node:test'
import { cert, deleteApp, getApps, initializeApp } from 'firebase-admin/app'
import type { ServiceAccount } from 'firebase-admin/app'
import { getMessaging } from 'firebase-admin/messaging'
import type { Message, SendResponse } from 'firebase-admin/messaging'
import { localCredentials } from '#local/credentials.ts'
import type { LocalCredentials } from '#local/credentials.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { fcmAnswers } from './fcm.ts'
import type { Rule } from './script.ts'
import type { Simulators } from './server.ts'
import { setup, temporaryFolder } from './test-setup.ts'

let undo = () => {}
afterEach(async () => {
  undo()
  await Promise.all(getApps().map(deleteApp))
})

async function messaging(simulators: Simulators & { credentials: LocalCredentials }, projectId?: string) {
  const { caFile, fcm } = simulators.credentials
  undo = redirectGoogleApis({ port: simulators.ports.google, caFile })
  return client(fcm.serviceAccountFile, projectId)
}

async function client(serviceAccountFile: string, projectId?: string) {
  const account = JSON.parse(await readFile(serviceAccountFile, 'utf8')) as ServiceAccount
  return getMessaging(initializeApp({ credential: cert(account), ...(projectId === undefined ? {} : { projectId }) }))
}

const message = (token: string): Message => ({
  token,
  notification: { title: 'Title', body: 'Body' },
  data: { nid: `nid-${token}` },
  android: {
    ttl: 60_000,
    priority: 'high',
    collapseKey: 'c',
    notification: { tag: `tag-${token}`, clickAction: 'open' },
  },
  apns: { headers: { 'apns-collapse-id': 'c' }, payload: { aps: { sound: 'default' } } },
})

/** Where the FcmError detail is. Undefined says that the answer came from Google's front end, not from FCM. */
const fcmErrorOf = ({ error }: SendResponse): string | undefined =>
  (
    error?.httpResponse?.data as { error?: { details?: { '@type': string; errorCode?: string }[] } }
  )?.error?.details?.find(detail => detail['@type'] === 'type.googleapis.com/google.firebase.fcm.v1.FcmError')
    ?.errorCode

test('sendEach of 500 is accepted, each is logged once, with one token request', async () => {
  await using simulators = await setup()
  const fcm = await messaging(simulators)
  const tokens = Array.from({ length: 500 }, (_, index) => `token-${index}`)
  const { successCount, responses } = await fcm.sendEach(tokens.map(message))
  assert.equal(successCount, 500)
  assert.match(responses[0]!.messageId!, /^projects\/carillon-local\/messages\//)
  const lines = simulators.lines('fcm')
  assert.deepEqual(lines.map(line => line.address).toSorted(), tokens.toSorted())
  assert.equal(lines[0]!.deliveryId, `tag-${lines[0]!.address}`)
  assert.equal(simulators.lines('oauth').length, 1)
  assert.deepEqual(
    lines.map(line => line.seq),
    lines.map(line => line.seq).toSorted((a, b) => a - b),
  )
})

test('a single send goes by HTTP/1.1, and data.nid names the delivery where there is no tag', async () => {
  await using simulators = await setup()
  const fcm = await messaging(simulators)
  assert.match(await fcm.send({ token: 'one', data: { nid: 'n1' } }), /^projects\//)
  const [line] = simulators.lines('fcm')
  assert.equal(line?.deliveryId, 'n1')
})

test('every answer of FCM becomes the error that the provider table names', async () => {
  await using simulators = await setup()
  const fcm = await messaging(simulators)
  // answer: [code of firebase-admin, HTTP status, FcmError]
  const table = {
    invalidToken: ['messaging/invalid-argument', 400, 'INVALID_ARGUMENT'],
    invalidArgument: ['messaging/invalid-argument', 400, 'INVALID_ARGUMENT'],
    thirdPartyAuth: ['messaging/third-party-auth-error', 401, 'THIRD_PARTY_AUTH_ERROR'],
    unauthenticated: ['messaging/third-party-auth-error', 401, undefined],
    senderMismatch: ['messaging/mismatched-credential', 403, 'SENDER_ID_MISMATCH'],
    permissionDenied: ['messaging/mismatched-credential', 403, undefined],
    unregistered: ['messaging/registration-token-not-registered', 404, 'UNREGISTERED'],
    wrongProject: ['messaging/registration-token-not-registered', 404, undefined],
    quota: ['messaging/message-rate-exceeded', 429, 'QUOTA_EXCEEDED'],
    deviceQuota: ['messaging/message-rate-exceeded', 429, 'QUOTA_EXCEEDED'],
    internal: ['messaging/internal-error', 500, 'INTERNAL'],
    unavailable: ['messaging/server-unavailable', 503, 'UNAVAILABLE'],
    acceptThen500: ['messaging/internal-error', 500, 'INTERNAL'],
    garbage: ['app/unable-to-parse-response', 200, undefined],
    html502: ['messaging/unknown-error', 502, undefined],
  } as const satisfies Partial<Record<Extract<Rule, { provider: 'fcm' }>['answer'], unknown>>
  for (const name of Object.keys(fcmAnswers)) assert.ok(name in table, `${name} is tested`)
  const answers = Object.keys(table) as (keyof typeof table)[]
  // More than 60 s, and the client does not try a 503 again.
  for (const answer of answers)
    simulators.script.set({ provider: 'fcm', address: answer, answer, retryAfterSeconds: 61 })
  const { responses } = await fcm.sendEach(answers.map(message))
  const got = responses.map(one => [one.error?.code, one.error?.httpResponse?.status, fcmErrorOf(one)])
  assert.deepEqual(Object.fromEntries(answers.map((answer, index) => [answer, got[index]])), table)
  const quota = responses[answers.indexOf('quota')]!.error!.httpResponse!
  assert.equal(quota.headers['retry-after'], '61')
  const taken = simulators.lines('fcm').filter(line => line.accepted)
  assert.deepEqual(taken.map(line => line.answer).toSorted(), ['acceptThen500', 'garbage'])
})

test('a 503 makes the client post again by itself', async () => {
  await using simulators = await setup()
  const fcm = await messaging(simulators)
  simulators.script.set({ provider: 'fcm', address: 'again', answer: 'unavailable', times: 1 })
  const { successCount } = await fcm.sendEach([message('again')])
  assert.equal(successCount, 1)
  assert.deepEqual(
    simulators.lines('fcm').map(line => line.answer),
    ['unavailable', 'accept'],
  )
})

test('a reset or GOAWAY fails all that the call had in flight, and says whether the message was taken', async () => {
  for (const answer of ['resetBefore', 'resetAfter', 'goaway'] as const) {
    await using simulators = await setup()
    const fcm = await messaging(simulators)
    simulators.script.set({ provider: 'fcm', address: 'broken', answer })
    simulators.script.set({ provider: 'fcm', address: 'beside', answer: 'slow', ms: 5000 })
    const { responses } = await fcm.sendEach([message('broken'), message('beside')])
    for (const { error } of responses) {
      assert.equal(error?.code, 'messaging/unknown-error')
      assert.ok(error.cause instanceof AggregateError)
    }
    const line = simulators.lines('fcm').find(line => line.address === 'broken')!
    assert.deepEqual([line.withheld, line.accepted], [true, answer === 'resetAfter'])
    undo()
    await Promise.all(getApps().map(deleteApp))
  }
})

test('a request that hangs gets no answer', async () => {
  await using simulators = await setup()
  const fcm = await messaging(simulators)
  simulators.script.set({ provider: 'fcm', address: 'silent', answer: 'hang' })
  const silent = fcm.sendEach([message('silent')])
  await simulators.logged('silent')
  const spoken = await fcm.sendEach([message('spoken')])
  assert.equal(spoken.successCount, 1)
  assert.equal(await Promise.race([silent, Promise.resolve('still waiting')]), 'still waiting')
  const [line] = simulators.lines('fcm')
  assert.deepEqual([line!.withheld, line!.accepted, line!.status], [true, false, 0])
})

test('messages that FCM would refuse are refused, and none of them is taken', async () => {
  await using simulators = await setup()
  const fcm = await messaging(simulators)
  const bad: Message[] = [
    { token: 'big', data: { text: 'x'.repeat(4097) } },
    { token: 'reserved', data: { 'google.x': '1' } },
    { token: 'reserved', data: { from: '1' } },
    { token: 'big for Apple', apns: { payload: { aps: { alert: 'x'.repeat(4097) } } } },
    { token: 'big for browsers', webpush: { notification: { body: 'x'.repeat(4097) } } },
    { token: 'link', webpush: { fcmOptions: { link: 'http://carillon.test' } } },
  ]
  const { responses } = await fcm.sendEach(bad)
  assert.deepEqual(
    responses.map(one => one.error?.code),
    bad.map(() => 'messaging/invalid-argument'),
  )
  assert.equal(simulators.log.counts().fcm!.accepted, 0)
  const dry = await fcm.sendEach([message('dry')], true)
  assert.equal(dry.successCount, 1)
  assert.equal(simulators.log.counts().fcm!.accepted, 0)
})

test('another service account and another project are refused', async () => {
  await using dir = await temporaryFolder()
  await using simulators = await setup()
  const stranger = await localCredentials(dir.path)
  undo = redirectGoogleApis({ port: simulators.ports.google, caFile: simulators.credentials.caFile })
  const refused = await (await client(stranger.fcm.serviceAccountFile)).sendEach([message('token')])
  assert.equal(refused.responses[0]!.error?.code, 'app/invalid-credential')
  assert.match(refused.responses[0]!.error.message, /invalid_grant: Invalid JWT Signature/)
  await Promise.all(getApps().map(deleteApp))
  const elsewhere = await client(simulators.credentials.fcm.serviceAccountFile, 'another-project')
  const { responses } = await elsewhere.sendEach([message('token')])
  assert.equal(responses[0]!.error?.code, 'messaging/registration-token-not-registered')
  assert.equal(fcmErrorOf(responses[0]!), undefined)
  assert.equal(simulators.log.counts().fcm?.accepted, 0)
})

test('demonstration addresses fail as their names say', async () => {
  await using simulators = await setup()
  const fcm = await messaging(simulators)
  const send = async () =>
    (await fcm.sendEach([message('u1-dead'), message('u1-flaky')])).responses.map(one => one.error?.code)
  const dead = 'messaging/registration-token-not-registered'
  assert.deepEqual(await send(), [dead, 'messaging/internal-error'])
  assert.deepEqual(await send(), [dead, undefined])
})
