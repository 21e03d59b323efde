import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRoles } from '#cli/roles.ts'
import { keepContacts } from '#preferences/preferences.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { until } from '../program.ts'
import { startWorld } from '../world.ts'

const limits = { timeout: 120_000 }
const dayMs = 86_400_000

test(
  'the router forgets contacts and inbox items of 90 days ago, and windows in which nothing matters',
  limits,
  async () => {
    await using world = await startWorld({ catalogue })
    const { installation } = world
    const { db } = installation
    const keep = async (email: string, daysAgo: number) =>
      keepContacts({ ...installation, now: Date.now() - daysAgo * dayMs }, [{ contact: { email } }])
    await keep('old@mail.example', 92)
    const young = await keep('young@mail.example', 88)
    const aged = [91, 89].map(days => new Date(Date.now() - days * dayMs))
    await db.query(
      `insert into inbox_items (delivery, recipient, intent_id, type, occurred_at, created_at, content)
     select at::text, 'ann', gen_random_uuid(), 'a', at, at, '{}' from unnest($1::timestamptz[]) as at`,
      [aged],
    )
    await db.query(
      `insert into windows (recipient, state, keep_until) values ('gone', '', current_date - 2), ('here', '', current_date + 2)`,
    )
    const options = {
      lanes: ['default'],
      channels: [],
      concurrency: 1,
      providers: [],
      metrics: createMetrics(),
    } as const
    await using _router = await startRoles(['router'], installation, options)
    const isLeft = async (table: string) => (await db.query(`select from ${table}`)).length < 2
    for (const table of ['recipients', 'inbox_items', 'windows']) await until(() => isLeft(table))
    const left = await db.query<{ id: string }>('select id from recipients')
    assert.deepEqual(
      left.map(row => row.id),
      young,
    )
    assert.deepEqual(await db.query('select created_at from inbox_items'), [{ created_at: aged[1] }])
    assert.deepEqual(await db.query('select recipient from windows'), [{ recipient: 'here' }])
  },
)
