import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, promises as fs } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts'
import { canEnter, serverIdentity } from './unprivileged.ts'

/** The data of one server, and the programs that serve it. */
export type Cluster = { binaries: PostgresBinaries; dataDir: string; password: string }

const initLimitMs = 60_000
const passwordFile = 'carillon.password'

/**
 * Opens the data in `dataDir`, or makes it with a random superuser password: other users of this machine reach the port,
 * too. Safe in two processes at once. Throws when the folder holds something else or data of another major version.
 */
export async function openCluster(wantedDir: string): Promise<Cluster> {
  const binaries = await findPostgres(serverIdentity())
  const dataDir = await reachable(wantedDir, binaries)
  if (!existsSync(path.join(dataDir, 'PG_VERSION'))) await initialize(dataDir, binaries)
  const major = (await fs.readFile(path.join(dataDir, 'PG_VERSION'), 'utf8')).trim()
  if (major !== String(Number.parseInt(binaries.version, 10)))
    throw new Error(
      `${dataDir} was written by PostgreSQL ${major}, but the server found is ${binaries.version}. ` +
        `Move the folder away to begin anew, or run the old server and set DATABASE_URL.`,
    )
  return { binaries, dataDir, password: await fs.readFile(path.join(dataDir, passwordFile), 'utf8') }
}

/** Runs one of the server's programs to its end. Rejects with what it printed, unless it ended well within the limit. */
export async function runProgram(binaries: PostgresBinaries, command: readonly string[], limitMs: number) {
  const [name = '', ...args] = command
  const { folder, env, identity } = binaries
  const child = spawn(path.join(folder, name), args, {
    ...identity,
    env,
    cwd: path.parse(folder).root,
    timeout: limitMs,
  })
  const ended = Promise.withResolvers<number | null>()
  child.once('error', ended.reject).once('close', ended.resolve)
  const [code, out, err] = await Promise.all([ended.promise, text(child.stdout), text(child.stderr)])
  if (code !== 0) throw new Error(`${name} ended with ${code ?? `no answer in ${limitMs} ms`}: ${out}${err}`.trim())
}

/** The same place for the same path, also when the way to it is opened or closed later. */
async function reachable(wantedDir: string, { identity }: PostgresBinaries): Promise<string> {
  await fs.mkdir(path.dirname(wantedDir), { recursive: true })
  if (identity.uid === undefined) return wantedDir
  const moved = movedFrom(wantedDir)
  if (existsSync(moved)) return moved
  if (canEnter(path.dirname(wantedDir), identity)) return wantedDir
  await fs.mkdir(path.dirname(moved), { recursive: true })
  await fs.chmod(path.dirname(moved), 0o711)
  return moved
}

function movedFrom(wantedDir: string): string {
  const name = createHash('sha256').update(wantedDir).digest('hex').slice(0, 16)
  return path.join('/var/lib/carillon', name)
}

/** Whether there is data in `dataDir`, or where it is for a server whose user cannot get there. */
export function hasData(dataDir: string): boolean {
  const wantedDir = path.resolve(dataDir)
  return [wantedDir, movedFrom(wantedDir)].some(folder => existsSync(path.join(folder, 'PG_VERSION')))
}

/** Prepares the data aside and renames it into place, so that `dataDir` never holds half a cluster. */
async function initialize(dataDir: string, binaries: PostgresBinaries): Promise<void> {
  const { uid, gid } = binaries.identity
  const aside = await fs.mkdtemp(`${dataDir}.init-`)
  const passwordAside = `${aside}.password`
  try {
    await fs.writeFile(passwordAside, randomBytes(24).toString('base64url'), { mode: 0o600 })
    if (uid !== undefined && gid !== undefined)
      for (const file of [aside, passwordAside]) await fs.chown(file, uid, gid)
    const auth = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordAside}`]
    await runProgram(binaries, ['initdb', '-D', aside, ...auth, ...locale(binaries.version)], initLimitMs)
    await fs.rename(passwordAside, path.join(aside, passwordFile))
    await fs.rmdir(dataDir).catch(() => {})
    await fs.rename(aside, dataDir)
  } catch (error) {
    // Two first starts: the other one's data is as good as ours.
    if (!existsSync(path.join(dataDir, 'PG_VERSION'))) throw error
  } finally {
    await fs.rm(aside, { recursive: true, force: true })
    await fs.rm(passwordAside, { force: true })
  }
}

/** Text sorts by code point everywhere. Since 17 the server brings that locale itself, before it is the system's. */
function locale(version: string): string[] {
  const own = Number.parseInt(version, 10) >= 17
  return [
    '--encoding=UTF8',
    ...(own ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : ['--locale=C.UTF-8']),
  ]
}
