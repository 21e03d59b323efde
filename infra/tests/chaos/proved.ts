import assert from 'node:assert/strict'
import { type ChaosReport, points } from './run-chaos.ts'

/** What every run must show, and its numbers on the terminal. */
export function assertProved({ hits, published, verdict, audit, doubts }: ChaosReport): void {
  const { used, bound } = verdict.duplicates
  console.log(`kills ${JSON.stringify(hits)}`)
  console.log(
    `${published} intents, ${verdict.deliveries} deliveries, ${verdict.accepted} accepted, ${doubts} in doubt at the end`,
  )
  console.log(
    `duplicates ${used} of at most ${bound} in flight at the kills; outcomes ${JSON.stringify(audit.outcomes)}`,
  )
  for (const point of Object.keys(points)) assert.ok(hits[point]! > 0, `the run is invalid: nobody was killed ${point}`)
  for (const often of ['sent', 'delivered', 'deduplicated', 'throttled', 'suppressed_preference'] as const)
    assert.ok(audit.outcomes[often]! > 0, `the run is invalid: nothing ended ${often}`)
  assert.ok(bound > 0, 'the run is invalid: no claim was lost')
  assert.deepEqual(verdict.broken, {})
  assert.ok(used <= bound)
  assert.deepEqual(audit.problems, [])
}
