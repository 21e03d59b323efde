import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ensurePartitions } from '#db/partitions.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, intentFacts, people } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { answerFunnel, answerSeries, type Asked } from './answers.ts'
import { storePacks } from './event-store.ts'
import { recomputeHour } from './rollup-store.ts'

const hourMs = 3_600_000

test('rollups tell no group of few people: they are counted over all hours, once each', async () => {
  await using database = await testDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'test' })
  await ensurePartitions(db, { from: day, days: 1 })
  const hourly = (type: string, of: string[][]) =>
    of.map((recipients, n) =>
      decidedPack(recipients, { intents: [intentFacts(`${type}-${n}`, { type, occurredAt: at - n * hourMs })] }),
    )
  await storePacks(db, [
    ...hourly('to.ann', [['ann'], ['ann'], ['ann']]),
    ...hourly('to.ben', [['ben'], ['ben'], ['ben']]),
    ...hourly('to.each', [['ann'], ['ben'], ['cem']]),
    ...hourly('to.all', [people(4)]),
  ])
  while (await recomputeHour(db));
  const told = { db, now: at, groupMin: 2 }
  const since = Date.parse('2026-11-20T00:00:00Z')
  const day24: Asked = { since, until: since + 24 * hourMs, source: 'rollup', bucket: 'day', zone: 'UTC' }
  const funnelsOf = async (asked: Partial<Asked>) => {
    const { behind, funnels, hidden } = await answerFunnel(told, { ...day24, ...asked })
    assert.equal(behind.source, 'rollup')
    return { hidden, funnels: funnels.map(({ group, stages }) => [group, stages.intended]) }
  }
  const large = [
    ['to.all', 4],
    ['to.each', 3],
  ]
  assert.deepEqual(await funnelsOf({ by: 'type' }), { hidden: 2, funnels: large })
  assert.deepEqual(await funnelsOf({ type: 'to.ben' }), { hidden: 1, funnels: [] })
  assert.deepEqual(await funnelsOf({ type: 'to.each' }), { hidden: 0, funnels: [[undefined, 3]] })
  const { series, hidden } = await answerSeries(told, { ...day24, by: 'type' })
  const days = series.map(({ group, stages }) => [group, ...stages.intended])
  assert.deepEqual({ hidden, funnels: days }, { hidden: 2, funnels: large })
  // Without the events only the people of each hour by itself are known.
  await db.query('truncate folded_hours')
  assert.deepEqual(await funnelsOf({ type: 'to.each' }), { hidden: 1, funnels: [] })
  assert.deepEqual(await funnelsOf({ type: 'to.all' }), { hidden: 0, funnels: [[undefined, 4]] })
  // Of an hour that was counted before people were, notifications are.
  await db.query('update funnel_hours set people = null')
  assert.deepEqual(await funnelsOf({ type: 'to.all' }), { hidden: 0, funnels: [[undefined, 4]] })
})
