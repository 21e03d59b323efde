import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { retract } from '#cli/retract.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { intentId } from '#contracts/ids.ts'
import type { Retracted } from '#contracts/retraction.ts'
import { upsertRecipients } from '#preferences/recipient-store.ts'
import { intentStatus } from '#producers/http/intent-status.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { startWorld, type World } from '../world.ts'
import { until } from '../program.ts'

const told = defineNotification({
  ...{ type: 'message.sent', category: 'social', lane: 'default', owner: 'docs', value: 3, quietHours: 'all' },
  schema: z.object({ text: z.string() }),
  deliver: [{ channel: 'in_app' }, { channel: 'push' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: data.text, body: '' }),
      push: ({ data }) => ({ title: data.text, body: '' }),
    },
  },
})
const catalogue = catalogueOf('1', [told])
const people = Array.from({ length: 10 }, (_, n) => `u${n}`)
const nothing: Retracted = { seen: 0, cancelled: 0, removed: 0, tooLate: 0, expanding: false }
const idOf = (key: string) => intentId({ producer: 'test', key })

async function startWithPeople(options: { routers?: number; workers?: number } = {}): Promise<World> {
  const world = await startWorld({ catalogue, ...options })
  const { db, addressKey } = world.installation
  await upsertRecipients(
    { db, addressKey, now: Date.now() },
    people.map(id => ({ id, endpoints: [{ id: 'p', channel: 'push', provider: 'fcm', address: `token-${id}` }] })),
  )
  return world
}

const retractIn = ({ installation: { db } }: World, key: string): Promise<Retracted> =>
  retract(db, { producer: 'test', key, now: Date.now() })

const mine = 'from batches where $1::uuid = any(intents)'
const steps = [
  ...['', 'select from admitted where id = $1', `select ${mine}`],
  ...[`select ${mine} and claimed_at is not null`, `select ${mine} and closed_at is not null`],
]

test('two routers and two workers race with retractions: what was said to be cancelled is not sent', async () => {
  await using world = await startWithPeople({ routers: 2, workers: 2 })
  const { db } = world.installation
  const keys = Array.from({ length: 120 }, (_, n) => `k${n}`)
  const answers = new Map<string, Retracted>()
  await Promise.all(
    keys.map(async (key, n) => {
      await sleep(n * 5)
      const notified = world.notifier.notify(told, { to: people, data: { text: key }, key })
      // Before it, with it, and at every step of its way.
      const step = steps[n % steps.length]!
      if (step !== '') await until(async () => (await db.query(step, [idOf(key)])).length > 0)
      answers.set(key, await retractIn(world, key))
      await notified
    }),
  )
  await world.settle()
  const { problems, outcomes } = await world.audit()
  assert.deepEqual(problems, [])
  const sent = await db.query<{ intent_id: string; n: number }>(
    `select intent_id, count(*)::int as n from deliveries where outcome = 1 group by 1`,
  )
  const sentOf = new Map(sent.map(row => [row.intent_id, row.n]))
  for (const { intent } of world.published) {
    const key = keys.find(one => idOf(one) === intent)!
    assert.ok((sentOf.get(intent) ?? 0) <= answers.get(key)!.tooLate, `${key} ${JSON.stringify(answers.get(key))}`)
  }
  await until(async () => (await db.query('select from inbox_items')).length === 0)
  for (const key of keys) {
    const { seen, cancelled, removed, tooLate, expanding } = await retractIn(world, key)
    assert.deepEqual([seen + cancelled + removed + tooLate, expanding], [people.length * 2, false])
  }
  // Else nothing raced.
  assert.ok(outcomes.retracted! > 0 && (outcomes.sent ?? 0) + (outcomes.delivered ?? 0) > 0, JSON.stringify(outcomes))
})

test('before, while it is held, after it was seen, twice, and what nobody knows', async () => {
  await using world = await startWithPeople()
  const { db, addressKey } = world.installation
  const statusOf = (key: string) => intentStatus(db, idOf(key))
  const tell = (key: string, more: { sendAt?: number; to?: string[] } = {}) =>
    world.notifier.notify(told, { to: ['u0', 'u1'], data: { text: 'secret 4711' }, key, ...more })

  for (const key of ['never', `'; drop table retractions; --`, '../..', 'ключ ✓'])
    assert.deepEqual(await retractIn(world, key), nothing)
  assert.equal((await statusOf('never')).state, 'retracted')
  await tell('never')
  await world.settle()
  assert.deepEqual((await statusOf('never')).outcomes, { retracted: 4 })
  assert.deepEqual(await retractIn(world, 'never'), { ...nothing, cancelled: 4 })

  const around = (ms: number) => new Date(Date.now() + ms).toISOString().slice(11, 16)
  const quiet = { start: around(-3_600_000), end: around(7_200_000) }
  await upsertRecipients({ db, addressKey, now: Date.now() }, [{ id: 'u2', zone: 'UTC', quiet }])
  await tell('month', { sendAt: Date.now() + 30 * 86_400_000 })
  await tell('night', { to: ['u2'] })
  await world.settle({ holds: false, received: 3 })
  for (const [key, cancelled] of [
    ['month', 4],
    ['night', 2],
  ] as const) {
    assert.equal((await statusOf(key)).held, cancelled)
    assert.deepEqual(await retractIn(world, key), { ...nothing, cancelled })
  }
  await world.settle()
  for (const [key, cancelled] of [
    ['month', 4],
    ['night', 2],
  ] as const) {
    assert.deepEqual(await statusOf(key).then(({ state, outcomes }) => [state, outcomes]), [
      'retracted',
      { retracted: cancelled },
    ])
    assert.deepEqual(await retractIn(world, key), { ...nothing, cancelled })
  }
  const waiting = await db.query(
    `select from holds where payload like '%4711%' union all select from batches where payload like '%4711%'`,
  )
  assert.equal(waiting.length, 0, 'nothing of its data is left')

  await tell('seen')
  await world.settle()
  await db.query(`update inbox_items set seen_at = now() where recipient = 'u0'`)
  for (const _time of ['first', 'second'])
    assert.deepEqual(await retractIn(world, 'seen'), { ...nothing, seen: 1, removed: 1, tooLate: 2 })
  assert.equal((await db.query('select from inbox_items')).length, 0)
  assert.deepEqual((await world.audit()).problems, [])
})

test('what a later intent supersedes is removed, and the later one stays', async () => {
  await using world = await startWithPeople()
  const { db } = world.installation
  const tell = (key: string, more: { supersedes?: string; sendAt?: number } = {}) =>
    world.notifier.notify(told, { to: ['u0'], data: { text: key }, key, ...more })
  await tell('packed')
  await tell('reminder', { sendAt: Date.now() + 30 * 86_400_000 })
  await world.settle({ holds: false })
  await tell('shipped', { supersedes: 'packed' })
  await tell('reminder 2', { supersedes: 'reminder' })
  await world.settle({ received: 4 })
  const titles = async () =>
    (await db.query<{ title: string }>(`select content::json ->> 'title' as title from inbox_items order by 1`)).map(
      row => row.title,
    )
  await until(async () => (await titles()).join() === 'reminder 2,shipped')
  const status = await intentStatus(db, idOf('reminder'))
  assert.deepEqual([status.state, status.outcomes], ['superseded', { superseded: 2 }])
  assert.deepEqual((await world.audit()).problems, [])
})
