import assert from 'node:assert/strict'
import { promises as fs } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { startRedis } from '#local/redis.ts'
import { startProgram, until, workingIn } from '../program.ts'
import { type TemporaryFolder, temporaryFolder } from '../temporary-folder.ts'

const limits = { timeout: 480_000 }

test('replays at once have servers of their own and leave nothing behind', limits, async () => {
  await using folder = await temporaryFolder()
  await using redis = await startRedis({ dir: path.join(folder.path, 'redis') })
  const env: Record<string, string> = redis ? { REDIS_URL: redis.url } : {}
  const trace = await traceOf(100, folder)
  await using one = startReplay(folder, { trace, env })
  await using two = startReplay(folder, { trace, env })
  for (const replay of [one, two]) {
    assert.equal(await replay.ended, 0, replay.said())
    const { intents, audit } = JSON.parse(replay.out) as Record<string, unknown>
    assert.deepEqual({ intents, audit }, { intents: 100, audit: 'balanced' })
  }
  await leavesNothing(folder)
  if (!redis) return
  const client = new Redis(redis.url)
  assert.deepEqual(await client.keys('*'), [])
  client.disconnect()
})

test('a replay that is interrupted says so and tells no counts', limits, async () => {
  await using folder = await temporaryFolder()
  await using replay = startReplay(folder, { trace: await traceOf(20_000, folder) })
  await replay.says(/events sent/)
  replay.child.kill('SIGINT')
  assert.equal(await replay.ended, 130, replay.said())
  assert.equal(replay.out, '')
  assert.match(replay.err, /Stopped before the end: nothing is counted/)
  assert.doesNotMatch(replay.err, /UNBALANCED|^ +at /m)
  await leavesNothing(folder)
})

type Folder = Pick<TemporaryFolder, 'path'>

function startReplay({ path: folder }: Folder, { trace, env = {} }: { trace: string; env?: Record<string, string> }) {
  return startProgram(['replay', trace], { CARILLON_DATA_DIR: path.join(folder, 'data'), TMPDIR: folder, ...env })
}

async function leavesNothing(folder: Folder): Promise<void> {
  await until(() => workingIn(folder).every(place => place.endsWith('/redis')))
  const left = (await fs.readdir(folder.path)).filter(name => !['redis', 'trace.ndjson'].includes(name))
  assert.deepEqual(left, [])
}

/** Events of one thread, a second apart, to three of ten people each. */
async function traceOf(events: number, { path: folder }: Folder): Promise<string> {
  const file = path.join(folder, 'trace.ndjson')
  const lines = Array.from({ length: events }, (_, n) => {
    const recipients = [n, n + 3, n + 7].map(person => ({ user: `person-${person % 10}`, reason: 'mention' }))
    const ts = new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString()
    return JSON.stringify({ id: `e${n}`, ts, type: 'comment', actor: 'ada', recipients, thread: 'docs' })
  })
  await fs.writeFile(file, lines.join('\n'))
  return file
}
