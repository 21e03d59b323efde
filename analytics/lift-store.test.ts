import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventPack } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { lift } from './lift-store.ts'
import { recomputeHour } from './rollup-store.ts'

const hour = 3_600_000
const asked = { type: 'comment.created', event: 'invite.accepted', since: at, until: at + hour, windowMs: hour }

async function setup(packs: readonly EventPack[]) {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 2 })
  await storePacks(db, packs)
  while (await recomputeHour(db));
  // Told from folds: reading the events of a day takes seconds.
  await db.query('truncate delivery_events')
  const running = started.move()
  return {
    db,
    did: (recipients: readonly string[], event: string, when: number) =>
      db.query(
        `insert into product_events (recipient, event, at) select unnest($1::text[]), $2, to_timestamp($3 / 1000.0)`,
        [recipients, event, when],
      ),
    withdrew: (recipient: string, when: number) =>
      db.query(
        `insert into consent_log (at, recipient, kind, wish, source) values (to_timestamp($1 / 1000.0), $2, 'choice', false, 'api')`,
        [when, recipient],
      ),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Ten are told, the last five of fifteen are the holdout. */
function split(): EventPack[] {
  const decided = decidedPack(people(15))
  for (const slot of decided.slots.slice(10)) slot.what = 'holdout'
  return [decided, settledPack(people(10))]
}

test('who was told against the holdout: within the window, by the event asked for, with what it cost', async () => {
  const dead = settledPack(['user-9'], { provider: 'apns' })
  dead.slots[0]!.what = 'address_dead'
  await using world = await setup([...split(), dead])
  await world.did(['user-0', 'user-1', 'user-2', 'user-10'], 'invite.accepted', at + hour)
  await world.did(['user-0'], 'invite.accepted', at + 60_000)
  await world.did(['user-3'], 'invite.accepted', at + hour + 1)
  await world.did(['user-4'], 'invite.accepted', at - 1)
  await world.did(['user-5'], 'something.else', at + 1)
  await world.withdrew('user-7', at + 1000)
  await world.withdrew('user-8', at - 1000)
  const [holdout, told, ...others] = await lift(world.db, { ...asked, compare: 'holdout' })
  assert.deepEqual(others, [])
  assert.deepEqual([holdout!.group, holdout!.base, holdout!.people, holdout!.converted], ['holdout', true, 5, 1])
  assert.deepEqual([told!.group, told!.base, told!.people, told!.converted], ['told', false, 10, 3])
  assert.deepEqual(told!.costs, { unsubscribed: 1, addressDead: 1, complained: 0, smsSent: 0 })
  assert.equal(told!.lift!.difference.toFixed(2), '0.10')
  assert.ok(told!.lift!.interval.low < 0 && told!.lift!.interval.high > 0.1)
  assert.equal(told!.lift!.relative!.toFixed(2), '0.50')
  assert.equal(holdout!.lift, undefined)
})

test('arms against the first of them, by channel; who changed arms in that time is in none', async () => {
  const decided = decidedPack(people(9))
  decided.slots.forEach((slot, n) => (slot.arm = `wording/${n < 4 ? 'long' : 'short'}`))
  const moved = decidedPack(['user-0'], { at: at + 1, intents: [intentFacts('comment-2')] })
  moved.slots[0]!.arm = 'wording/short'
  const mailed = decidedPack(people(2))
  for (const slot of mailed.slots) Object.assign(slot, { channel: 'email', arm: 'wording/long' })
  await using world = await setup([decided, moved, mailed])
  await world.did(['user-1', 'user-8', 'user-0'], 'invite.accepted', at + 1000)
  const rows = await lift(world.db, { ...asked, compare: 'arm', by: 'channel' })
  assert.deepEqual(
    new Set(rows.map(row => [row.channel, row.group, row.base, row.people, row.converted])),
    new Set([
      ['push', 'wording/long', true, 3, 1],
      ['push', 'wording/short', false, 5, 1],
      ['email', 'wording/long', true, 2, 2],
    ]),
  )
  assert.deepEqual(await lift(world.db, { ...asked, compare: 'arm', type: "x' or true --" }), [])
})

test('of many people each is in the group that they were drawn into, however often', async () => {
  const [decided, again] = [
    decidedPack(people(9_000)),
    decidedPack(people(9_000), { intents: [intentFacts('comment-2')] }),
  ]
  for (const slot of [...decided.slots.slice(6_000), ...again.slots.slice(5_000)]) slot.what = 'holdout'
  await using world = await setup([decided, again])
  await world.did(people(8_000), 'invite.accepted', at + 1000)
  const groups = await lift(world.db, { ...asked, compare: 'holdout' })
  assert.deepEqual(
    groups.map(({ group, people, converted }) => [group, people, converted]),
    [
      ['holdout', 3_000, 2_000],
      ['told', 5_000, 5_000],
    ],
  )
})
