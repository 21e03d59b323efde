import { readFileSync } from 'node:fs'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long a lock that was taken over must stand before it is trusted: another process may be taking it over, too. */
const settleMs = 50

// Folders that this very process holds; the lock file cannot tell them from those of a dead process with the same id.
const held = new Set<string>()

/**
 * Makes this process the only one that uses the folder, until disposed. The lock is a file with the process id and, where
 * the system tells it, the process's start time, so a lock that a killed process left behind is known and taken over.
 * Throws when another one, called `by` in the error, uses the folder.
 */
export async function lockFolder(dir: string, by = 'Pub/Sub server'): Promise<AsyncDisposable> {
  const path = join(resolve(dir), 'lock')
  const inUse = (pid: number) =>
    new Error(`The folder ${dir} is in use by another ${by} (process ${pid}). Stop that one, or choose another folder.`)
  if (held.has(path)) throw inUse(process.pid)
  held.add(path)
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const other = await take(path)
    if (other !== undefined) throw inUse(other)
  } catch (error) {
    held.delete(path)
    throw error
  }
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true })
      held.delete(path)
    },
  }
}

// Gives the process that has the lock, if it is another. The file comes into being with its content, by linking or renaming, so nobody reads a lock without an owner.
async function take(path: string): Promise<number | undefined> {
  const mine = `${process.pid} ${startTime(process.pid)}`
  const own = `${path}.${process.pid}`
  await writeFile(own, mine, { mode: 0o600 })
  try {
    if (await tryLink(own, path)) return undefined
    const pid = ownerOf(await readFile(path, 'utf8').catch(() => ''), mine)
    if (pid !== undefined) return pid
    await rename(own, path)
    await sleep(settleMs)
    const winner = await readFile(path, 'utf8')
    return winner === mine ? undefined : Number.parseInt(winner, 10)
  } finally {
    await rm(own, { force: true })
  }
}

async function tryLink(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** The process that holds the lock, undefined when it does not live any more. */
function ownerOf(content: string, mine: string): number | undefined {
  const [id = '', start = ''] = content.split(' ')
  const pid = Number(id)
  if (!Number.isInteger(pid) || pid <= 0 || content === mine || !isAlive(pid)) return undefined
  return start === startTime(pid) ? pid : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

// Field 22 of /proc/PID/stat, counted from behind the name, which may contain anything. Empty where there is no /proc.
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
