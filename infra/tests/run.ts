// Takes `--long` and parts of paths, runs every test file that matches (*.test.ts, with --long *.long.ts instead) on one
// shared PostgreSQL and Redis (those of `variables`, where they run already), and prints the failures again at the end. The last line counts the tests. Ends with 0
// only if at least one test ran and none failed; with CI=true also only if nothing that is missing here was left out.
import { globSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { startPostgres } from '#local/postgres.ts'
import { startRedis } from '#local/redis.ts'
import { chromiumPath } from './chromium.ts'
import { specsFolder, tracesFolder, variables } from './servers.ts'
import { temporaryFolder } from './temporary-folder.ts'

type Counts = { passed: number; failed: number; skipped: number }

const root = path.join(import.meta.dirname, '..', '..')
const folders = ['analytics', 'channels', 'infra', 'preferences', 'producers', 'router']
/** More than the cores: a test waits for servers most of its time. The server's connections are for eight at most. */
const lotsAtOnce = Math.max(3, Math.min(8, availableParallelism() + 2))
/** Neighbours share most of what they load: a process for each costs more than many of them do. */
const lotFilesMax = 8
/** They begin, so that none of them is left to run alone at the end. */
const longest = [
  ...['e2e/replay.test.ts', 'chaos/chaos.test.ts', 'e2e/start.test.ts', 'e2e/roles.test.ts', 'e2e/outcomes.test.ts'],
  ...['chaos/can-fail.long.ts', 'e2e/replay.long.ts', 'chaos/chaos.long.ts'],
]
/** Of one lot, and more where many files are in one. */
const lotLimitMs = 12 * 60_000
const longLotLimitMs = 20 * 60_000
const fileLimitMs = 2 * 60_000
const interruptedCode = 130

const { values, positionals } = parseArgs({
  options: { long: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const files = testFiles(values.long, positionals)
if (files.length === 0) console.log('no test file matches\n0 passed, 0 failed, 0 skipped')
process.exitCode = files.length === 0 ? 1 : await runTests(files)

async function runTests(files: readonly string[]): Promise<number> {
  const interrupted = untilInterrupted()
  await using folder = await temporaryFolder()
  await using servers = new AsyncDisposableStack()
  if (!process.env[variables.postgres]) {
    const { url } = servers.use(await startPostgres({ dataDir: path.join(folder.path, 'postgres') }))
    await forgetful(url)
    process.env[variables.postgres] = url
  }
  if (!process.env[variables.redis]) {
    const redis = await startRedis({ dir: path.join(folder.path, 'redis') })
    if (redis) process.env[variables.redis] = servers.use(redis).url
  }
  process.env[variables.credentials] ??= path.join(folder.path, 'credentials')
  const missing = whatIsMissing(Boolean(process.env[variables.redis]))
  for (const line of missing) console.error(line)
  const counts = await runLots(await lotsOf(files, folder.path), interrupted)
  for (const line of missing) console.log(line)
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  if (interrupted.aborted) return interruptedCode
  const incomplete = missing.length > 0 && process.env.CI === 'true'
  return counts.failed > 0 || counts.passed === 0 || incomplete ? 1 : 0
}

/** No commit waits for the disk: the server's data goes with the run. Tests of crashes start servers of their own. */
async function forgetful(url: string): Promise<void> {
  const client = new Client(url)
  await client.connect()
  await client.query('alter system set synchronous_commit = off')
  await client.query('alter system set full_page_writes = off')
  await client.query('select pg_reload_conf()')
  await client.end()
}

function testFiles(long: boolean, parts: readonly string[]): string[] {
  const files = globSync(
    folders.map(folder => `${folder}/**/*.${long ? 'long' : 'test'}.ts`),
    { cwd: root },
  )
  const place = (file: string) => {
    const at = longest.findIndex(name => file.endsWith(name))
    return at < 0 ? longest.length : at
  }
  return files
    .filter(file => parts.length === 0 || parts.some(part => file.includes(part)))
    .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
}

type Lot = { file: string; of: readonly string[] }

/** What one process runs, in the order of `files`: each is a suite of its own, so that its hooks are for it alone. */
async function lotsOf(files: readonly string[], folder: string): Promise<Lot[]> {
  const apart = (file: string) => (longest.some(name => file.endsWith(name)) ? file : 'together')
  const groups = [...Map.groupBy(files, apart).values()]
  const lots = groups.flatMap(group =>
    Array.from({ length: Math.ceil(group.length / lotFilesMax) }, (_, at) =>
      group.slice(at * lotFilesMax, (at + 1) * lotFilesMax).map(file => path.join(root, file)),
    ),
  )
  return Promise.all(
    lots.map(async (of, at) => {
      if (of.length === 1) return { file: of[0]!, of }
      const file = path.join(folder, `lot-${at}.test.mjs`)
      await writeFile(file, lotProgram(of))
      return { file, of }
    }),
  )
}

function lotProgram(files: readonly string[]): string {
  return `
import { suite } from 'node:test'
for (const [file, url] of ${JSON.stringify(files.map(file => [path.relative(root, file), pathToFileURL(file).href]))})
  suite(file, () => import(url))
`
}

async function runLots(lots: readonly Lot[], signal: AbortSignal): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  const tests = run({
    files: lots.map(lot => lot.file),
    concurrency: lotsAtOnce,
    // The runner has one for all of them.
    timeout: Math.max(
      values.long ? longLotLimitMs : lotLimitMs,
      fileLimitMs * Math.max(...lots.map(lot => lot.of.length)),
    ),
    signal,
  })
  tests.on('test:summary', summary => {
    // One summary for each file, and one without a file for all of them.
    if (summary.file !== undefined) return
    const { tests, passed, skipped, todo } = summary.counts
    counts.passed = passed
    counts.skipped = skipped + todo
    counts.failed = tests - passed - skipped - todo
  })
  const seen = new Set<string | undefined>()
  const hollow = new Set<string | undefined>()
  tests.on('test:pass', test => {
    // A process without tests is reported as a test by the name of its file.
    if (test.file !== undefined && path.resolve(test.name) === test.file) hollow.add(test.file)
    else seen.add(test.file)
  })
  let broken = 0
  tests.on('test:fail', test => {
    seen.add(test.file).add(path.resolve(root, test.name))
    // A file that cannot be loaded, or a hook that failed: no test is counted for them.
    const { type, error } = test.details as { type?: string; error: { failureType?: string } }
    if (type === 'suite' && error.failureType !== 'subtestsFailed') broken++
  })
  const report = tests.compose(spec)
  report.pipe(process.stdout, { end: false })
  await finished(report)
  // The tests of one that runs alone may stand in another file.
  const empty = lots.flatMap(({ of }) => of.filter(file => (of.length === 1 ? hollow.has(file) : !seen.has(file))))
  for (const file of empty) console.log(`✖ ${path.relative(root, file)} holds no test`)
  return { ...counts, failed: counts.failed + broken + empty.length }
}

function whatIsMissing(redis: boolean): string[] {
  const left: string[] = []
  if (!redis)
    left.push(
      '!!! THE REDIS SUITE DID NOT RUN: no redis-server on the PATH. Install it (Debian: apt-get install redis-server).',
    )
  if (!tracesFolder())
    left.push(`!!! THE TRACE TESTS DID NOT RUN: set ${variables.traces} to the folder with the recorded traces.`)
  if (!specsFolder())
    left.push(
      `!!! NOBODY READ OUR REQUESTS: set ${variables.specs} to the folder with the providers’ OpenAPI descriptions.`,
    )
  if (!chromiumPath())
    left.push(
      `!!! NOBODY LOOKED AT THE PAGES: no Chromium on the PATH or at ${variables.chromium}. Install it (Debian: apt-get install chromium).`,
    )
  return left
}

/** Aborts when someone asks the run to stop, or the process that started it is gone. */
function untilInterrupted(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect']) process.once(name, () => controller.abort())
  process.channel?.unref()
  return controller.signal
}
