import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { policiesOf } from '#cli/commands/replay.ts'
import { replay, type Replayed } from '#cli/replay.ts'
import { readConfig } from '#runtime/config.ts'
import { testPostgresUrl, tracesFolder } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

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
  const folder = folderOr(`replay of ${trace}`)
  if (folder === undefined) return
  const expected = (JSON.parse(readFileSync(path.join(folder, 'expected-counts.json'), 'utf8')) as Expected)[trace]!
  for (const { count, given, stopped = [] } of cases.filter(one => wanted.includes(one.count)))
    test(`replay of ${trace}: ${count} is ${expected[count]}`, async () => {
      const result = await replayed(path.join(folder, `${trace}.ndjson.gz`), given)
      const all = given.onlyReason === undefined ? expected['recipient_notifications']! : expected[count]!
      if (given.quiet !== undefined) return allDelivered(result, { all, held: expected[count]! })
      assert.equal(result.recipients, all)
      assert.equal(result.outcomes.delivered ?? 0, expected[count])
      assert.equal(
        stopped.reduce((sum, outcome) => sum + (result.decided[outcome] ?? 0), 0),
        all - expected[count]!,
      )
    })
}

/** Registers a test of quiet hours over a few days of the large trace: all of it takes long, and its counts are of all of it. */
export function quietDaysTest(days: readonly string[]): void {
  const name = `replay of ${days.join(', ')} of college-dm with quiet(22-08 UTC)`
  const folder = folderOr(name)
  if (folder === undefined) return
  test(name, async () => {
    await using own = await temporaryFolder()
    const lines = gunzipSync(readFileSync(path.join(folder, 'college-dm.ndjson.gz')))
      .toString()
      .split('\n')
    const part = lines.filter(line => days.some(day => line.includes(`"ts": "${day}T`)))
    const file = path.join(own.path, 'part.ndjson')
    await writeFile(file, part.join('\n'))
    const night = part.filter(line => /"ts": "[-\d]+T(22|23|0[0-7]):/.test(line))
    assert.ok(night.length > 100 && part.length - night.length > 100, `${night.length} of ${part.length} at night`)
    allDelivered(await replayed(file, { quiet: '22:00-08:00' }), { all: part.length, held: night.length })
  })
}

function folderOr(name: string): string | undefined {
  const folder = tracesFolder()
  // The runner says the same loudly, and fails where CI demands the traces.
  if (folder === undefined)
    test(name, { skip: 'the recorded traces are not there: set CARILLON_TEST_TRACES' }, () => {})
  return folder
}

async function replayed(file: string, given: Given): Promise<Replayed> {
  await using data = await temporaryFolder()
  const result = await replay({
    file,
    policies: policiesOf({ onlyReason: undefined, dedupe: undefined, throttle: undefined, quiet: undefined, ...given }),
    config: { ...readConfig({}), dataDir: data.path },
    serverUrl: await testPostgresUrl(),
  })
  assert.deepEqual(result.audit.problems, [])
  return result
}

function allDelivered(result: Replayed, { all, held }: { all: number; held: number }): void {
  assert.equal(result.recipients, all)
  assert.equal(result.decided.held ?? 0, held)
  assert.equal(result.outcomes.delivered, all, 'what was held is delivered when its hour comes')
}
