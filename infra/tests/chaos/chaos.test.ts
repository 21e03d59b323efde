import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertProved } from './proved.ts'
import { runChaos, shorterLeases } from './run-chaos.ts'

const seed = Number(process.env.CARILLON_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

test(`killed at every point, queues wiped, Postgres restarted: nothing is lost (seed ${seed})`, async () => {
  const report = await runChaos({
    ...{ seed, limits: shorterLeases, queues: 'postgres', intents: 2_000, people: 100 },
    ...{ killsPerPoint: 2, processes: 2, limitMs: 400_000, rollups: 'throughout' },
  })
  assert.ok(report)
  assertProved(report)
  assert.ok(report.published >= 2_000)
})
