import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '#runtime/config.ts'
import { openProviders } from './providers.ts'

test('a worker that has neither keys nor simulators says which, and what to do', () => {
  const none = { config: readConfig({}), db: undefined as never, secret: '', simulated: undefined }
  assert.throws(() => openProviders(none), {
    exitCode: 1,
    message: /not configured: fcm, apns, sendgrid, twilio\. Set/,
  })
})
