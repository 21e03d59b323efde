import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attemptId, deliveryId, intentId, newBatchId, type RecipientId } from '#contracts/ids.ts'
import { placeTombstone, supersede } from '#ledger/retractions.ts'
import { putInboxItems, removeInboxItems } from './in-app/inbox-store.ts'
import { inboxProvider } from './in-app/inbox.ts'
import type { OutMessage } from './provider.ts'
import { createWorld, inboxes } from './world.fixture.ts'

const idOf = (key: string) => intentId({ producer: 'test', key })

test('what was retracted or superseded after the decision ends at its claim; what is newer does not', async () => {
  await using world = await createWorld()
  const { db, clock } = world
  world.use(inboxProvider(db))
  const batches = await world.write({
    ...inboxes(),
    to: ['kept', 'retracted', 'superseded', 'newer'].map(key => ({ recipient: key, endpoint: 'inbox', key })),
  })
  await placeTombstone(db, idOf('retracted'))
  const by = idOf('later')
  await supersede(db, [
    { id: idOf('superseded'), by, until: clock.now() },
    { id: idOf('newer'), by, until: clock.now() - 1 },
  ])
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), {
    ...{ kept: 'delivered', newer: 'delivered' },
    ...{ retracted: 'retracted', superseded: 'superseded' },
  })
  const packs = await db.query<{ payload: string }>(`select payload from outbox where payload like '%settled%'`)
  const settled = JSON.parse(packs.at(-1)!.payload) as { whys: { rule: string; value?: string }[] }
  assert.deepEqual(
    settled.whys.filter(why => why.rule !== 'default'),
    [{ rule: 'retracted' }, { rule: 'superseded', value: by }],
  )
})

test('what is taken back between its claim and its place in the inbox is not there, and ends as what it is', async () => {
  await using world = await createWorld()
  const { db, clock } = world
  world.use(inboxProvider(db))
  const batches = await world.write({
    ...inboxes(),
    to: ['kept', 'retracted', 'superseded'].map(key => ({ recipient: key, endpoint: 'inbox', key })),
  })
  world.deps.failpoint = async () => {
    delete world.deps.failpoint
    await placeTombstone(db, idOf('retracted'))
    await supersede(db, [{ id: idOf('superseded'), by: idOf('later'), until: clock.now() }])
  }
  await world.deliver(batches)
  assert.deepEqual(await world.ends(), { kept: 'delivered', retracted: 'retracted', superseded: 'superseded' })
  const items = await db.query<{ recipient: string }>('select recipient from inbox_items')
  assert.deepEqual(items, [{ recipient: 'kept' }])
})

test('an item that is written after its retraction is left out, though its claim did not know', async () => {
  await using world = await createWorld()
  const { db, clock } = world
  const message = (key: string) =>
    ({
      ...{
        ...{ place: 0, attemptId: attemptId({ batch: newBatchId(), slot: 0 }) },
        deliveryId: deliveryId({ intent: idOf(key), recipient: 'anna' as RecipientId, endpoint: 'inbox' }),
      },
      ...{
        recipient: 'anna',
        intent: { id: idOf(key), type: 't', occurredAt: clock.now() },
        content: { title: key, body: '' },
      },
    }) as unknown as OutMessage<'in_app'>
  const titles = async () =>
    (await db.query<{ content: string }>('select content from inbox_items order by content')).map(
      ({ content }) => (JSON.parse(content) as { title: string }).title,
    )
  await placeTombstone(db, idOf('a'))
  await supersede(db, [{ id: idOf('b'), by: idOf('x'), until: clock.now() }])
  await supersede(db, [{ id: idOf('c'), by: idOf('x'), until: clock.now() - 1 }])
  await putInboxItems(db, ['a', 'b', 'c', 'd'].map(message), clock.now())
  assert.deepEqual(await titles(), ['c', 'd'])
  await db.query(`update inbox_items set seen_at = now() where content like '%"d"%'`)
  const deliveries = ['c', 'd'].map(key => message(key).deliveryId) as Parameters<
    typeof removeInboxItems
  >[1]['deliveries']
  assert.equal(await removeInboxItems(db, { deliveries, until: clock.now() - 1 }), 0)
  assert.equal(await removeInboxItems(db, { deliveries }), 1)
  assert.deepEqual(await titles(), [])
})
