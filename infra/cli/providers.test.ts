import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '#runtime/config.ts'
import { setup } from '#local/simulators/test-setup.ts'
import { openProviders } from './providers.ts'

test('a worker that has neither keys nor simulators says which, and what to do', () => {
  const none = { config: readConfig({}), db: undefined as never, secret: '', simulated: undefined }
  assert.throws(() => openProviders(none), {
    exitCode: 1,
    message: /not configured: fcm, apns, sendgrid, twilio\. Set/,
  })
})

test('each route is a provider of its own', async () => {
  const config = readConfig({
    ...{ CARILLON_ROUTES_SMS: 'twilio:90,twilio_b:10', CARILLON_ROUTES_EMAIL: 'sendgrid:1,sendgrid_b:1' },
    ...{ TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`, TWILIO_AUTH_TOKEN: 't', TWILIO_FROM: '+15005550006' },
    ...{ TWILIO_FROM_B: '+15005550007', TWILIO_SEGMENTS_PER_SECOND_B: '30' },
  })
  await using simulators = await setup()
  const providers = openProviders({ config, db: undefined as never, secret: '', simulated: simulators })
  assert.deepEqual(
    providers.map(({ name }) => name),
    ['fcm', 'apns', 'webpush', 'sendgrid', 'sendgrid_b', 'twilio', 'twilio_b', 'inbox'],
  )
  const limits = providers.filter(({ channel }) => channel === 'sms').map(({ limit }) => limit)
  assert.deepEqual(
    limits.map(limit => limit?.rate.units),
    [1, 30],
  )
  assert.notEqual(limits[0]!.account, limits[1]!.account, 'each has a bucket of its own')
  await Promise.all(providers.map(provider => provider[Symbol.asyncDispose]()))
})
