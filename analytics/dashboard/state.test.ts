import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Path, queryOf } from './state.ts'

test('dates begin in the zone of the page in every chart; times say their own', () => {
  const paths = ['funnel', 'latency', 'volume', 'series', 'outcomes', 'lift'] as const satisfies Path[]
  const zones = (since: string) =>
    paths.map(path => {
      const query = queryOf(path, { since, zone: 'Europe/Berlin' })
      return new URL(query, 'http://localhost').searchParams.getAll('zone').join()
    })
  const berlin = 'Europe/Berlin'
  assert.deepEqual(zones('2026-11-21'), [berlin, berlin, berlin, berlin, berlin, berlin])
  assert.deepEqual(zones('2026-11-21T00:00:00Z'), ['', '', '', berlin, berlin, ''])
})
