import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApi, noon, token } from '#preferences/api.fixture.ts'
import { apiClient } from '#producers/sdk/api-client.ts'
import { RefusedError } from '#producers/sdk/errors.ts'

/** The SDK, and the API that it talks to. */
async function setup() {
  const api = await createApi()
  return { ...apiClient({ url: api.url, token }), [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

test('endpoints come, go and are shown by the SDK', async () => {
  await using sdk = await setup()
  const { endpoints } = sdk
  await endpoints.put('ann', 'mail', { channel: 'email', address: 'ann@mail.example', verifiedAt: new Date(noon) })
  const put = await endpoints.put('ann', 'phone', { channel: 'push', provider: 'fcm', address: 'token-1' })
  assert.deepEqual(
    put.map(({ id, state, verifiedAt }) => [id, state, verifiedAt]),
    [
      ['phone', 'active', undefined],
      ['mail', 'active', '2026-11-21T12:00:00.000Z'],
      ['inbox', 'active', undefined],
    ],
  )
  assert.deepEqual(await endpoints.signOut('ann', { address: 'token-1' }), { signedOut: 1 })
  await endpoints.remove('ann', 'mail')
  assert.deepEqual(
    (await endpoints.list('ann')).map(one => one.id),
    ['inbox'],
  )
  const refused = (call: Promise<unknown>) => assert.rejects(call, RefusedError)
  await refused(endpoints.put('ann', 'sms', { channel: 'sms', address: '0151 12345678' }))
  await refused(endpoints.put('ann', 'mail', { channel: 'email', address: 'a@b.example', verifiedAt: Number.NaN }))
})

test('addresses are suppressed and lifted by the SDK', async () => {
  await using sdk = await setup()
  const { suppressions } = sdk
  const number = { channel: 'sms', address: '+4915112345678' } as const
  await suppressions.add({ ...number, reason: 'complaint', expiresAt: Date.now() + 3_600_000 })
  const { suppressions: listed } = await suppressions.list()
  assert.deepEqual(
    listed.map(({ channel, reason }) => [channel, reason]),
    [['sms', 'complaint']],
  )
  assert.deepEqual((await suppressions.list(listed[0]!.hash)).suppressions, [])
  await assert.rejects(suppressions.lift(number), RefusedError)
  await suppressions.lift({ ...number, why: 'a mistake' })
  assert.deepEqual(await suppressions.list(), { suppressions: [] })
})
