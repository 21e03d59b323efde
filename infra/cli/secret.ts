import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '#runtime/config.ts'
import { CommandError, stated } from './command.ts'
import { openDataFolder } from './data-folder.ts'

const secretCharsMin = 32

/** The installation's secret: as it is set, else the one that the data folder keeps. */
export const secretOf = async ({ secret, dataDir }: Pick<Config, 'secret' | 'dataDir'>): Promise<string> =>
  secret ?? keptSecret(dataDir)

/**
 * The installation's own secret, made once, by whichever process of it comes first; the folder is made when missing.
 * Throws a `CommandError` when it can be neither made nor read, or is too short to be one.
 */
export async function keptSecret(dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'secret')
  try {
    const secret = await keptFile(file, randomBytes(32).toString('base64url'))
    if (secret.length >= secretCharsMin) return secret
  } catch (error) {
    stated(`there is no CARILLON_SECRET, and none can be kept in ${dataDir} (CARILLON_DATA_DIR)`)(error)
  }
  throw new CommandError(
    `${file} must hold at least ${secretCharsMin} characters: put it back, or set CARILLON_SECRET to it`,
    1,
  )
}

/** What a file of the data folder holds, which nobody else may read; where there is none yet, `text` is it from now on. */
export async function keptFile(file: string, text: string): Promise<string> {
  if (!existsSync(file)) {
    await openDataFolder(path.dirname(file))
    await makeFile(file, text)
  }
  return readFile(file, 'utf8')
}

/** It comes into being whole, and only one does: every process reads the same. */
async function makeFile(file: string, text: string): Promise<void> {
  const own = `${file}.${randomUUID()}`
  try {
    await writeFile(own, text, { mode: 0o600 })
    await link(own, file)
  } catch (error) {
    if (!existsSync(file)) throw error
  } finally {
    await rm(own, { force: true })
  }
}
