import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertProved } from './proved.ts'
import { runChaos, shorterLeases } from './run-chaos.ts'

const seed = Number(process.env.CARILLON_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** The leases of production: a push that a killed worker held comes again after 90 s. */
const limitMs = 10 * 60_000
const intents = 10_000

test(`on Redis, wiped and away for 10 s in mid-run: nothing is lost (seed ${seed})`, async t => {
  const size = { intents, people: 500, killsPerPoint: 4, processes: 2, limitMs, rollups: 'throughout' } as const
  const report = await runChaos({ seed, queues: 'redis', ...size })
  if (!report) return t.skip('no redis-server on the PATH')
  assertProved(report)
  assert.ok(report.published >= intents)
})

test(`hours that nobody counted while all happened are counted after it, as the events say (seed ${seed})`, async () => {
  const report = await runChaos({
    ...{ seed, limits: shorterLeases, queues: 'postgres', intents: 2_000, people: 100, rollups: 'afterwards' },
    ...{ killsPerPoint: 2, processes: 2, limitMs: 5 * 60_000 },
  })
  assert.ok(report)
  assertProved(report)
})
