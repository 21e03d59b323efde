import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { ask } from '#producers/sdk/ask.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { startWorld } from '../world.ts'

const commented = defineNotification({
  ...{ type: 'comment.created', category: 'social', lane: 'default', owner: 'docs', value: 3 },
  schema: z.object({ author: z.string() }),
  dedupe: { key: data => data.author, within: '10m' },
  deliver: [{ channel: 'in_app' }, { channel: 'push' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: `${data.author} commented`, body: '' }),
      push: ({ data }) => ({ title: `${data.author} commented`, body: 'Have a look' }),
    },
  },
})
const catalogue = catalogueOf('1', [commented])

test('an intent goes all the way, in every lane of truth: ledger, provider, inbox, events', async () => {
  await using world = await startWorld({ catalogue })
  const { db } = world.installation
  await db.query(`insert into recipients (id, endpoints) values ('u1', $1), ('u3', $2)`, [
    JSON.stringify([{ id: 'phone', channel: 'push', provider: 'fcm', address: 'token-1', state: 'active', since: 0 }]),
    JSON.stringify([{ id: 'phone', channel: 'push', provider: 'fcm', address: 'dead-3', state: 'active', since: 0 }]),
  ])
  await world.notifier.notifyMany([
    ask(commented, { to: ['u1', 'u2', 'u3'], data: { author: 'Ada' }, key: 'k1' }),
    ask(commented, { to: ['u1'], data: { author: 'Ada' }, key: 'k2' }),
  ])
  // The repeat says that it happened later: in a set of its own it could come first, and k2 would be before its window.
  await world.settle()
  await world.notifier.notify(commented, { to: ['u1', 'u2', 'u3'], data: { author: 'Ada' }, key: 'k1' })
  await world.settle({ received: 3 })
  const report = await world.audit()
  assert.deepEqual(report.problems, [])
  assert.deepEqual(report.outcomes, { sent: 1, delivered: 3, no_endpoint: 1, address_dead: 1, deduplicated: 2 })
  assert.deepEqual([report.messages.received, report.messages.admitted, report.messages.duplicate], [3, 2, 1])
  const pushes = world.simulators.log.entries().filter(entry => entry.provider === 'fcm')
  assert.deepEqual(pushes.map(entry => entry.address).sort(), ['dead-3', 'token-1'])
  const events = await db.query<{ kind: string; what: string; n: number }>(
    `select kind, what, count(*)::int as n from delivery_events group by 1, 2 order by 1, 2`,
  )
  assert.deepEqual(
    events.map(event => `${event.kind} ${event.what} ${event.n}`),
    [
      'decided deduplicated 2',
      'decided deliver 5',
      'decided no_endpoint 1',
      'settled address_dead 1',
      'settled delivered 3',
      'settled sent 1',
    ],
  )
})
