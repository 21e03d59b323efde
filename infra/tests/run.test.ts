import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, promises as fs } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { variables } from './servers.ts'
import { temporaryFolder } from './temporary-folder.ts'

const limits = { timeout: 300_000 }
const root = path.join(import.meta.dirname, '..', '..')
const passing = `import { test } from 'node:test'; test('passes', () => {})`

test('counts, names the failures again, and ends with 1', limits, async () => {
  await using clone = await cloneWith({
    'router/a.test.ts': `import { describe, test } from 'node:test'
      test('passes', () => {})
      test('waits for better days', { skip: true }, () => {})
      describe('inside', () => { test('breaks', () => { throw new Error('as it should') }) })`,
    'channels/b.test.ts': passing,
    'channels/b.long.ts': passing,
  })
  const { code, lines, out } = await clone.run([])
  assert.equal(lines.at(-1), '2 passed, 1 failed, 1 skipped')
  assert.equal(code, 1)
  assert.ok(out.lastIndexOf('breaks') > out.indexOf('failing tests:'))
})

test('gives every file the same servers, and takes parts of paths', limits, async () => {
  const show = `import { test } from 'node:test'; import { bareDatabase, testPostgresUrl } from '#tests/servers.ts'
    test('shows', async () => { await using own = await bareDatabase(); console.log('at', await testPostgresUrl(), own.url) })`
  await using clone = await cloneWith({
    'router/a.test.ts': show,
    'router/b.test.ts': show,
    'infra/c.test.ts': 'throw new Error()',
  })
  const { code, lines, out } = await clone.run(['router/'])
  assert.equal(lines.at(-1), '2 passed, 0 failed, 0 skipped')
  assert.equal(code, 0)
  const [a, b] = [...out.matchAll(/at (\S+) (\S+)/g)]
  assert.equal(a?.[1], b?.[1])
  assert.notEqual(a?.[2], b?.[2])
})

test('nothing to run is a failure, and so is a file without tests or one that does not load', limits, async () => {
  await using clone = await cloneWith({
    'router/empty.test.ts': '',
    'router/broken.test.ts': 'throw new Error()',
    'router/good.long.ts': passing,
  })
  const none = await clone.run(['no-such-file'])
  assert.equal(none.lines.at(-1), '0 passed, 0 failed, 0 skipped')
  assert.equal(none.code, 1)
  const empty = await clone.run([])
  assert.equal(empty.lines.at(-1), '0 passed, 2 failed, 0 skipped')
  assert.match(empty.out, /empty.test.ts holds no test/)
  const long = await clone.run(['--long'])
  assert.equal(long.lines.at(-1), '1 passed, 0 failed, 0 skipped')
  assert.equal(long.code, 0)
})

test('what a machine lacks is said loudly, and is a failure where CI=true', limits, async () => {
  await using clone = await cloneWith({ 'router/a.test.ts': passing })
  const bare = { PATH: '/nowhere', CARILLON_TEST_TRACES: '/nowhere', CARILLON_TEST_SPECS: '/nowhere' }
  const here = await clone.run([], bare)
  assert.equal(here.code, 0)
  const inCi = await clone.run([], { ...bare, CI: 'true' })
  assert.equal(inCi.code, 1)
  for (const run of [here, inCi]) {
    assert.match(
      run.lines.slice(-5).join('\n'),
      /THE REDIS SUITE DID NOT RUN.*\n.*THE TRACE TESTS DID NOT RUN.*\n.*NOBODY READ OUR REQUESTS.*\n.*NOBODY LOOKED AT THE PAGES/,
    )
    assert.equal(run.lines.at(-1), '1 passed, 0 failed, 0 skipped')
  }
})

/** A clone that has the runner, what it needs, and the given files. */
async function cloneWith(files: Record<string, string>) {
  const folder = await temporaryFolder()
  const runner = [...globSync('infra/local/*.ts', { cwd: root }), ...globSync('infra/tests/*.ts', { cwd: root })]
  for (const file of [...runner.filter(name => !name.endsWith('.test.ts')), 'package.json'])
    await fs.cp(path.join(root, file), path.join(folder.path, file))
  for (const [file, content] of Object.entries(files)) {
    await fs.mkdir(path.join(folder.path, path.dirname(file)), { recursive: true })
    await fs.writeFile(path.join(folder.path, file), content)
  }
  await fs.symlink(path.join(root, 'node_modules'), path.join(folder.path, 'node_modules'))
  return {
    async run(args: readonly string[], more: Record<string, string> = {}) {
      // The runner of this very test marks its children by a variable, and they then run no tests of others.
      const own = {
        NODE_TEST_CONTEXT: undefined,
        CI: undefined,
        [variables.postgres]: undefined,
        [variables.redis]: undefined,
        [variables.credentials]: undefined,
      }
      const child = spawn(process.execPath, ['infra/tests/run.ts', ...args], {
        cwd: folder.path,
        env: { ...process.env, ...own, CARILLON_TEST_TRACES: folder.path, ...more },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
      return { code: Number(code), out, lines: out.trim().split('\n') }
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
