import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startProgram, until, workingIn } from '../program.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const limits = { timeout: 300_000 }

test('a command that is told to end while its database server starts leaves none behind', limits, async () => {
  await using folder = await temporaryFolder()
  const cases: { args: string[]; signal: NodeJS.Signals; impatient?: true; code: number }[] = [
    { args: ['all'], signal: 'SIGTERM', code: 0 },
    { args: ['start'], signal: 'SIGINT', impatient: true, code: 130 },
    { args: ['funnel'], signal: 'SIGINT', code: 130 },
  ]
  for (const { args, signal, impatient, code } of cases) {
    await using program = startProgram(args, { CARILLON_DATA_DIR: folder.path })
    await until(() => existsSync(path.join(folder.path, 'postgres', 'postmaster.pid')))
    program.child.kill(signal)
    // Two of the same kind that are both on their way count as one: until the second was told.
    while (impatient && program.child.exitCode === null) {
      await sleep(50)
      program.child.kill(signal)
    }
    assert.equal(await program.ended, code, program.said())
    await until(() => workingIn(folder).length === 0)
  }
})
