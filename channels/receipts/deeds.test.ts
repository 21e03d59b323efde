import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventPack } from '#contracts/event.ts'
import { type BatchId, intentId } from '#contracts/ids.ts'
import { writeEngagement } from '#preferences/preferences.ts'
import type { Queryable } from '#runtime/postgres.ts'
import { forgetInbox } from '../in-app/forget-store.ts'
import { inboxProvider } from '../in-app/inbox.ts'
import { markOwnItems } from '../in-app/inbox-store.ts'
import type { OutMessage, Provider } from '../provider.ts'
import { createWorld, device, greeting, inboxes, phones } from '../world.fixture.ts'
import { applyReceipts, type Receipt } from './apply-receipts.ts'
import { tellSuccess } from './deeds.ts'
import { purgeLooks } from './look-store.ts'

const answered = 'greeting.answered'
const types = [
  { ...greeting, acted: answered },
  { ...greeting, type: 'test.other' },
]

/** People with an inbox and a phone that takes everything. */
async function setup(...people: string[]) {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld({ types }))
  const { db, clock, deps } = world
  world.use(inboxProvider(db))
  world.use(phone)
  for (const id of people) await world.addPerson(id, { endpoints: [device(`of-${id}`)] })
  const running = opened.move()
  return {
    ...world,
    later: (ms: number) => clock.set(clock.now() + ms),
    own: (tx: Queryable, what: 'seen' | 'read', recipient = 'anna') =>
      markOwnItems(tx, { recipient, what, now: clock.now(), upToNumber: Number.MAX_SAFE_INTEGER }),
    /** As the API does it: of one intent, or of whatever was looked at. */
    track: (key?: string) =>
      db.transaction(async tx => {
        const intent = key === undefined ? {} : { intent: intentId({ producer: 'test', key }) }
        const success = { recipient: 'anna', event: answered, at: clock.now(), ...intent }
        await writeEngagement(tx, { ...success, what: 'acted' })
        await tellSuccess(deps.catalogue)(tx, success)
      }),
    /** A phone says it of the one push that there is. */
    async said(...deeds: [deed: Receipt['deed'], at: number][]) {
      const [push] = await db.query<{ batch: BatchId; slot: number }>(
        `select batch_id as batch, slot from deliveries where provider = 'fcm'`,
      )
      await applyReceipts(
        deps,
        deeds.map(([deed, at]) => ({ attempt: push!, deed, at })),
      )
    },
    /** What was told since the last time: a line for each pack, like `read: in_app k, in_app l`. */
    async told() {
      const rows = await db.query<{ payload: string }>('delete from outbox returning payload')
      return rows
        .map(row => JSON.parse(row.payload) as EventPack)
        .filter(({ kind }) => kind === 'engaged')
        .map(({ slots, intents }) => {
          const of = slots.map(({ i, channel }) => `${channel} ${keys.get(intents[i]!.id)}`)
          return `${slots[0]!.what}: ${of.toSorted().join(', ')}`
        })
        .toSorted()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const keys = new Map(['k', 'l', 'm'].map(key => [intentId({ producer: 'test', key }), key]))

const phone: Provider = {
  ...{ name: 'fcm', channel: 'push', callSizeMax: 500, callsAtOnce: 1, pauses: 'lane', mixes: () => true },
  send: async (messages: readonly OutMessage[]) =>
    messages.map(message => ({ kind: 'accepted', providerId: message.attemptId })),
  async [Symbol.asyncDispose]() {},
}

const toAnna = (key: string, type = 'test.greeting') => ({
  ...inboxes('anna'),
  to: [{ recipient: 'anna', endpoint: 'inbox', key, type }],
})

/** As many sets more that tell others of the same intents. */
const tellOthers = `
  with others as (
    insert into batches select told.* from batches b cross join generate_series(1, $1::int) other, jsonb_populate_record(
      b, jsonb_build_object('id', gen_random_uuid(), 'set_id', gen_random_uuid(), 'recipients', array['u' || other])) as told
    returning intents, set_id)
  insert into intent_sets select unnest(intents), set_id from others`

/** Rows of the ledger that were read by now, as the connection counts them. */
async function rowsRead(tx: Queryable): Promise<number> {
  const [row] = await tx.query<{ n: number }>(
    `select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as n from pg_stat_xact_user_tables
     where relname ~ '^(batches|intent_sets|admitted)'`,
  )
  return row!.n
}

test('what is marked or acted on in an inbox costs the same, however many were told', async () => {
  await using world = await setup('anna')
  await world.deliver(await world.write(toAnna('k')))
  const work: number[][] = []
  for (const sets of [0, 1000]) {
    await world.db.query(tellOthers, [sets])
    await world.db.query('analyze')
    await world.db.query('update inbox_items set seen_at = null, read_at = null, acted_at = null')
    work.push(
      await world.db.transaction(async tx => {
        await tx.query('set local enable_seqscan = off')
        const before = await rowsRead(tx)
        await world.own(tx, 'seen')
        await world.own(tx, 'read')
        const marked = await rowsRead(tx)
        await tellSuccess(world.deps.catalogue)(tx, { recipient: 'anna', event: answered, at: world.clock.now() })
        return [marked - before, (await rowsRead(tx)) - before]
      }),
    )
    assert.deepEqual(await world.told(), ['acted: in_app k', 'read: in_app k', 'seen: in_app k'])
  }
  assert.deepEqual(work[1], work[0])
})

test('one pack tells of all that was marked at once, and a success is told once', async () => {
  await using world = await setup('anna')
  for (const key of ['k', 'l', 'm']) await world.deliver(await world.write(toAnna(key)))
  await world.own(world.db, 'read')
  assert.deepEqual(await world.told(), ['read: in_app k, in_app l, in_app m'])
  await world.track('l')
  assert.deepEqual(await world.told(), ['acted: in_app l'])
  await world.track()
  assert.deepEqual(await world.told(), ['acted: in_app k, in_app m'])
  for (const key of [undefined, 'l']) await world.track(key)
  assert.deepEqual(await world.told(), [])
})

test('looks at what waits for no success hide none that does', async () => {
  await using world = await setup('anna')
  await world.deliver(await world.write(phones('anna')))
  await world.said(['opened', world.clock.now()])
  await world.db.query(
    `insert into engagements (recipient, intent_id, what, event, at)
     select 'anna', gen_random_uuid(), 'read', '', to_timestamp($1 / 1000.0) + interval '1 s' from generate_series(1, 600)`,
    [world.clock.now()],
  )
  await world.told()
  world.later(2000)
  await world.track()
  assert.deepEqual(await world.told(), ['acted: push k'])
})

test('what a phone says late was looked at before the success, or after it', async () => {
  await using world = await setup('anna')
  await world.deliver(await world.write(phones('anna')))
  const before = world.clock.now()
  world.later(1000)
  await world.track()
  world.later(1000)
  await world.said(['opened', world.clock.now()])
  assert.deepEqual(await world.told(), ['opened: push k'])
  await world.said(['seen', before])
  assert.deepEqual(await world.told(), ['acted: push k', 'seen: push k'])
  await world.track()
  assert.deepEqual(await world.told(), [])
})

test('what a phone says was acted on is not told again by the product', async () => {
  await using world = await setup('anna')
  await world.deliver(await world.write(phones('anna')))
  await world.said(['acted', world.clock.now()], ['opened', world.clock.now()])
  assert.deepEqual(await world.told(), ['acted: push k', 'opened: push k'])
  await world.track()
  await world.track('k')
  assert.deepEqual(await world.told(), [])
})

test('looks are forgotten with their person, and with time', async () => {
  await using world = await setup('anna')
  const { db } = world
  const kept = () => db.query('select from looks')
  await world.deliver(await world.write(phones('anna')))
  const opened = ['opened', world.clock.now()] as const
  for (const end of [
    () => forgetInbox(db, 'anna'),
    () => purgeLooks(db, { before: world.clock.now() + 1 }),
    () => db.query(`update recipients set erased_at = now(); delete from looks`),
  ]) {
    await world.said([...opened])
    assert.equal((await kept()).length, 1)
    await end()
    assert.deepEqual(await kept(), [])
  }
  await world.said([...opened])
  assert.deepEqual(await kept(), [])
})

test('an item that was put before its attempt was kept is found by its intent', async () => {
  await using world = await setup('anna')
  await world.deliver(await world.write(toAnna('k')))
  await world.db.query('update inbox_items set batch = null, slot = null')
  await world.own(world.db, 'read')
  await world.track()
  assert.deepEqual(await world.told(), ['acted: in_app k', 'read: in_app k'])
})
