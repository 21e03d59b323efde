import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../program.ts'
import { setup } from './served.fixture.ts'

test('questions that wait hold up no intent', async () => {
  await using world = await setup()
  const token = await world.tokenOf('analytics', 'intents')
  const going: Promise<{ status: number }>[] = []
  await world.db.transaction(async tx => {
    await tx.query('lock table folded_hours in access exclusive mode')
    for (let n = 0; n < 20; n++) going.push(world.ask(token, 'GET /v1/analytics/funnel?source=raw'))
    const waiting = `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    await until(async () => (await world.db.query<{ n: number }>(waiting))[0]!.n === 4)
    const told = { type: 'comment.created', to: ['u1'], key: 'k', data: {} }
    assert.notEqual((await world.ask(token, 'POST /v1/intents', told)).status, 500)
    assert.equal((await world.ask(token, 'GET /v1/intents/k/status')).status, 200)
  })
  for (const { status } of await Promise.all(going)) assert.equal(status, 200)
})
