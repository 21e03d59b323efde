import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { variables } from './servers.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

/** The Chromium of this machine: the one that is configured, else the first on the PATH; undefined where there is none. */
export function chromiumPath(): string | undefined {
  const configured = process.env[variables.chromium]
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const known = folders.flatMap(folder => names.map(name => path.join(folder, name)))
  return [...(configured ? [configured] : []), ...known].find(isProgram)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
