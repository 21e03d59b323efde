import assert from 'node:assert/strict'
import { promises as fs } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { keptSecret } from './secret.ts'

test('first starts on a fresh machine agree on one secret, for good', async () => {
  await using folder = await temporaryFolder()
  for (let round = 0; round < 50; round++) {
    const dataDir = path.join(folder.path, String(round), 'carillon')
    const early = keptSecret(dataDir)
    await new Promise(setImmediate)
    const secrets = await Promise.all([early, keptSecret(dataDir), keptSecret(dataDir)])
    assert.equal(new Set([...secrets, await keptSecret(dataDir)]).size, 1)
    assert.match(secrets[0], /^.{32,}$/)
    assert.deepEqual(await fs.readdir(dataDir), ['secret'])
    assert.equal((await fs.stat(path.join(dataDir, 'secret'))).mode & 0o077, 0)
  }
})

test('a secret that is none is refused, and one that cannot be kept is told', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'secret')
  await fs.writeFile(file, 'short')
  await assert.rejects(keptSecret(folder.path), { exitCode: 1, message: /must hold at least 32 characters/ })
  await assert.rejects(keptSecret(path.join(file, 'none')), { exitCode: 1, message: /CARILLON_DATA_DIR/ })
})
