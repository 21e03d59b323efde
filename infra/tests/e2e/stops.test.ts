import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import type { RecipientId } from '#contracts/ids.ts'
import { readActs } from '#ledger/operator-log.ts'
import { resume, stop } from '#operators/stop-acts.ts'
import { upsertRecipients } from '#preferences/recipient-store.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { until } from '../program.ts'
import { startWorld, type World } from '../world.ts'

const operator = { who: 'ada', why: 'a test' }
const shape = { category: 'social', lane: 'default', owner: 'docs', value: 3 } as const
const words = { title: 'Hello', body: '' }
const pushed = defineNotification({
  ...{ ...shape, type: 'comment.created', schema: z.object({}), deliver: [{ channel: 'push' }] },
  templates: { en: { push: () => words } },
})
const boxed = defineNotification({
  ...{ ...shape, type: 'mention.created', schema: z.object({}), deliver: [{ channel: 'in_app' }] },
  templates: { en: { in_app: () => words } },
})
const catalogue = catalogueOf('1', [pushed, boxed])
const people = Array.from({ length: 400 }, (_, n) => `u${n}`)

async function withPhones(world: World): Promise<void> {
  const { db, addressKey } = world.installation
  const profiles = people.map(id => ({
    ...{
      id: id as RecipientId,
      endpoints: [{ id: 'phone', channel: 'push', provider: 'fcm', address: `token-${id}` }],
    },
  }))
  await upsertRecipients({ db, addressKey, now: Date.now() }, profiles as never)
}

const open = async ({ installation: { db } }: World): Promise<number> =>
  (await db.query('select from batches where closed_at is null')).length
const decided = async ({ installation: { db } }: World): Promise<number> =>
  (await db.query<{ n: number }>('select coalesce(sum(delivering + refused + held), 0)::int as n from sets'))[0]!.n
/** Every batch that is left was asked for since the stop, or since it was due, and waits for its end: nobody has any in hand. */
const allWait = async ({ installation: { db } }: World): Promise<boolean> =>
  (
    await db.query(
      `select from batches where closed_at is null and not (waits_for is not distinct from 'stopped' and lease_until is null and due_at > now())`,
    )
  ).length === 0
/** The same instant for every wait: what waits in the ledger is due now. */
const makeDue = ({ installation: { db } }: World) =>
  db.query('update batches set due_at = now() where closed_at is null and due_at > now()')

test('a provider that is stopped in mid-flight starts no call of what is claimed from then on, and sends the rest when it goes on', async () => {
  await using world = await startWorld({ catalogue })
  await withPhones(world)
  const { db } = world.installation
  const sends = () => world.simulators.log.entries().filter(entry => entry.provider === 'fcm')
  await world.notifier.notify(pushed, { to: people.slice(0, 50), data: {}, key: 'before' })
  await until(() => sends().length > 0)
  const id = await stop(db, operator, { scope: 'provider', name: 'fcm', resume: 'send' })
  for (let at = 50; at < 400; at += 10)
    await world.notifier.notify(pushed, { to: people.slice(at, at + 10), data: {}, key: `k${at}` })
  await until(async () => (await decided(world)) === 400)
  await until(() => allWait(world))
  const before = sends().length
  assert.ok(before <= 50, 'what was decided after the stop is not sent')
  const waiting = await open(world)
  assert.ok(waiting > 0)
  await makeDue(world)
  await until(() => allWait(world))
  assert.equal(sends().length, before, 'asked again it waits again')
  assert.equal(await open(world), waiting, 'and makes no new batches')
  await resume(db, operator, id)
  await makeDue(world)
  await world.settle()
  assert.equal(new Set(sends().map(line => line.address)).size, 400)
  assert.deepEqual((await world.audit()).problems, [])
  assert.deepEqual((await world.audit()).outcomes, { sent: 400 })
  assert.deepEqual(
    (await readActs(db, { limit: 9 })).map(act => [act.who, act.what, act.why]),
    [
      ['ada', 'resume', undefined],
      ['ada', 'stop', 'a test'],
    ],
  )
  await assert.rejects(db.query('delete from operator_log'), /only added to/)
})

test('a stopped type is held and sent when it goes on; one that drops ends as killed; another type goes on meanwhile', async () => {
  await using world = await startWorld({ catalogue })
  const { db } = world.installation
  const some = people.slice(0, 20)
  const id = await stop(db, operator, { scope: 'type', name: 'mention.created', resume: 'send' })
  await world.notifier.notify(boxed, { to: some, data: {}, key: 'held' })
  await until(async () => (await decided(world)) === 20)
  await world.settle({ holds: false })
  assert.deepEqual((await world.audit()).outcomes, {})
  await resume(db, operator, id)
  await world.settle()
  assert.deepEqual((await world.audit()).outcomes, { delivered: 20 })

  await stop(db, operator, { scope: 'producer', name: 'test', resume: 'drop' })
  await world.notifier.notify(boxed, { to: some, data: {}, key: 'killed' })
  await world.settle()
  const report = await world.audit()
  assert.deepEqual(report.problems, [])
  assert.deepEqual(report.outcomes, { delivered: 20, killed: 20 })
})

test('what waits for its worker when a stop that drops comes ends as killed', async () => {
  await using world = await startWorld({ catalogue })
  await withPhones(world)
  const { db } = world.installation
  const keeps = await stop(db, operator, { scope: 'channel', name: 'push', resume: 'send' })
  await stop(db, operator, { scope: 'provider', name: 'fcm', resume: 'drop' })
  await world.notifier.notify(pushed, { to: people.slice(0, 20), data: {}, key: 'held' })
  await until(async () => (await decided(world)) === 20)
  await resume(db, operator, keeps)
  await world.settle()
  const report = await world.audit()
  assert.deepEqual([report.problems, report.outcomes], [[], { killed: 20 }])
  assert.equal(world.simulators.log.entries().filter(entry => entry.provider === 'fcm').length, 0)
})
