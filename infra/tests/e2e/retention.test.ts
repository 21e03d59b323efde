import assert from 'node:assert/strict'
import { test } from 'node:test'
import { productEventDays } from '#analytics/lift-store.ts'
import { startRoles } from '#cli/roles.ts'
import { ensurePartitions, partitionOf } from '#db/partitions.ts'
import { keepContacts } from '#preferences/preferences.ts'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { until } from '../program.ts'
import { startWorld } from '../world.ts'

const limits = { timeout: 300_000 }
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

test(
  'the router drops days of events and forgets folds, rollups and what people did, each at its age',
  limits,
  async () => {
    await using world = await startWorld({ catalogue })
    const { installation } = world
    const { db } = installation
    const now = Date.now()
    const ago = (days: number) => new Date(now - days * dayMs)
    const dayOf = (days: number) => ago(days).toISOString().slice(0, 10)
    // It may be another day by the end.
    for (const days of [92, 91, 89]) await ensurePartitions(db, { from: dayOf(days), days: 1 })
    await db.query(
      `insert into folded_hours (cohort, type, words, stories, notifications, people)
       select at, 'a', '{}', '', '', '' from unnest($1::timestamptz[]) as at`,
      [[ago(91), ago(89)]],
    )
    await db.query(
      `insert into funnel_hours (cohort, type, category, lane, producer, channel, told, reached, fate, machine, n)
       select at, 'a', 'a', 'bulk', 'a', 'push', 0, 0, 'sent', false, 1 from unnest($1::timestamptz[]) as at`,
      [[ago(401), ago(399)]],
    )
    await db.query(
      `insert into product_events (recipient, event, at) select 'ann', 'joined', at from unnest($1::timestamptz[]) as at`,
      [[ago(productEventDays + 1), new Date(ago(productEventDays).getTime() + 60_000)]],
    )
    const options = { lanes: ['default'], channels: [], concurrency: 1, providers: [] } as const
    await using _router = await startRoles(['router'], installation, { ...options, metrics: createMetrics() })
    for (const table of ['folded_hours', 'funnel_hours', 'product_events'])
      await until(async () => (await db.query(`select from ${table}`)).length < 2)
    const left = async (column: string, table: string) =>
      (await db.query<{ at: Date }>(`select ${column} as at from ${table}`)).map(({ at }) => at.getTime())
    const isAged = (times: number[], days: number) =>
      times.length === 1 && Math.abs(times[0]! - ago(days).getTime()) < dayMs / 2
    assert.ok(isAged(await left('cohort', 'folded_hours'), 89))
    assert.ok(isAged(await left('cohort', 'funnel_hours'), 399))
    assert.ok(isAged(await left('at', 'product_events'), productEventDays))
    const days = await db.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'delivery_events'::regclass order by 1 limit 1`,
    )
    assert.equal(days[0]!.name, partitionOf('delivery_events', dayOf(89)))
  },
)
