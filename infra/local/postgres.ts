import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, promises as fs, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, escapeIdentifier } from 'pg'
import { freePort } from './free-port.ts'
import { type Cluster, openCluster, runProgram } from './postgres-cluster.ts'

/** A PostgreSQL server of this machine, reachable from loopback with the password in its URL. Disposing stops it. */
export type EmbeddedPostgres = AsyncDisposable & {
  /** The superuser's URL of the database `postgres`. It stays the same over `restart`. */
  readonly url: string
  readonly pid: number
  readonly version: string
  /** Where the data is: another folder than asked for when the server's user cannot get there. */
  readonly dataDir: string
  /** Stops and starts the server on the same port. Open connections break. */
  restart(): Promise<void>
}

type Live = { pid: number; port: number }

const startLimitMs = 60_000
const stopModes = [
  { mode: 'fast', limitS: 15 },
  { mode: 'immediate', limitS: 10 },
]
const impossiblePid = 2_147_483_647
const connectLimitMs = 5_000
const statementLimitMs = 30_000
const pollMs = 25
const logFile = 'carillon.log'
const logTailChars = 2_000
/** Statements and details of errors can hold addresses and message bodies: the server's log does without them. */
const settings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=400',
  'shared_buffers=256MB',
  'fsync=on',
  'timezone=UTC',
  'log_timezone=UTC',
  'log_min_messages=log',
  'log_min_error_statement=panic',
  'log_error_verbosity=terse',
  'log_checkpoints=off',
]

/**
 * Starts the server whose data is in `dataDir` (made when missing), or adopts the one that still runs there because its
 * starter was killed. Whoever holds the result owns the server; from its first moment it outlives this process only if that
 * is killed. Port 0, the default, chooses a free one. Started by root it runs as `nobody`; a `dataDir` that `nobody` cannot enter is replaced by a
 * folder under /var/lib/carillon, the same for the same path. Throws when no server is found, or it is not ready in 60 s.
 */
export async function startPostgres(options: { dataDir: string; port?: number }): Promise<EmbeddedPostgres> {
  const { port = 0 } = options
  const cluster = await openCluster(path.resolve(options.dataDir))
  let live = await adopt(cluster)
  if (live && port !== 0 && port !== live.port) {
    await stop(cluster, live)
    live = undefined
  }
  let current = live ?? (await launch(cluster, port))
  const { pid } = current
  stopAtExit(pid, () => serves(pid, cluster))
  return {
    get url() {
      return urlOf(cluster, current.port)
    },
    get pid() {
      return current.pid
    },
    version: cluster.binaries.version,
    dataDir: cluster.dataDir,
    async restart() {
      await stop(cluster, current)
      current = await launch(cluster, current.port)
    },
    [Symbol.asyncDispose]: () => stop(cluster, current),
  }
}

/** Makes an empty database on the server of `url` and gives the database's own URL. */
export async function createDatabase(url: string, name: string): Promise<string> {
  await ask(url, `create database ${escapeIdentifier(name)} template template0`)
  const database = new URL(url)
  database.pathname = `/${encodeURI(name)}`
  return database.href
}

/** The superuser's URL of the server that runs on the data in `dataDir`, whoever owns it; nothing when none does. */
export async function runningPostgres(dataDir: string): Promise<string | undefined> {
  const cluster = await openCluster(path.resolve(dataDir))
  const live = await adopt(cluster)
  return live && urlOf(cluster, live.port)
}

/** Drops a database and ends the connections to it. Dropping what is not there is no error. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await ask(url, `drop database if exists ${escapeIdentifier(name)} with (force)`)
}

/** Waits for a server of this cluster that is starting or stopping; gives it when it is ready, nothing when there is none. */
async function adopt(cluster: Cluster): Promise<Live | undefined> {
  const deadline = performance.now() + startLimitMs
  for (;;) {
    const live = lockedBy(cluster)
    if (!live || !serves(live.pid, cluster)) return undefined
    const problem = await refuses(cluster, live.port)
    if (!problem) return live
    if (performance.now() > deadline)
      throw new Error(`process ${live.pid} holds ${cluster.dataDir} but does not let us in: ${problem}. Stop it.`)
    await sleep(pollMs)
  }
}

async function launch(cluster: Cluster, wantedPort: number): Promise<Live> {
  const deadline = performance.now() + startLimitMs
  const options = (await supported(cluster)).flatMap(setting => ['-c', setting])
  for (;;) {
    const port = wantedPort || (await freePort())
    disownLock(cluster)
    const log = await fs.open(path.join(cluster.dataDir, logFile), 'a', 0o600)
    const { size } = await log.stat()
    const child = spawnServer(cluster, ['-p', String(port), ...options], log.fd)
    await log.close()
    const problem = await whenReady({ cluster, child, port, deadline })
    if (!problem && child.pid !== undefined) return { pid: child.pid, port }
    const said = (await fs.readFile(path.join(cluster.dataDir, logFile), 'utf8')).slice(size)
    if (/"postmaster.pid" already exists/.test(said)) {
      const twin = await adopt(cluster)
      if (twin) return twin
    }
    // The free port was taken meanwhile, or processes of a killed server are still ending.
    const passing = /Address already in use|still in use|"postmaster.pid" already exists/.test(said)
    if (!passing || performance.now() > deadline)
      throw new Error(`PostgreSQL did not start on port ${port}: ${problem}\n${said.slice(-logTailChars).trim()}`)
    await sleep(pollMs)
  }
}

/** Not every build can compress the write-ahead log cheaply. */
async function supported({ binaries, dataDir }: Cluster): Promise<string[]> {
  const lz4 = 'wal_compression=lz4'
  const probe = ['postgres', '-D', dataDir, '-c', lz4, '-C', 'wal_compression']
  return runProgram(binaries, probe, startLimitMs).then(
    () => [...settings, lz4],
    () => settings,
  )
}

/** In a session of its own, so that ctrl-C in the terminal does not reach it before those who still write to it. */
function spawnServer({ binaries, dataDir }: Cluster, args: readonly string[], log: number): ChildProcess {
  const child = spawn(path.join(binaries.folder, 'postgres'), ['-D', dataDir, ...args], {
    ...binaries.identity,
    env: binaries.env,
    cwd: path.parse(dataDir).root,
    detached: true,
    windowsHide: true,
    stdio: ['ignore', log, log],
  })
  child.unref()
  if (child.pid !== undefined) stopAtExit(child.pid, () => child.exitCode === null && child.signalCode === null)
  return child
}

/** Servers that this process answers for, and whether they run. One for all: many tests start many. */
const owned = new Map<number, () => boolean>()
process.once('exit', () => {
  for (const [pid, runs] of owned)
    try {
      if (runs()) process.kill(pid, 'SIGINT')
    } catch {
      // It has ended just now.
    }
})

/** A process that ends at once drains nothing, but leaves no server behind either. */
function stopAtExit(pid: number, runs: () => boolean): void {
  owned.set(pid, runs)
}

/** Nothing once the server takes connections, else why it did not. */
async function whenReady(start: { cluster: Cluster; child: ChildProcess; port: number; deadline: number }) {
  const { cluster, child, port, deadline } = start
  let failure: string | undefined
  child.once('error', error => (failure = error.message))
  child.once('exit', (code, signal) => (failure = `it ended with ${code ?? signal}`))
  while (performance.now() < deadline) {
    const problem = await refuses(cluster, port)
    if (!problem) return undefined
    if (failure !== undefined) return failure
    await sleep(pollMs)
  }
  child.kill('SIGKILL')
  return `it was not ready in ${startLimitMs} ms`
}

/** Why the server on this port does not serve this cluster's data, or nothing when it does. */
async function refuses(cluster: Cluster, port: number): Promise<string | undefined> {
  try {
    const [row] = await ask<{ data_directory: string }>(urlOf(cluster, port), 'show data_directory')
    const same = row && (await fs.realpath(row.data_directory)) === (await fs.realpath(cluster.dataDir))
    return same ? undefined : 'it serves another folder'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Lets no client in and ends those inside; a server that takes too long is cut off and recovers at its next start. */
async function stop(cluster: Cluster, live: Live): Promise<void> {
  const running = () => lockedBy(cluster)?.pid === live.pid && serves(live.pid, cluster)
  let problem: unknown
  for (const { mode, limitS } of stopModes) {
    if (!running()) break
    const command = ['pg_ctl', 'stop', '-D', cluster.dataDir, '-m', mode, '-t', String(limitS)]
    await runProgram(cluster.binaries, command, (limitS + 1) * 1000).catch((error: unknown) => (problem = error))
  }
  if (running()) throw new Error(`PostgreSQL ${live.pid} in ${cluster.dataDir} does not stop`, { cause: problem })
  owned.delete(live.pid)
}

function lockPath({ dataDir }: Cluster): string {
  return path.join(dataDir, 'postmaster.pid')
}

/** What the server wrote about itself: its pid in the first line, its port in the fourth. */
function lockedBy(cluster: Cluster): Live | undefined {
  if (!existsSync(lockPath(cluster))) return undefined
  const lines = readFileSync(lockPath(cluster), 'utf8').split('\n')
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  return pid > 0 && port > 0 ? { pid, port } : undefined
}

/** Whether a live process is this cluster's server. Pids come again after a reboot; a server works inside its data. */
function serves(pid: number, { dataDir }: Cluster): boolean {
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir)
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/**
 * A server refuses to start while the pid in the lock lives, whoever that is now. Giving the lock a pid that no process
 * can have keeps its other line in force, by which the server waits for what a killed one left running.
 */
function disownLock(cluster: Cluster): void {
  if (!existsSync(lockPath(cluster))) return
  const lock = readFileSync(lockPath(cluster), 'utf8')
  const pid = Number.parseInt(lock, 10)
  if (!(pid > 0) || serves(pid, cluster)) return
  writeFileSync(lockPath(cluster), lock.replace(/^\d+/, String(impossiblePid)))
}

function urlOf({ password }: Cluster, port: number): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
}

async function ask<Row extends object>(url: string, statement: string): Promise<Row[]> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: connectLimitMs,
    query_timeout: statementLimitMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query<Row>(statement)).rows
  } finally {
    await client.end().catch(() => {})
  }
}
