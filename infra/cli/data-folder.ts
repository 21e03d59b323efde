import { access, constants, mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { stated } from './command.ts'

/** Makes the folder that a process keeps its data in, when missing. Throws a `CommandError` when it cannot be written to. */
export async function openDataFolder(dataDir: string): Promise<void> {
  await makeFolder(dataDir)
    .then(() => access(dataDir, constants.W_OK | constants.X_OK))
    .catch(stated(`cannot keep data in ${dataDir}, and CARILLON_DATA_DIR names the folder`))
}

/** Level by level: Node's own `recursive` never ends in a folder that says of a new one that it does not exist (/proc). */
async function makeFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found?.isDirectory()) return
  if (found) throw new Error('it is a file')
  await makeFolder(path.dirname(folder))
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    // Another process of this installation was faster.
    if (error.code !== 'EEXIST') throw error
  })
}
