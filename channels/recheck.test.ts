import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onlyFor } from '#contracts/allow-list.ts'
import { inboxProvider } from './in-app/inbox.ts'
import { createWorld, device, inboxes, phones, worldWithFcm } from './world.fixture.ts'

test('a level that was set after the decision asks why each person is told', async () => {
  await using world = await worldWithFcm()
  const people = { plain: undefined, mentioned: 'mention', called: 'everyone', takesPart: 'participating' }
  const told = Object.entries(people).map(([recipient, reason]) => ({
    ...{ recipient, endpoint: 'phone' },
    ...(reason && { reason }),
  }))
  const batches = await world.write({ ...phones(), to: told, intent: { room: 'r1' } })
  const choices = { levels: { room: { r1: { level: 'mentions', everyone: false } } } }
  for (const id of Object.keys(people)) await world.addPerson(id, { endpoints: [device(`token-${id}`)], choices })
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), {
    called: 'suppressed_mute',
    mentioned: 'sent',
    plain: 'suppressed_mute',
    takesPart: 'suppressed_mute',
  })
})

test('what a tenant locks off after the decision is not sent, and its language is that of people who have none', async () => {
  await using world = await createWorld()
  world.use(inboxProvider(world.db))
  const [first, second] = [
    await world.write({ ...inboxes('anna'), intent: { tenant: 'acme' } }),
    await world.write(inboxes('ben')),
  ]
  const set = (settings: object) =>
    world.db.query(
      `insert into tenants (id, settings) values ('acme', $1) on conflict (id) do update set settings = excluded.settings`,
      [JSON.stringify(settings)],
    )
  await set({ locale: 'de', locks: { social: { in_app: false } } })
  await world.db.query(`insert into recipients (id, tenant) values ('ben', 'acme')`)
  await world.deliver(first)
  await set({ locale: 'de' })
  await world.deliver(second)
  assert.deepEqual(await world.ends(), { anna: 'suppressed_preference', ben: 'delivered' })
  const [item] = await world.db.query<{ content: string }>('select content from inbox_items')
  assert.equal(JSON.parse(item!.content).title, 'Hallo')
})

test('whom the installation does not tell is not told at claim either, whoever decided', async () => {
  await using world = await worldWithFcm()
  world.deps.catalogue = onlyFor(world.deps.catalogue, ['ada'])
  for (const id of ['ada', 'ben']) await world.addPerson(id, { endpoints: [device(`token-${id}`)] })
  await world.deliver(await world.write(phones('ada', 'ben')))
  assert.deepEqual(await world.ends(), { ada: 'sent', ben: 'not_allowed_here' })
})
