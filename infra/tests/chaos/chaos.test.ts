import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertProved } from './proved.ts'
import { runChaos } from './run-chaos.ts'

const seed = Number(process.env.CARILLON_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Shorter leases than in production: what a killed worker held is taken over sooner. */
const limits = { leaseMs: 12_000, startWithinMs: 3_000, callMs: 8_000 }

test(`killed at every point, queues wiped, Postgres restarted: nothing is lost (seed ${seed})`, async () => {
  const report = await runChaos({
    ...{ seed, limits, queues: 'postgres', intents: 2_000, people: 100 },
    ...{ killsPerPoint: 2, processes: 2, limitMs: 240_000, rollups: 'throughout' },
  })
  assert.ok(report)
  assertProved(report)
  assert.ok(report.published >= 2_000)
})
