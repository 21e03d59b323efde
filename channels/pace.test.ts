import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '#contracts/outcome.ts'
import { configFaultsMax } from './limits.ts'
import { createPace } from './pace.ts'

const accepted: Answer = { kind: 'accepted', providerId: 'p' }
const config: Answer = { kind: 'config', reason: 'InvalidProviderToken' }
const faults = (n: number) => Array.from({ length: n }, () => config)

test('a pause stops its provider for its time, and a shorter one does not end it', () => {
  const pace = createPace()
  assert.equal(pace.pausedUntil('fcm', 0), undefined)
  assert.deepEqual(pace.heard('fcm', [accepted, { kind: 'pause', afterMs: 5_000, reason: 'r' }], 1_000), {
    reason: 'r',
    until: 6_000,
  })
  assert.equal(pace.heard('fcm', [{ kind: 'pause', afterMs: 100, reason: 'r' }], 1_000), undefined)
  assert.equal(pace.pausedUntil('fcm', 5_999), 6_000)
  assert.equal(pace.pausedUntil('fcm', 6_000), undefined)
  assert.equal(pace.pausedUntil('apns', 2_000), undefined)
})

test('one bad token stops nobody; many faults in a row do, and the first one after the pause again', () => {
  const pace = createPace()
  pace.heard('apns', faults(configFaultsMax - 1), 0)
  pace.heard('apns', [accepted], 0)
  pace.heard('apns', faults(configFaultsMax - 1), 0)
  assert.equal(pace.pausedUntil('apns', 0), undefined)
  assert.equal(pace.heard('apns', [config], 0)?.reason, 'InvalidProviderToken')
  assert.equal(pace.pausedUntil('apns', 0), 60_000)
  pace.heard('apns', [config], 60_000)
  assert.equal(pace.pausedUntil('apns', 60_000), 120_000)
  pace.heard('apns', [accepted, ...faults(configFaultsMax - 1)], 120_000)
  assert.equal(pace.pausedUntil('apns', 120_000), undefined)
})
