import assert from 'node:assert/strict'
import { existsSync, promises as fs } from 'node:fs'
import { test } from 'node:test'
import { freePort } from '#local/free-port.ts'
import { readConfig } from '#runtime/config.ts'
import { startProgram, until } from '#tests/program.ts'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { simulatedBeside, simulatorsFile } from './simulators-beside.ts'

test('simulators beside are found while they run, and only then', { timeout: 300_000 }, async () => {
  await using folder = await temporaryFolder()
  const config = { ...readConfig({}), dataDir: folder.path }
  const file = simulatorsFile(folder.path)
  const beside = async () => {
    await using opened = new AsyncDisposableStack()
    return await simulatedBeside(config, opened)
  }
  assert.equal(await beside(), undefined)

  await using simulators = startProgram(['simulators'], { CARILLON_DATA_DIR: folder.path })
  await until(() => simulators.out.includes('\n'))
  assert.deepEqual((await beside())?.ports, JSON.parse(simulators.out))
  simulators.child.kill('SIGTERM')
  assert.equal(await simulators.ended, 0, simulators.said())
  assert.ok(!existsSync(file))

  await fs.writeFile(file, simulators.out.replace(/"control":\d+/, `"control":${await freePort()}`))
  assert.equal(await beside(), undefined, 'left by simulators that were killed')
})

test(
  'local Pub/Sub servers take any free port and say which, unless they are told one',
  { timeout: 300_000 },
  async () => {
    await using one = await temporaryFolder()
    await using two = await temporaryFolder()
    await using first = startProgram(['pubsub'], { CARILLON_DATA_DIR: one.path })
    await using second = startProgram(['pubsub'], { CARILLON_DATA_DIR: two.path })
    for (const server of [first, second]) {
      await until(() => server.out.includes('\n') || server.child.exitCode !== null)
      assert.match(server.out, /^export PUBSUB_EMULATOR_HOST=127\.0\.0\.1:[1-9]\d*\n$/, server.said())
    }
    await using told = startProgram(['pubsub', '--port', 'many'], { CARILLON_DATA_DIR: one.path })
    assert.equal(await told.ended, 2)
    assert.match(told.err, /--port must be a number from 0 to 65535/)
  },
)
