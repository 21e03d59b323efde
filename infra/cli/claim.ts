import { setTimeout as sleep } from 'node:timers/promises'
import { FolderInUse, lockFolder } from '#local/folder-lock.ts'
import { CommandError } from './command.ts'
import { openDataFolder } from './data-folder.ts'

/** Most questions are short: who comes while one is asked waits so long for its end. */
const questionLimitMs = 60_000
const pollMs = 100

/** Claims the data folder for the servers of a start. Throws a `CommandError` when another start has it. */
export const claimForStart = (dataDir: string): Promise<AsyncDisposable> =>
  claim(dataDir, 'start of Carillon').catch((error: Error) => {
    if (error instanceof CommandError) throw error
    throw new CommandError(`${error.message} CARILLON_DATA_DIR names the folder.`, 1)
  })

/** Claims it for a server that answers a question; nothing when a start has it, whose server can be asked. */
export const claimForQuestion = (dataDir: string): Promise<AsyncDisposable | undefined> =>
  claim(dataDir, 'question').catch((error: Error) => {
    if (error instanceof FolderInUse && error.by !== 'question') return undefined
    if (error instanceof CommandError) throw error
    throw new CommandError(error.message, 1)
  })

/** Two who have the folder would use the same server, and the first to end would stop it under the other. */
async function claim(dataDir: string, by: 'start of Carillon' | 'question'): Promise<AsyncDisposable> {
  const until = performance.now() + questionLimitMs
  await openDataFolder(dataDir)
  for (;;) {
    try {
      return await lockFolder(dataDir, by)
    } catch (error) {
      const ends = error instanceof FolderInUse && error.by === 'question'
      if (!ends || performance.now() > until) throw error
    }
    await sleep(pollMs)
  }
}
