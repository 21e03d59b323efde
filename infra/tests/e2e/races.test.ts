import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { ask } from '#producers/sdk/ask.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { startWorld } from '../world.ts'

const limit = 10
const people = Array.from({ length: 50 }, (_, n) => `u${n}`)
const mentioned = defineNotification({
  ...{ type: 'mention.created', category: 'social', lane: 'default', owner: 'docs', value: 3 },
  schema: z.object({ text: z.string() }),
  throttle: { limit, per: '1h' },
  deliver: [{ channel: 'in_app' }],
  templates: { en: { in_app: ({ data }) => ({ title: data.text, body: '' }) } },
})
const catalogue = catalogueOf('1', [mentioned])
/** Each names some people, so that sets of both routers want the same rows in different company. */
const asks = Array.from({ length: 400 }, (_, n) =>
  ask(mentioned, {
    to: people.filter((_, at) => (at + n) % 5 < 2),
    ...{ data: { text: `${n}` }, key: `k${n}` },
  }),
)

test('two routers and four workers on the same people let through what the throttle allows and not one more', async () => {
  await using world = await startWorld({ catalogue, routers: 2, workers: 4 })
  for (let at = 0; at < asks.length; at += 10) await world.notifier.notifyMany(asks.slice(at, at + 10))
  await world.settle()
  assert.deepEqual(await itemsOf(world), Object.fromEntries(people.map(id => [id, limit])))
  const { problems, outcomes } = await world.audit()
  assert.deepEqual(problems, [])
  const decisions = asks.length * (people.length / 5) * 2
  assert.deepEqual(outcomes, { delivered: people.length * limit, throttled: decisions - people.length * limit })
})

test('messages that both routers get, and get again, are one intent each', async () => {
  const some = asks.slice(0, 20)
  await using world = await startWorld({ catalogue, routers: 2, workers: 4, redeliveries: 2 })
  await Promise.all([world.notifier.notifyMany(some), world.notifier.notifyMany(some.toReversed())])
  const received = some.length * 2 * 3
  await world.settle({ received })
  const { problems, messages, outcomes } = await world.audit()
  assert.deepEqual(problems, [])
  assert.deepEqual([messages.received, messages.admitted, messages.duplicate], [received, 20, received - 20])
  assert.deepEqual(outcomes, { delivered: 20 * 20 })
})

async function itemsOf({ installation }: Awaited<ReturnType<typeof startWorld>>): Promise<Record<string, number>> {
  const rows = await installation.db.query<{ recipient: string; n: number }>(
    'select recipient, count(*)::int as n from inbox_items group by 1',
  )
  return Object.fromEntries(rows.map(row => [row.recipient, row.n]))
}
