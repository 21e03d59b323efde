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

test('the router forgets contacts that nobody named for 90 days', limits, async () => {
  await using world = await startWorld({ catalogue })
  const { installation } = world
  const { db } = installation
  const keep = async (email: string, daysAgo: number) =>
    keepContacts({ ...installation, now: Date.now() - daysAgo * dayMs }, [{ contact: { email } }])
  await keep('old@mail.example', 92)
  const young = await keep('young@mail.example', 88)
  const options = { lanes: ['default'], channels: [], concurrency: 1, providers: [], metrics: createMetrics() } as const
  await using _router = await startRoles(['router'], installation, options)
  await until(async () => (await db.query('select from recipients')).length < 2)
  const left = await db.query<{ id: string }>('select id from recipients')
  assert.deepEqual(
    left.map(row => row.id),
    young,
  )
})
