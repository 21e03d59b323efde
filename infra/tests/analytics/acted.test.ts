import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storePacks } from '#analytics/event-store.ts'
import { funnel } from '#analytics/funnel-store.ts'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import { markOwnItems } from '#channels/in-app/inbox-store.ts'
import { tellSuccess } from '#channels/receipts/deeds.ts'
import { createWorld, greeting, inboxes } from '#channels/world.fixture.ts'
import type { EventPack } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { track } from '#preferences/engagement.ts'

const people = ['anna', 'ben', 'cem', 'dora', 'eve']

/** Five people with an item in the inbox each, and what the sink would store. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld({ types: [{ ...greeting, acted: 'greeting.answered' }] }))
  const { db, clock, deps } = world
  world.use(inboxProvider(db))
  for (const id of people) await world.addPerson(id)
  await world.deliver(await world.write(inboxes(...people)))
  const own = (recipient: string, what: 'seen' | 'read' | 'archived' | 'unarchived') =>
    db.transaction(tx => markOwnItems(tx, { recipient, what, now: clock.now(), upToNumber: Number.MAX_SAFE_INTEGER }))
  const running = opened.move()
  return {
    db,
    own,
    track: (recipient: string, event = 'greeting.answered', key?: string) =>
      track(
        { db, now: clock.now(), tellSuccess: tellSuccess(deps.catalogue) },
        { recipient, event, ...(key !== undefined && { intent: { producer: 'test', key } }) },
      ),
    later: (ms: number) => clock.set(clock.now() + ms),
    /** `seen opened acted`, after everything that was told by then. */
    async counts() {
      const rows = await db.query<{ payload: string }>(
        'with gone as (delete from outbox returning id, payload) select payload from gone order by id',
      )
      const packs = rows.map(row => JSON.parse(row.payload) as EventPack)
      for (const day of new Set(packs.map(pack => pack.day))) await ensurePartitions(db, { from: day, days: 1 })
      // A name may be told twice; the sink takes the first.
      await storePacks(db, [...new Map(packs.toReversed().map(pack => [pack.pack, pack])).values()])
      const { seen, opened: looked, acted } = (await funnel(db))[0]!.stages
      return `${seen} ${looked} ${acted}`
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

test('what a person does in the inbox and then in the product is in the funnel, once', async () => {
  await using world = await setup()
  assert.equal(await world.counts(), '0 0 0')
  await world.own('anna', 'seen')
  await world.own('ben', 'read')
  await world.own('cem', 'archived')
  await world.own('cem', 'unarchived')
  assert.equal(await world.counts(), '3 2 0')
  await world.own('anna', 'read')
  assert.equal(await world.counts(), '3 3 0')
  world.later(1000)
  for (let n = 0; n < 2; n++) await world.track('ben')
  await world.track('cem', 'greeting.answered', 'k')
  assert.equal(await world.counts(), '3 3 2')
  const events = await world.db.query(
    'select recipient, event, intent_id is not null as named from product_events order by recipient, at',
  )
  const event = 'greeting.answered'
  assert.deepEqual(events, [
    ...[
      { recipient: 'ben', event, named: false },
      { recipient: 'ben', event, named: false },
    ],
    { recipient: 'cem', event, named: true },
  ])
})

test('an event that no type names, of another intent, of who never looked, and of who was erased, is no success', async () => {
  await using world = await setup()
  for (const id of ['anna', 'ben', 'dora']) await world.own(id, 'read')
  await world.track('anna', 'something.else')
  await world.track('ben', 'greeting.answered', 'another-key')
  await world.track('eve')
  // Told of, but nobody saw them look: the steps before were not passed.
  await world.track('cem', 'greeting.answered', 'k')
  await world.db.query(`update recipients set erased_at = now() where id = 'dora'`)
  for (const key of [undefined, 'k']) await world.track('dora', 'greeting.answered', key)
  assert.equal(await world.counts(), '3 3 0')
})

test('a success after the window is none', async () => {
  await using world = await setup()
  await world.own('anna', 'read')
  world.later(8 * 86_400_000)
  await world.track('anna')
  assert.equal(await world.counts(), '1 1 0')
})
