import { isName } from '#contracts/ids.ts'
import { problem } from '#runtime/http.ts'
import { notAName, type Problem } from './profile.ts'

/** A body that cannot be used. */
export const invalid = (errors: readonly Problem[]): Error =>
  problem(422, { title: 'Invalid', detail: `nothing was changed: ${errors.length} problem(s)`, errors })

export const gone = (): Error => problem(410, { detail: 'this person was erased' })

/** The name in a path, or the problem that nothing can be there. */
export function nameOf(text: string): string {
  if (!isName(text)) throw problem(404, { detail: notAName })
  return text
}
