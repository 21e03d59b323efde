import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadMark } from '#channels/marks.ts'
import { device, phones, worldWithFcm } from '#channels/world.fixture.ts'
import { audit } from '#ledger/audit.ts'
import { markEndpoint } from '#preferences/preferences.ts'
import { putEndpoint, removeEndpoints } from '#preferences/recipient-store.ts'

type World = Awaited<ReturnType<typeof worldWithFcm>>
const storeOf = ({ db, deps }: World, now = 1) => ({ db, addressKey: deps.addressKey, now })
const put = (world: World, [who, token]: readonly [who: string, token: string], now = 1) =>
  putEndpoint(storeOf(world, now), who, { id: 'phone', channel: 'push', provider: 'fcm', address: token })
const reached = (world: World) => world.simulators.lines('fcm').map(line => line.address)
const problemsOf = async ({ db }: World) => (await audit(db)).problems

test('what is rotated, moved or signed out after the decision is honoured at the claim', async () => {
  await using world = await worldWithFcm()
  for (const who of ['anna', 'ben', 'cem', 'dora']) await put(world, [who, `token-${who}`])
  const batches = await world.write(phones('anna', 'ben', 'cem', 'dora'))
  await put(world, ['anna', 'token-new'], 2)
  await put(world, ['eve', 'token-ben'], 2)
  await removeEndpoints(storeOf(world, 2), 'cem', one => one.id === 'phone')
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { anna: 'sent', ben: 'no_endpoint', cem: 'no_endpoint', dora: 'sent' })
  assert.deepEqual(reached(world).sort(), ['token-dora', 'token-new'])
  assert.deepEqual(await problemsOf(world), [])
})

const quarterHourMs = 900_000
for (const [how, skewMs] of [
  ['behind', -quarterHourMs],
  ['ahead', quarterHourMs],
] as const)
  test(`a worker whose clock is ${how} ends the registration that it used, and none that came later`, async () => {
    await using world = await worldWithFcm()
    const { db, deps } = world
    const now = Date.now()
    world.clock.set(now + skewMs)
    for (const who of ['anna', 'ben']) await put(world, [who, `dead-${who}`], now)
    world.simulators.script.set({ provider: 'fcm', answer: 'unregistered' })
    await world.deliver(await world.write(phones('anna')))
    const stateOf = async (who: string) => {
      const [row] = await db.query<{ endpoints: string }>(`select endpoints from recipients where id = $1`, [who])
      return (JSON.parse(row!.endpoints) as { state: string }[])[0]!.state
    }
    assert.equal(await stateOf('anna'), 'dead')
    // What the worker had read of Ben is older than his registration.
    const used = device('dead-ben', { since: now })
    await put(world, ['ben', 'dead-ben'], now + 1)
    await markEndpoint(deps, deadMark({ recipient: 'ben', endpoint: used }, { reason: 'gone' }, now + skewMs))
    assert.equal(await stateOf('ben'), 'active')
  })

test('what a provider says of a time before the registration says nothing of it', () => {
  const endpoint = device('token', { since: 100 })
  const said = (asOf?: number) =>
    deadMark({ recipient: 'anna', endpoint }, { reason: 'Unregistered', ...(asOf !== undefined && { asOf }) }, 90)
  assert.deepEqual([said(99), said(100)], [[], []])
  assert.deepEqual(
    [said(101), said()].flat().map(({ at, registered }) => [at, registered]),
    [
      [101, 100],
      [90, 100],
    ],
  )
})
