import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startProgram, until, workingIn } from '../program.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const limits = { timeout: 300_000 }
/** What a client library throws out of turn, with what it knows. */
const crash = `process.once('SIGUSR2', () => { throw Object.assign(new Error('out of turn'), { request: { key: 'canary' } }) })`

test('an error that nobody caught ends a command without its secrets, and its servers with it', limits, async () => {
  await using folder = await temporaryFolder()
  for (const command of ['pubsub', 'simulators', 'all', 'start']) {
    const preload = `--import=data:text/javascript;base64,${Buffer.from(crash).toString('base64')}`
    await using program = startProgram([command], { CARILLON_DATA_DIR: folder.path, NODE_OPTIONS: preload })
    await until(() => /HTTP API|PUBSUB_EMULATOR_HOST|"control"/.test(program.said()))
    program.child.kill('SIGUSR2')
    assert.equal(await program.ended, 1, program.said())
    assert.match(program.err, /"message":"out of turn".*an error that nobody caught ends the process/)
    assert.doesNotMatch(program.said(), /canary/)
    await until(() => workingIn(folder).length === 0)
  }
})
