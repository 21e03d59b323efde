import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, promises as fs } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { lockFolder } from './folder-lock.ts'

const limits = { timeout: 300_000 }
const deadOwner = '999999999 1'
const takers = 4

test('of many that take a dead lock over at once, one has the folder', limits, async () => {
  await using folder = await temporaryFolder()
  await fs.writeFile(path.join(folder.path, 'lock'), deadOwner)
  // Held up between its look and its writing, as on a busy machine.
  const script = `
    const fs = (await import('node:fs')).default
    const { writeFileSync } = fs
    fs.writeFileSync = (...args) => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300); writeFileSync(...args) }
    const rename = fs.promises.rename
    fs.promises.rename = async (...args) => { await new Promise(go => setTimeout(go, 300 * (process.pid % 4))); return rename(...args) }
    ;(await import('node:module')).syncBuiltinESMExports()
    const { lockFolder } = await import(${JSON.stringify(path.join(import.meta.dirname, 'folder-lock.ts'))})
    await lockFolder(${JSON.stringify(folder.path)}, 'test').then(() => console.log('has it'), error => console.log(error.message))
    setInterval(() => {}, 1000)`
  await using opened = new AsyncDisposableStack()
  const started = Array.from({ length: takers }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  for (const child of started)
    opened.defer(async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
  const said = await Promise.all(started.map(async child => String((await once(child.stdout, 'data'))[0]).trim()))
  assert.equal(said.filter(line => line === 'has it').length, 1, said.join('\n'))
  assert.equal(said.filter(line => /in use by another test \(process \d+\)/.test(line)).length, takers - 1)
})

test('the error names who has the folder', limits, async () => {
  await using folder = await temporaryFolder()
  await using _lock = await lockFolder(folder.path, 'question')
  await assert.rejects(lockFolder(folder.path, 'question'), /in use by another question \(process/)
  await assert.rejects(lockFolder(folder.path, 'start'), { by: 'question', message: /in use by a question \(process/ })
})

test('whoever lets go leaves a lock that is not theirs', limits, async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'lock')
  {
    await using _lock = await lockFolder(folder.path, 'test')
    await fs.writeFile(file, deadOwner)
  }
  assert.equal(await fs.readFile(file, 'utf8'), deadOwner)
  {
    await using _lock = await lockFolder(folder.path, 'test')
  }
  assert.ok(!existsSync(file))
})

test('a guard that a killed process left does not bar the folder for ever', limits, async () => {
  await using folder = await temporaryFolder()
  const guard = path.join(folder.path, 'lock-guard')
  await fs.mkdir(guard)
  const longAgo = new Date(Date.now() - 60_000)
  await fs.utimes(guard, longAgo, longAgo)
  await using _lock = await lockFolder(folder.path, 'test')
})
