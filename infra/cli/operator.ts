import os from 'node:os'
import { isName } from '#contracts/ids.ts'
import { CommandError } from './command.ts'

/** Options of every command by which an operator acts. */
export const actOptions = { as: { type: 'string' }, why: { type: 'string' } } as const

/** Under which name an operator acts: `--as`, else that of the machine's user. */
export function actorOf({ as }: { as?: string | undefined }): string {
  const who = as ?? os.userInfo().username
  if (!isName(who)) throw new CommandError('--as must be a name')
  return who
}

const whyMax = 500

/** The reason that an act must have. */
export function whyOf({ why }: { why?: string | undefined }): string {
  const text = why?.trim() ?? ''
  if (text === '' || text.length > whyMax) throw new CommandError(`say why, in 1 to ${whyMax} characters: --why TEXT`)
  return text
}

/** Columns side by side, as wide as they must be; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map(row => row[at]!.length)))
  return rows
    .map(row =>
      row
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
