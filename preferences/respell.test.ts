import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAddress } from './address.ts'
import { checkAddressKey } from './preferences.ts'
import { upsertRecipients } from './recipient-store.ts'
import { respellSubscriptions } from './respell.ts'
import { createStores } from './store.fixture.ts'

const never = new AbortController().signal
const keys = { p256dh: Buffer.alloc(65, 1).toString('base64url'), auth: Buffer.alloc(16, 1).toString('base64url') }
/** As a browser says it, and as it is kept. */
const raw = (name: string) => JSON.stringify({ endpoint: `https://push.example/${name}`, expirationTime: null, keys })
const kept = (name: string) => readAddress('webpush', raw(name)).address!
const browser = (address: string, id: string) => ({
  id,
  channel: 'push' as const,
  provider: 'webpush' as const,
  address,
})

test('a browser that was registered as it came is the same one from an upgrade on', async () => {
  await using stores = await createStores()
  await checkAddressKey(stores)
  const phone = { id: 'phone', channel: 'push', provider: 'fcm', address: 'token' } as const
  await stores.upsert(
    5,
    { id: 'ann', endpoints: [browser(raw('a'), 'web'), phone] },
    { id: 'ben', endpoints: [browser(raw('b'), 'web')] },
    { id: 'cem', endpoints: [browser(raw('c'), 'old'), browser(kept('c'), 'new')] },
    { id: 'dee', endpoints: [browser('no subscription', 'web')] },
  )
  await respellSubscriptions({ ...stores, now: 7 }, never)
  const { endpoints } = await stores.person('ann')
  assert.deepEqual(endpoints.slice(0, 2), [
    { ...browser(kept('a'), 'web'), state: 'active', since: 5 },
    { ...phone, state: 'active', since: 5 },
  ])
  assert.deepEqual([await stores.endpoints('cem'), await stores.owned('cem')], [['push/new active'], ['new']], 'once')
  assert.deepEqual(await stores.endpoints('dee'), ['push/web active'], 'what cannot be read stays as it is')
  await stores.upsert(8, { id: 'eve', endpoints: [browser(kept('b'), 'web')] })
  assert.deepEqual(
    [await stores.endpoints('ben'), await stores.owned('ben')],
    [[], []],
    'it is of one account at a time',
  )
  assert.deepEqual((await stores.consent('ben')).at(-1), 'endpoint push web no')

  await upsertRecipients({ ...stores, now: 9 }, [{ id: 'late', endpoints: [browser(raw('d'), 'web')] }])
  await respellSubscriptions({ ...stores, now: 10 }, never)
  assert.equal((await stores.person('late')).endpoints[0]!.address, raw('d'), 'they are looked at once')
})
