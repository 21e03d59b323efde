import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outcomeName } from '#contracts/outcome.ts'
import type { Endpoint } from '#preferences/preferences.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { inboxProvider } from './in-app/inbox.ts'
import { fcmProvider } from './push/fcm.ts'
import { createWorld, type World } from './world.fixture.ts'

const device = (address: string, more: Partial<Endpoint> = {}): Endpoint => ({
  id: 'phone',
  channel: 'push',
  provider: 'fcm',
  address,
  state: 'active',
  since: 0,
  ...more,
})
const ended = async (world: World) =>
  Object.fromEntries((await world.outcomes()).map(([who, code]) => [who, code === null ? 'open' : outcomeName(code)]))

async function worldWithFcm() {
  await using opened = new AsyncDisposableStack()
  const simulators = opened.use(await startSimulators())
  const { fcm, caFile } = simulators.credentials
  opened.defer(redirectGoogleApis({ port: simulators.ports.google, caFile }))
  const world = opened.use(await createWorld())
  world.use(fcmProvider(fcm))
  const running = opened.move()
  return { ...world, simulators, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

test('inbox items are there once, in the language of the person', async () => {
  await using world = await createWorld()
  world.use(inboxProvider(world.db))
  await world.addPerson('anna', { locale: 'de-AT' })
  const to = ['anna', 'ben'].map(recipient => ({ recipient, endpoint: 'inbox' }))
  const batches = await world.write({ channel: 'in_app', provider: 'inbox', to })
  world.deps.failpoint = async name => {
    if (name === 'after send before record') throw new Error('killed')
  }
  await assert.rejects(world.deliver(batches), /killed/)
  delete world.deps.failpoint
  await world.db.query(`update batches set lease_until = now() - interval '1 ms'`)
  await world.deliver(batches)
  await world.deliver(batches)
  assert.deepEqual(await ended(world), { anna: 'delivered', ben: 'delivered' })
  const items = await world.db.query<{ recipient: string; content: string }>(
    'select recipient, content from inbox_items order by recipient',
  )
  assert.deepEqual(
    items.map(item => [item.recipient, JSON.parse(item.content).title]),
    [
      ['anna', 'Hallo'],
      ['ben', 'Hello'],
    ],
  )
})

test('a dead device is marked, the others get their push with the delivery as its tag', async () => {
  await using world = await worldWithFcm()
  for (const who of ['anna', 'dead-dan']) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  const to = ['anna', 'dead-dan'].map(recipient => ({ recipient, endpoint: 'phone' }))
  await world.deliver(await world.write({ channel: 'push', provider: 'fcm', to }))
  assert.deepEqual(await ended(world), { anna: 'sent', 'dead-dan': 'address_dead' })
  const line = world.simulators.lines('fcm').find(({ address }) => address === 'token-anna')!
  assert.match(line.deliveryId!, /^[\w-]{22}$/)
  const [dan] = await world.db.query<{ endpoints: string }>(`select endpoints from recipients where id = 'dead-dan'`)
  assert.equal((JSON.parse(dan!.endpoints) as Endpoint[])[0]!.state, 'dead')
})
