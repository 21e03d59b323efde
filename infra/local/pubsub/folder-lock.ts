import { readFileSync } from 'node:fs'
import { mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long a lock that was taken over must stand before it is trusted: another process may be taking it over, too. */
const settleMs = 50

// Folders that this very process holds; the lock file cannot tell them from those of a dead process with the same id.
const held = new Set<string>()

/**
 * Makes this process the only one that uses the folder, until disposed. The lock is a file with the process id and, where
 * the system tells it, the process's start time, so a lock that a killed process left behind is known and taken over.
 * Throws when another server uses the folder.
 */
export async function lockFolder(dir: string): Promise<AsyncDisposable> {
  const path = join(dir, 'lock')
  const mine = `${process.pid} ${startTime(process.pid)}`
  if (held.has(path)) throw inUse(dir, process.pid)
  held.add(path)
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    if (!(await tryCreate(path, mine))) await takeOver({ dir, path, mine })
  } catch (error) {
    held.delete(path)
    throw error
  }
  return {
    async [Symbol.asyncDispose]() {
      await unlink(path)
      held.delete(path)
    },
  }
}

async function tryCreate(path: string, mine: string): Promise<boolean> {
  try {
    await writeFile(path, mine, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

async function takeOver(lock: { dir: string; path: string; mine: string }): Promise<void> {
  const pid = ownerOf(await readFile(lock.path, 'utf8').catch(() => ''), lock.mine)
  if (pid !== undefined) throw inUse(lock.dir, pid)
  const own = `${lock.path}.${process.pid}`
  await writeFile(own, lock.mine, { mode: 0o600 })
  await rename(own, lock.path)
  await sleep(settleMs)
  const winner = await readFile(lock.path, 'utf8')
  if (winner !== lock.mine) throw inUse(lock.dir, Number.parseInt(winner, 10))
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

function inUse(dir: string, pid: number): Error {
  return new Error(
    `The folder ${dir} is in use by another Pub/Sub server (process ${pid}). Stop that one, or choose another folder.`,
  )
}
