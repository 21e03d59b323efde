import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, constants, promises as fs } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.ts'

/** A Redis server of this machine for tests and the benchmark. Disposing stops it. */
export type LocalRedis = AsyncDisposable & {
  /** With the password; the same over stops and starts. */
  readonly url: string
  /** Takes the server away as an outage would; its data stays on disk. Stopping twice is no error. */
  stop(): Promise<void>
  /** Brings it back on the same port with the same data. */
  start(): Promise<void>
}

const startLimitMs = 30_000
const stopLimitMs = 10_000
const pingLimitMs = 1_000
const pollMs = 25

/**
 * Starts the machine's own `redis-server` with its data in `dir`, or gives nothing when there is none on the PATH. The
 * append-only file is on and nothing is evicted, as BullMQ needs it. Port 0, the default, chooses a free one.
 */
export async function startRedis(options: { dir: string; port?: number }): Promise<LocalRedis | undefined> {
  const program = onPath('redis-server')
  if (!program) return undefined
  const dir = path.resolve(options.dir)
  await fs.mkdir(dir, { recursive: true })
  const port = options.port || (await freePort())
  const password = randomBytes(24).toString('base64url')
  let server: ChildProcess | undefined
  const redis: LocalRedis = {
    url: `redis://:${password}@127.0.0.1:${port}`,
    async start() {
      server ??= await launch({ program, dir, port, password })
    },
    async stop() {
      if (server) await end(server)
      server = undefined
    },
    [Symbol.asyncDispose]: () => redis.stop(),
  }
  await redis.start()
  return redis
}

function onPath(name: string): string | undefined {
  const files = (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, name))
  return files.find(file => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

async function launch(options: {
  program: string
  dir: string
  port: number
  password: string
}): Promise<ChildProcess> {
  const { program, dir, port, password } = options
  const settings = {
    bind: '127.0.0.1',
    port,
    requirepass: password,
    dir: JSON.stringify(dir),
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '""',
    'maxmemory-policy': 'noeviction',
    pidfile: 'redis.pid',
    logfile: 'redis.log',
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`)
  // The settings go by standard input: arguments, and so the password, are everyone's to read.
  const server = spawn(program, ['-'], { cwd: dir, detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  server.unref()
  server.stdin.on('error', () => {}).end(lines.join(''))
  await whenReady(server, options)
  return server
}

async function whenReady(
  server: ChildProcess,
  options: { port: number; password: string; dir: string },
): Promise<void> {
  let failure: string | undefined
  server.once('error', error => (failure = error.message))
  server.once('exit', (code, signal) => (failure = `it ended with ${code ?? signal}`))
  const deadline = performance.now() + startLimitMs
  while (!(await answers(options))) {
    if (performance.now() > deadline) failure ??= `no answer in ${startLimitMs} ms`
    if (failure !== undefined) {
      server.kill('SIGKILL')
      throw new Error(`Redis did not start on port ${options.port}: ${failure}. See ${options.dir}/redis.log`)
    }
    await sleep(pollMs)
  }
}

/** Whether a server on this port takes our password and has its data loaded. */
async function answers({ port, password }: { port: number; password: string }): Promise<boolean> {
  const socket = net.connect({ port, host: '127.0.0.1', timeout: pingLimitMs })
  try {
    let said = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
    socket.once('timeout', () => socket.destroy())
    socket.write(`AUTH ${password}\r\nPING\r\nQUIT\r\n`)
    await once(socket, 'close')
    return said.includes('+PONG')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, 'exit')
  server.kill('SIGTERM')
  const hard = setTimeout(() => server.kill('SIGKILL'), stopLimitMs)
  await ended
  clearTimeout(hard)
}
