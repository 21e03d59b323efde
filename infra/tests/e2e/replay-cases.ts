import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { policiesOf } from '#cli/commands/replay.ts'
import { replay } from '#cli/replay.ts'
import { readConfig } from '#runtime/config.ts'
import { testPostgresUrl, tracesFolder } from '../servers.ts'

export type Trace = 'github-2h' | 'college-dm'
type Expected = Record<string, Record<string, number>>
type Given = { onlyReason?: string; dedupe?: string; throttle?: string; quiet?: string }

/** A policy, the name of its count, and how the recipients it does not let through are told. */
const cases: { count: string; given: Given; stopped?: string[] }[] = [
  { count: 'recipient_notifications', given: {} },
  { count: 'only mention', given: { onlyReason: 'mention' } },
  { count: 'collapse_leading(60s)', given: { dedupe: '60s' }, stopped: ['deduplicated'] },
  { count: 'collapse_leading(600s)', given: { dedupe: '600s' }, stopped: ['deduplicated'] },
  { count: 'throttle_sliding(10,3600s)', given: { throttle: '10/1h' }, stopped: ['throttled'] },
  {
    count: 'collapse_leading(60s) then throttle_sliding(10,3600s)',
    given: { dedupe: '60s', throttle: '10/1h' },
    stopped: ['deduplicated', 'throttled'],
  },
  { count: 'quiet(22-08 UTC)', given: { quiet: '22:00-08:00' } },
]

/** Of the large trace, the count that every `npm test` proves. */
export const sampled = 'collapse_leading(60s) then throttle_sliding(10,3600s)'

/** Registers a test for each policy: what the whole pipeline does with a trace equals what was counted apart from it. */
export function replayTests(trace: Trace, wanted: readonly string[] = cases.map(one => one.count)): void {
  const folder = tracesFolder()
  if (folder === undefined) {
    // The runner says the same loudly, and fails where CI demands the traces.
    test(`replay of ${trace}`, { skip: 'the recorded traces are not there: set CARILLON_TEST_TRACES' }, () => {})
    return
  }
  const expected = (JSON.parse(readFileSync(path.join(folder, 'expected-counts.json'), 'utf8')) as Expected)[trace]!
  for (const { count, given, stopped = [] } of cases.filter(one => wanted.includes(one.count)))
    test(`replay of ${trace}: ${count} is ${expected[count]}`, async () => {
      const dataDir = await mkdtemp(path.join(os.tmpdir(), 'carillon-replay-test-'))
      const result = await replay({
        file: path.join(folder, `${trace}.ndjson.gz`),
        policies: policiesOf({
          onlyReason: undefined,
          dedupe: undefined,
          throttle: undefined,
          quiet: undefined,
          ...given,
        }),
        config: { ...readConfig({}), dataDir },
        serverUrl: await testPostgresUrl(),
      }).finally(() => rm(dataDir, { recursive: true, force: true }))
      assert.deepEqual(result.audit.problems, [])
      const all = given.onlyReason === undefined ? expected['recipient_notifications']! : expected[count]!
      assert.equal(result.recipients, all)
      if (given.quiet !== undefined) {
        assert.equal(result.decided.held ?? 0, expected[count])
        assert.equal(result.outcomes.delivered, all, 'what was held is delivered when its hour comes')
      } else {
        assert.equal(result.outcomes.delivered ?? 0, expected[count])
        assert.equal(
          stopped.reduce((sum, outcome) => sum + (result.decided[outcome] ?? 0), 0),
          all - expected[count]!,
        )
      }
    })
}
