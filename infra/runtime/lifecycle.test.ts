import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

/** Runs code in a Node of its own; `ready` is its first line. */
async function child(code: string) {
  const started = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], { cwd: import.meta.dirname })
  const output = { out: '', err: '' }
  started.stdout.on('data', data => void (output.out += String(data)))
  started.stderr.on('data', data => void (output.err += String(data)))
  const ended = once(started, 'close').then(([code]) => code as number | null)
  return {
    output,
    ended,
    kill: (signal: NodeJS.Signals) => started.kill(signal),
    said: () => once(started.stdout, 'data'),
  }
}

const waiting = `
  import { untilSignal } from './lifecycle.ts'
  const alive = setInterval(() => {}, 1000)
  const signal = untilSignal()
  console.log('up')
  console.log('stopping on ' + await signal)`

test('the first signal is told, and the process ends in its own time', async () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const program = await child(`${waiting}\nclearInterval(alive)`)
    await program.said()
    program.kill(signal)
    assert.equal(await program.ended, 0)
    assert.equal(program.output.out, `up\nstopping on ${signal}\n`)
  }
})

test('a second signal ends it at once', async () => {
  const program = await child(waiting)
  await program.said()
  program.kill('SIGINT')
  await program.said()
  program.kill('SIGTERM')
  assert.equal(await program.ended, 128 + 15)
})

test('a process that does not come to its end is ended', async () => {
  const program = await child(waiting.replace('untilSignal()', 'untilSignal({ limitMs: 50 })'))
  await program.said()
  program.kill('SIGTERM')
  assert.equal(await program.ended, 1)
})

test('an error that nobody caught ends the process without its secrets', async () => {
  for (const crash of ['throw error', 'Promise.reject(error)']) {
    const program = await child(`
      import { exitOnCrash } from './lifecycle.ts'
      import { createLog } from './log.ts'
      exitOnCrash(createLog({ role: 'worker' }))
      const error = Object.assign(new Error('no answer'), { code: 'E7', request: { key: 'canary' } })
      setTimeout(() => { ${crash} })
      setInterval(() => {}, 1000)`)
    assert.equal(await program.ended, 1)
    assert.match(program.output.err, /"code":"E7","message":"no answer"/)
    assert.doesNotMatch(program.output.err, /canary/)
  }
})

test('a process whose starter was killed stops', async () => {
  const starter = `
    import { spawn } from 'node:child_process'
    const args = ['--input-type=module-typescript', '-e', ${JSON.stringify(`${waiting}\nclearInterval(alive)`)}]
    spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })`
  const started = spawn(process.execPath, ['--input-type=module', '-e', starter], {
    cwd: import.meta.dirname,
  })
  const said = text(started.stdout)
  await once(started.stdout, 'data')
  started.kill('SIGKILL')
  assert.equal(await said, 'up\nstopping on SIGTERM\n')
})

test('a process yields to others when bulk is all that it serves', async () => {
  const { PRIORITY_LOW, PRIORITY_NORMAL } = constants.priority
  assert.equal(await priorityWith("['bulk']"), PRIORITY_LOW)
  assert.equal(await priorityWith("['default', 'bulk']"), PRIORITY_NORMAL)
  assert.equal(await priorityWith("['critical']"), PRIORITY_NORMAL)
})

async function priorityWith(lanes: string): Promise<number> {
  const { ended, output } = await child(`
    import { getPriority } from 'node:os'
    import { yieldToUrgent } from './lifecycle.ts'
    yieldToUrgent(${lanes})
    console.log(getPriority())`)
  assert.equal(await ended, 0, output.err)
  return Number(output.out)
}
