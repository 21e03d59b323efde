import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const guardLimitMs = 10_000
const guardPollMs = 20

// Folders that this very process holds, and as what; the lock file cannot tell them from those of a dead process with the
// same id.
const held = new Map<string, string>()

/** Somebody else uses the folder; `by` is what they called themselves. */
export class FolderInUse extends Error {
  override name = 'FolderInUse'
  readonly by: string
  constructor(dir: string, owner: Owner, wanted: string) {
    const which = owner.by === wanted ? `another ${wanted}` : `a ${owner.by}`
    super(`The folder ${dir} is in use by ${which} (process ${owner.pid}). Stop that one, or choose another folder.`)
    this.by = owner.by
  }
}

type Owner = { pid: number; by: string }

/**
 * Makes this process the only one that uses the folder, until disposed. The lock is a file with the process id, where the
 * system tells it the process's start time, and what it is (`by`), so a lock that a killed process left behind is known and
 * taken over. Throws `FolderInUse` when another one uses the folder.
 */
export async function lockFolder(dir: string, by: string): Promise<AsyncDisposable> {
  const file = path.join(path.resolve(dir), 'lock')
  const holder = held.get(file)
  if (holder !== undefined) throw new FolderInUse(dir, { pid: process.pid, by: holder }, by)
  held.set(file, by)
  const mine = `${process.pid} ${startTime(process.pid)} ${by}`
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const other = await guarded(file, () => {
      const owner = ownerOf(contentOf(file))
      if (!owner) writeFileSync(file, mine, { mode: 0o600 })
      return owner
    })
    if (other) throw new FolderInUse(dir, other, by)
  } catch (error) {
    held.delete(file)
    throw error
  }
  return {
    async [Symbol.asyncDispose]() {
      if (existsSync(dir))
        await guarded(file, () => {
          if (contentOf(file) === mine) rmSync(file)
        })
      held.delete(file)
    },
  }
}

/** To look and to write are two steps; nobody else takes either between them. */
async function guarded<T>(file: string, work: () => T): Promise<T> {
  const guard = `${file}-guard`
  const until = performance.now() + 2 * guardLimitMs
  while (!enter(guard)) {
    if (performance.now() > until) throw new Error(`${guard} does not go away. Delete it.`)
    await sleep(guardPollMs)
  }
  try {
    return work()
  } finally {
    rmdirSync(guard)
  }
}

/** The guard is held for less than a millisecond; an old one was left by a process killed just then. */
function enter(guard: string): boolean {
  try {
    mkdirSync(guard)
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > guardLimitMs) rmSync(guard, { recursive: true, force: true })
    return false
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

/** The process that holds the lock, undefined when it does not live any more. */
function ownerOf(content: string): Owner | undefined {
  const [id = '', start = '', ...by] = content.split(' ')
  const pid = Number(id)
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) return undefined
  return start === startTime(pid) ? { pid, by: by.join(' ') } : undefined
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
