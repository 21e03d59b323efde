import { globSync, promises as fs, readFileSync, readlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export type TemporaryFolder = AsyncDisposable & { readonly path: string }

const prefix = 'carillon-tmp'

/**
 * Makes a folder that other users can enter but not list, so that servers under another user can live in it. Disposing
 * removes it. Folders of test processes that were killed are removed here, and their servers stopped.
 */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  await removeOrphans()
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), `${prefix}-${process.pid}-`))
  await fs.chmod(folder, 0o711)
  return { path: folder, [Symbol.asyncDispose]: () => remove(folder) }
}

async function removeOrphans(): Promise<void> {
  for (const folder of globSync(path.join(os.tmpdir(), `${prefix}-*`))) {
    const owner = Number(
      path
        .basename(folder)
        .slice(prefix.length + 1)
        .split('-')[0],
    )
    if (signal(owner, 0)) continue
    for (const file of globSync(path.join(folder, '*', '*.pid'))) {
      const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
      if (worksIn(pid, folder)) signal(pid, 'SIGINT')
    }
    // Another user's, or being removed by another test process.
    await remove(folder).catch(() => {})
  }
}

function remove(folder: string): Promise<void> {
  return fs.rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** Pids come again: only a process that works inside the folder is its server. */
function worksIn(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
  } catch {
    return false
  }
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return pid > 0 && process.kill(pid, name)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
