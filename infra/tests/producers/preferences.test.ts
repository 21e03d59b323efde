import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApi, noon, token } from '#preferences/api.fixture.ts'
import { apiClient } from '#producers/sdk/api-client.ts'
import { RefusedError } from '#producers/sdk/errors.ts'

/** The SDK, and the API that it talks to. */
async function setup() {
  const api = await createApi()
  return { notifier: apiClient({ url: api.url, token }), [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

test('whatever a person can prefer is set by the SDK, shown as it was set, and taken back', async () => {
  await using world = await setup()
  const { preferences, tenants } = world.notifier
  const until = new Date(noon + 3_600_000)
  const weekend = { windows: [{ days: ['sat', 'sun'], start: '00:00', end: '12:00' }] } as const
  const set = await preferences.set('ann', {
    categories: { '*': { sms: false }, billing: { email: true } },
    threads: { t1: true, t2: until, t3: noon + 1 },
    paused: 'tomorrow',
    levels: { room: { general: { level: 'mentions', until, everyone: false } }, tenant: { acme: { role: false } } },
    cadence: { social: 'daily' },
    ...{ quiet: weekend, zone: 'Europe/Berlin', locale: 'de-AT' },
  })
  const { effective, quietHours, ...own } = set
  assert.deepEqual(own, {
    ...{ paused: '2026-11-22T07:00:00.000Z', categories: { '*': { sms: false }, billing: { email: true } } },
    threads: { t1: true, t2: until.toISOString(), t3: '2026-11-21T12:00:00.001Z' },
    levels: {
      room: { general: { level: 'mentions', until: until.toISOString(), everyone: false } },
      tenant: { acme: { role: false } },
    },
    ...{ cadence: { social: 'daily' }, quiet: weekend, zone: 'Europe/Berlin', locale: 'de-AT' },
  })
  const email = effective[1]!.channels.find(one => one.channel === 'email')!
  assert.deepEqual([email.rule, email.on, effective[0]!.cadence], ['paused', false, 'daily'])
  assert.deepEqual([quietHours.rule, quietHours.zone, quietHours.until], ['own', 'Europe/Berlin', undefined])

  await preferences.set('ann', { paused: '1h', levels: null, quiet: 'none', zone: null })
  const now = await preferences.get('ann', { category: 'social', channel: 'push', room: 'general' })
  assert.deepEqual(
    [now.paused, now.levels, now.quiet, now.zone, now.locale],
    ['2026-11-21T13:00:00.000Z', {}, 'none', undefined, 'de-AT'],
  )
  assert.deepEqual(
    now.effective.map(one => one.channels.map(({ channel, rule }) => [channel, rule])),
    [[['push', 'paused']]],
  )
  await tenants.set('acme', { defaults: { social: { push: false } } })
  await preferences.set('ann', { paused: null })
  const there = await preferences.get('ann', { category: 'social', channel: 'push', tenant: 'acme' })
  assert.equal(there.effective[0]!.channels[0]!.rule, 'tenant_default')
})

test('what a tenant sets is set by the SDK, as a whole', async () => {
  await using world = await setup()
  const { tenants } = world.notifier
  const settings = {
    ...{ defaults: { '*': { sms: false } }, locks: { billing: { email: true } }, zone: 'Asia/Kolkata', locale: 'hi' },
    ...{ quiet: { start: '22:00', end: '08:00' }, quietLocked: true },
  }
  await tenants.set('acme', settings)
  assert.deepEqual(await tenants.get('acme'), settings)
  await tenants.set('acme', { zone: 'Asia/Tokyo' })
  assert.deepEqual(await tenants.get('acme'), { zone: 'Asia/Tokyo' })
  assert.deepEqual(await tenants.get('unknown'), {})
})

test('wrong values are refused with all problems at once, each naming its field, and change nothing', async () => {
  await using world = await setup()
  const { preferences, tenants } = world.notifier
  const problemsOf = async (call: Promise<unknown>) => {
    const error = await call.then(
      () => assert.fail('was accepted'),
      (error: unknown) => error as RefusedError,
    )
    assert.ok(error instanceof RefusedError)
    return error.problems.map(problem => problem.replace(/: .*/s, ''))
  }
  const wrong = {
    categories: { sozial: { push: false } },
    ...{ zone: 'Mars', locale: 'x', quiet: { start: '8', end: '09:00' }, cadence: { social: 'daily' as const } },
    levels: { room: { r1: { level: 'loud' as never } } },
  }
  assert.deepEqual(await problemsOf(preferences.set('ann', wrong)), [
    ...['categories/sozial', 'levels/room/r1/level', 'zone', 'locale', 'quiet/start'],
  ])
  assert.deepEqual((await preferences.get('ann')).cadence, {})
  const never = new Date(Number.NaN)
  await assert.rejects(preferences.set('ann', { threads: { t1: never } }), /a time must be/)
  await assert.rejects(preferences.set('ann', { paused: never }), /a time must be/)
  await assert.rejects(preferences.set('ann', { levels: { room: { r: { level: 'none', until: never } } } }), /a time/)
  assert.deepEqual(await problemsOf(tenants.set('acme', { zone: '+01:00', quietLocked: true, locks: { x: {} } })), [
    ...['locks/x', 'zone', 'quietLocked'],
  ])
})
