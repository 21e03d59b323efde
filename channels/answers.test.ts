import assert from 'node:assert/strict'
import { readFileSync, globSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { Answer, AnswerKind } from '#contracts/outcome.ts'
import { parseRule } from '#local/simulators/control.ts'
import type { Reply } from '#local/simulators/exchange.ts'
import { sendgridAnswers } from './email/sendgrid-answers.ts'
import { messageTo, type Subject, subjects, startSubject } from './providers.fixture.ts'
import { apnsAnswers } from './push/apns-answers.ts'
import { fcmAnswers } from './push/fcm-answers.ts'
import { webPushAnswers } from './push/web-push-answers.ts'
import { twilioAnswers } from './sms/twilio-answers.ts'

/** What a provider says, in its own words as they travel, and what it means: the documentation once more, as data. */
type Row = [status: number, body: string, meaning: AnswerKind, more?: More]
/** `resetS`: seconds until the instant at which a limit ends. */
type More = { headers?: Record<string, string>; resetS?: number; afterMs?: number; maybeSent?: true }

const hour = 3_600_000
/** A second is not told in parts, and a busy machine takes its time. */
const toleranceMs = 60_000
const html = '<html><h1>no</h1></html>'

const fcmError = 'type.googleapis.com/google.firebase.fcm.v1.FcmError'
const google = (fcm?: string, more: { message?: string; details?: object[] } = {}): string => {
  const { message = 'no', details = [] } = more
  const found = fcm === undefined ? [] : [{ '@type': fcmError, errorCode: fcm }]
  return JSON.stringify({ error: { message, details: [...found, ...details] } })
}
const violations = {
  '@type': 'type.googleapis.com/google.rpc.BadRequest',
  fieldViolations: [{ field: 'message.data' }],
}
const quotaOf = (subject: string) => ({
  '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
  violations: [{ subject }],
})
const badToken = { message: 'The registration token is not a valid FCM registration token' }

const fcm: Row[] = [
  [200, '{"name":"projects/p/messages/1"}', 'accepted'],
  [200, '{}', 'doubt'],
  [400, google('INVALID_ARGUMENT', badToken), 'addressDead'],
  [400, google('INVALID_ARGUMENT', { details: [violations] }), 'messageDead'],
  [401, google('THIRD_PARTY_AUTH_ERROR'), 'config'],
  [401, google('APNS_AUTH_ERROR'), 'config'],
  [401, google(), 'config'],
  [403, google('SENDER_ID_MISMATCH'), 'addressDead'],
  [403, google(), 'config'],
  [404, google('UNREGISTERED'), 'addressDead'],
  [404, google(), 'config'],
  [429, google('QUOTA_EXCEEDED', { details: [quotaOf('project')] }), 'pause', { afterMs: 60_000 }],
  [429, google('QUOTA_EXCEEDED'), 'pause', { headers: { 'retry-after': '90' }, afterMs: 90_000 }],
  [429, google('QUOTA_EXCEEDED', { details: [quotaOf('device')] }), 'retry', { afterMs: 60_000 }],
  [429, google('QUOTA_EXCEEDED', { details: [quotaOf('topic')] }), 'retry', { afterMs: 60_000 }],
  [429, google(), 'pause', { afterMs: 60_000 }],
  [500, google('INTERNAL'), 'retry', { afterMs: 10_000, maybeSent: true }],
  [503, google('UNAVAILABLE'), 'retry', { headers: { 'retry-after': '99' }, afterMs: 99_000, maybeSent: true }],
  [502, html, 'doubt'],
  [504, html, 'doubt'],
  [400, google('NEVER_HEARD_OF'), 'messageDead'],
  [418, html, 'messageDead'],
  [599, google('NEVER_HEARD_OF'), 'doubt'],
]

const apple = (status: number, meaning: AnswerKind, { reasons, ...more }: More & { reasons: string }): Row[] =>
  reasons.split(' ').map(reason => [status, JSON.stringify({ reason }), meaning, more])
const apns: Row[] = [
  [200, '', 'accepted'],
  ...apple(400, 'addressDead', { reasons: 'BadDeviceToken' }),
  ...apple(400, 'config', { reasons: 'DeviceTokenNotForTopic BadTopic MissingTopic TopicDisallowed' }),
  ...apple(400, 'messageDead', { reasons: 'BadCollapseId BadExpirationDate BadMessageId BadPriority InvalidPushType' }),
  ...apple(400, 'messageDead', { reasons: 'DuplicateHeaders PayloadEmpty MissingDeviceToken' }),
  ...apple(400, 'retry', { reasons: 'IdleTimeout', afterMs: 0 }),
  ...apple(403, 'config', {
    reasons: 'ExpiredProviderToken InvalidProviderToken MissingProviderToken BadCertificate Forbidden',
  }),
  ...apple(403, 'config', { reasons: 'BadCertificateEnvironment UnrelatedKeyIdInToken BadEnvironmentKeyIdInToken' }),
  ...apple(403, 'config', { reasons: 'BadEnvironmentKeyInToken' }),
  ...apple(404, 'messageDead', { reasons: 'BadPath' }),
  ...apple(405, 'messageDead', { reasons: 'MethodNotAllowed' }),
  ...apple(410, 'addressDead', { reasons: 'Unregistered ExpiredToken' }),
  ...apple(413, 'messageDead', { reasons: 'PayloadTooLarge' }),
  ...apple(429, 'retry', { reasons: 'TooManyRequests', afterMs: 60_000 }),
  ...apple(429, 'pause', { reasons: 'TooManyProviderTokenUpdates', afterMs: 20 * 60_000 }),
  ...apple(500, 'retry', { reasons: 'InternalServerError', maybeSent: true }),
  ...apple(503, 'retry', { reasons: 'ServiceUnavailable Shutdown', afterMs: 0 }),
  ...apple(400, 'messageDead', { reasons: 'NeverHeardOf' }),
  ...apple(403, 'config', { reasons: 'NeverHeardOf' }),
  ...apple(429, 'retry', { reasons: 'NeverHeardOf', afterMs: 60_000 }),
  ...apple(599, 'doubt', { reasons: 'NeverHeardOf' }),
  [502, html, 'doubt'],
]

const blaming = (field: string | null) => JSON.stringify({ errors: [{ message: 'no', field, help: null }] })
const sendgrid: Row[] = [
  [202, '', 'accepted', { headers: { 'x-message-id': 'm1' } }],
  [202, '', 'doubt'],
  [400, blaming('personalizations.0.to.0.email'), 'messageDead'],
  [400, blaming('subject'), 'messageDead'],
  [400, blaming(null), 'messageDead'],
  [400, html, 'messageDead'],
  // A setting of ours: held, not burnt.
  ...['from.email', 'reply_to.email', 'asm.group_id', 'mail_settings.footer'].map((field): Row => [
    400,
    blaming(field),
    'config',
  ]),
  ...[401, 403, 404, 405, 415].map((status): Row => [status, blaming(null), 'config']),
  [413, blaming(null), 'messageDead'],
  [429, blaming(null), 'pause', { resetS: 120, afterMs: 120_000 }],
  [429, blaming(null), 'pause', { headers: { 'retry-after': '30' }, afterMs: 30_000 }],
  [429, '', 'pause', { headers: { 'retry-after': 'soon' }, afterMs: 60_000 }],
  [418, '', 'messageDead'],
  [408, '', 'doubt'],
  ...[500, 502, 503, 504].map((status): Row => [status, html, 'doubt']),
]

const coded = (status: number, meaning: AnswerKind, { codes, ...more }: More & { codes: string }): Row[] =>
  codes.split(' ').map(code => [status, JSON.stringify({ code: Number(code), status, message: 'no' }), meaning, more])
const twilio: Row[] = [
  [201, '{"sid":"SM1","status":"queued"}', 'accepted'],
  [201, '{"sid":"SM1","status":"accepted"}', 'accepted'],
  [201, '{"sid":', 'doubt'],
  [201, '{}', 'doubt'],
  ...coded(400, 'addressDead', { codes: '21211 21217 21214 21614 21635' }),
  ...coded(400, 'suppress', { codes: '21610' }),
  // The region is not enabled: it ends here, and the address is not to blame.
  ...coded(400, 'messageDead', { codes: '21408' }),
  ...coded(400, 'config', { codes: '21606 21212 21603 21608 21609 21659 21660 21661' }),
  ...coded(400, 'pause', { codes: '21611', afterMs: 600_000 }),
  ...coded(400, 'messageDead', { codes: '21612 21617 21602' }),
  ...coded(401, 'config', { codes: '20003' }),
  ...coded(403, 'config', { codes: '20005 20006' }),
  ...coded(404, 'config', { codes: '20404' }),
  ...coded(429, 'pause', { codes: '20429', afterMs: 2_000 }),
  ...coded(429, 'pause', { codes: '20429', headers: { 'retry-after': '45' }, afterMs: 45_000 }),
  ...coded(429, 'pause', { codes: '20429', headers: { 'retry-after': 'soon' }, afterMs: 2_000 }),
  ...coded(400, 'messageDead', { codes: '29999' }),
  ...coded(500, 'doubt', { codes: '20500' }),
  ...[500, 502, 503, 504].map((status): Row => [status, html, 'doubt']),
]

const otherKey = 'the VAPID credentials do not correspond to the credentials used to create the subscriptions'
const webpush: Row[] = [
  // Whose fault it is nobody can know before the service has taken our signature from anybody.
  [401, '', 'config'],
  [403, otherKey, 'config'],
  [201, '', 'accepted'],
  [201, html, 'accepted'],
  [202, '', 'accepted'],
  // Whoever says so is no push service.
  [200, html, 'doubt'],
  [204, '', 'doubt'],
  [301, '', 'doubt', { headers: { location: 'https://127.0.0.1/elsewhere' } }],
  [400, '{"errno":110}', 'messageDead'],
  [401, '{"code":401,"errno":109,"error":"Unauthorized","message":"VAPID public key mismatch"}', 'addressDead'],
  [403, otherKey, 'addressDead'],
  [404, '', 'addressDead'],
  [410, 'push subscription has unsubscribed or expired.', 'addressDead'],
  [413, '', 'messageDead'],
  [429, '', 'retry', { afterMs: 60_000 }],
  [429, '', 'retry', { headers: { 'retry-after': '900' }, afterMs: 900_000 }],
  [429, '', 'retry', { headers: { 'retry-after': '5' }, afterMs: 5_000 }],
  [429, '', 'retry', { headers: { 'retry-after': 'soon' }, afterMs: 60_000 }],
  [500, '', 'retry', { afterMs: 10_000, maybeSent: true }],
  [503, '', 'retry', { headers: { 'retry-after': '99' }, afterMs: 99_000, maybeSent: true }],
  [408, '', 'doubt'],
  [418, html, 'messageDead'],
  [502, html, 'doubt'],
  [504, html, 'doubt'],
  // The last: nothing more goes to this service for a minute.
  [406, '', 'pause', { afterMs: 60_000 }],
]

const rows: Record<Subject['name'], Row[]> = { fcm, apns, webpush, sendgrid, twilio }

for (const subject of subjects)
  test(`${subject.title}: each answer, as it travels, has the meaning that is written here`, async () => {
    await using world = await startSubject(subject)
    for (const [n, [status, body, meaning, more = {}]] of rows[subject.name].entries()) {
      // Told as an instant: counted from when it is said.
      const reset = more.resetS && { 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + more.resetS) }
      const headers = { 'content-type': 'application/json', ...more.headers, ...reset }
      const reply: Reply = { status, body, headers }
      const what = `${status} ${body.slice(0, 90)} ${JSON.stringify(more.headers ?? {})}`
      const answer = await world.told(messageTo(subject, n + 1), reply)
      assert.equal(answer.kind, meaning, what)
      const { afterMs = Number.NaN } = answer as { afterMs?: number }
      const offMs = reset === undefined ? 0 : toleranceMs
      if (more.afterMs !== undefined) assert.ok(Math.abs(afterMs - more.afterMs) <= offMs, `${what}: ${afterMs}`)
      assert.equal('maybeSent' in answer, more.maybeSent ?? false, what)
    }
  })

test('no table has an answer that no row here is about', () => {
  const tables = {
    fcm: fcmAnswers,
    apns: apnsAnswers,
    sendgrid: sendgridAnswers,
    twilio: twilioAnswers,
    webpush: webPushAnswers,
  }
  // Not documented for our requests, each in its table for the day that it comes; or said by the token service.
  const more = /^(HTTP|app\/|messaging\/)|^(UNREGISTERED_FID|21604|OAUTH_UNAVAILABLE)$/
  for (const [name, table] of Object.entries(tables)) {
    const said = rows[name as Subject['name']].map(([, body]) => body).join('\n')
    for (const code of Object.keys(table).filter(code => !more.test(code)))
      assert.ok(said.includes(code.split(' ')[0]!), `${name}: ${code}`)
    const statuses = rows[name as Subject['name']].map(([status]) => `HTTP ${status}`)
    for (const code of Object.keys(table).filter(code => /^HTTP \d+$/.test(code)))
      assert.ok(statuses.includes(code), `${name}: ${code}`)
  }
})

test('where a message and its token may both be meant, the content is looked at without sending it', async () => {
  const subject = subjects.find(({ name }) => name === 'fcm')!
  await using world = await startSubject(subject)
  const reply: Reply = { status: 400, body: google('INVALID_ARGUMENT', badToken) }
  assert.equal((await world.told(messageTo(subject, 1), reply)).kind, 'addressDead')
  const looked = world.simulators.lines('fcm').at(-1)!
  assert.deepEqual([looked.answer, looked.accepted], ['validateOnly', false])
  world.simulators.script.set({ provider: 'fcm', address: 'carillon-proof', answer: 'invalidArgument' })
  assert.equal((await world.told(messageTo(subject, 2), reply)).kind, 'messageDead')
})

for (const subject of subjects.filter(({ name }) => name === 'fcm'))
  test(`${subject.title}: a token of ours that Google does not take is replaced once`, async () => {
    await using world = await startSubject(subject)
    const { simulators, send } = world
    simulators.script.set({ provider: 'fcm', answer: 'unauthenticated', times: 1 })
    assert.equal((await send(messageTo(subject, 1))).kind, 'accepted')
    assert.equal(simulators.lines('oauth').length, 2)
    simulators.script.set({ provider: 'fcm', answer: 'unauthenticated' })
    assert.equal((await send(messageTo(subject, 2))).kind, 'config')
    assert.equal(simulators.lines('oauth').length, 2, 'not again within a minute')
  })

test('a provider token that is too old is signed anew, and the message sent again, once', async () => {
  const subject = subjects.find(({ name }) => name === 'apns')!
  await using world = await startSubject(subject)
  const { simulators, send } = world
  simulators.script.set({ provider: 'apns', answer: 'ExpiredProviderToken', times: 1 })
  assert.equal((await send(messageTo(subject, 1))).kind, 'accepted')
  simulators.script.set({ provider: 'apns', answer: 'ExpiredProviderToken' })
  assert.equal((await send(messageTo(subject, 2))).kind, 'config')
  assert.equal(simulators.lines('apns').length, 4)
})

test('a token that one environment of Apple does not know is tried in the other, once', async () => {
  const subject = subjects.find(({ name }) => name === 'apns')!
  await using world = await startSubject(subject)
  const { simulators, send } = world
  const message = messageTo(subject, 1)
  const sandboxed = { ...message, endpoint: { ...message.endpoint, address: 'feedface'.padEnd(64, '0') } }
  const kinds = [(await send(sandboxed)).kind, (await send(sandboxed)).kind]
  assert.deepEqual(kinds, ['accepted', 'accepted'])
  const said = () => simulators.lines('apns').map(({ answer }) => answer)
  assert.deepEqual(said(), ['BadDeviceToken', 'accept', 'accept'], 'where it is found is remembered')
  simulators.script.set({ provider: 'apns', answer: 'BadDeviceToken' })
  assert.equal((await send(messageTo(subject, 2))).kind, 'addressDead')
  assert.equal(said().length, 5)
})

test('what is to be sent once more, and may not begin any more, is tried again later', async () => {
  const rules = {
    fcm: { answer: 'unauthenticated', sent: 1 },
    // It waits for its token first, and no request is made.
    'fcm directly': { answer: 'unauthenticated', sent: 0 },
    'apns, signed anew': { answer: 'ExpiredProviderToken', sent: 1 },
    'apns, its other environment': { answer: 'BadDeviceToken', sent: 1 },
  }
  for (const [what, { answer, sent }] of Object.entries(rules)) {
    const subject = subjects.find(({ title }) => title === what.split(',')[0])!
    await using world = await startSubject(subject)
    world.simulators.script.set(parseRule({ provider: subject.name, answer, times: 1 }))
    const late = { lane: 'default', now: Date.now(), deadlineMs: 10_000, startUntilMs: 0 } as const
    const [said] = await world.provider.send([messageTo(subject, 1)], late)
    assert.ok(sent === 0 ? said!.kind === 'notBegun' : said!.kind === 'retry' && !said.maybeSent, what)
    assert.equal(world.simulators.lines(subject.name).length, sent, what)
  }
})

test('what was refused, and has no turn for its second request, was called', async t => {
  const subject = subjects.find(({ title }) => title === 'fcm directly')!
  await using world = await startSubject(subject)
  world.simulators.script.set(parseRule({ provider: 'fcm', answer: 'unauthenticated', times: 1 }))
  const now = performance.now.bind(performance)
  // Its new token takes too long.
  const isRenewed = () => world.simulators.lines('oauth').length > 1
  t.mock.method(performance, 'now', () => now() + (isRenewed() ? 9_000 : 0))
  const inTime = { lane: 'default', now: Date.now(), deadlineMs: 10_000, startUntilMs: now() + 9_000 } as const
  const [said] = await world.provider.send([messageTo(subject, 1)], inTime)
  assert.equal(said!.kind, 'retry')
  assert.equal(world.simulators.lines('fcm').length, 1)
})

test('what is no token of a device is dead without a call', async () => {
  const subject = subjects.find(({ name }) => name === 'apns')!
  await using world = await startSubject(subject)
  const message = messageTo(subject, 1)
  const answer = await world.send({ ...message, endpoint: { ...message.endpoint, address: '../3/device/aa' } })
  assert.deepEqual(answer, { kind: 'addressDead', reason: 'not a device token', uncalled: true })
  assert.equal(world.simulators.lines('apns').length, 0)
})

test('since when a device is gone is told as Apple told it', async () => {
  const subject = subjects.find(({ name }) => name === 'apns')!
  await using world = await startSubject(subject)
  const asOf = Date.now() - hour
  const reply: Reply = { status: 410, body: JSON.stringify({ reason: 'Unregistered', timestamp: asOf }) }
  const answer: Answer = await world.told(messageTo(subject, 1), reply)
  assert.deepEqual(answer, { kind: 'addressDead', reason: 'Unregistered', asOf })
})

test('a provider’s words stay in its files', () => {
  const root = path.join(import.meta.dirname, '..')
  const own = {
    'channels/push/fcm*.ts': Object.keys(fcmAnswers).map(code => code.split(' ')[0]!),
    'channels/push/apns*.ts': Object.keys(apnsAnswers),
    'channels/push/web-push*.ts': ['web-push', 'vapid'],
    'channels/email/sendgrid*.ts': ['x-message-id', 'x-ratelimit-reset', 'personalizations'],
    'channels/sms/twilio*.ts': Object.keys(twilioAnswers),
  }
  const folders = '{analytics,channels,preferences,producers,router,infra/{contracts,db,ledger,operators,runtime}}'
  const files = globSync(`${folders}/**/*.ts`, { cwd: root }).filter(file => !/\.(test|long|fixture)\.ts$/.test(file))
  assert.ok(files.length > 100)
  for (const [place, words] of Object.entries(own)) {
    // A number stands bare, a word in quotes.
    const said = words
      .filter(word => !word.startsWith('HTTP'))
      .map(word => (/^\d/.test(word) ? `\\b${word}\\b` : `['"\`]${word}['"\`]`))
    for (const file of files.filter(file => !path.posix.matchesGlob(file, place)))
      assert.doesNotMatch(readFileSync(path.join(root, file), 'utf8'), new RegExp(said.join('|')), `${file}: ${place}`)
  }
})
