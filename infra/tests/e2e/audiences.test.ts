import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { addMembers } from '#preferences/audience-store.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { startWorld } from '../world.ts'

const released = defineNotification({
  ...{ type: 'release.published', category: 'releases', lane: 'bulk', owner: 'core', value: 2, maxRecipients: 10_000 },
  schema: z.object({ version: z.string() }),
  deliver: [{ channel: 'in_app' }],
  templates: { en: { in_app: ({ data }) => ({ title: `Version ${data.version} is out`, body: '' }) } },
})
const catalogue = catalogueOf('1', [released])
const member = (n: number) => `member-${String(n).padStart(4, '0')}`

test('an audience is told once each: overlaps, people named beside it, a team’s own list, and never the actor', async () => {
  const own = Array.from({ length: 700 }, (_, n) => ({ recipient: member(n + 900) }))
  const team = {
    name: 'team',
    page: async (_audience: string, after: string, limit: number) =>
      own.filter(one => one.recipient > after).slice(0, limit),
  }
  await using world = await startWorld({ catalogue, sources: [team] })
  const { db } = world.installation
  await addMembers(
    db,
    'watchers',
    Array.from({ length: 1_200 }, (_, n) => ({ id: member(n) })),
  )
  await addMembers(
    db,
    'maintainers',
    Array.from({ length: 30 }, (_, n) => ({ id: member(n * 10), reason: 'maintainer' })),
  )
  await world.notifier.notify(released, {
    to: [{ audience: 'watchers' }, { audience: 'maintainers' }, { audience: 'team:core' }, 'somebody', member(5)],
    ...{ actor: member(7), data: { version: '2.0' }, key: 'release-2.0' },
  })
  await world.settle()
  const report = await world.audit()
  assert.deepEqual(report.problems, [])
  const told = await db.query<{ recipient: string; n: number }>(
    `select recipient, count(*)::int as n from inbox_items group by 1`,
  )
  assert.ok(told.every(row => row.n === 1))
  const wanted = new Set([...Array.from({ length: 1_600 }, (_, n) => member(n)), 'somebody'])
  wanted.delete(member(7))
  assert.deepEqual(told.map(row => row.recipient).sort(), [...wanted].sort())
  assert.equal(report.outcomes.delivered, wanted.size)
})
