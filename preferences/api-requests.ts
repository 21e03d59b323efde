import { isName } from '#contracts/ids.ts'
import { problem, summaryOf } from '#runtime/http-problem.ts'
import { isObject, notAName, pointerTo, type Problem } from './profile.ts'

/** A body that cannot be used. */
export const invalid = (errors: readonly Problem[]): Error =>
  problem(422, { title: 'Invalid', detail: `nothing was changed: ${summaryOf(errors)}`, errors })

export const gone = (): Error => problem(410, { detail: 'this person was erased' })

export const stale = (): Error =>
  problem(412, { detail: 'something was changed meanwhile: get it again, then change it' })

/** The name in a path, or the problem that nothing can be there. */
export function nameOf(text: string): string {
  if (!isName(text)) throw problem(404, { detail: notAName })
  return text
}

/**
 * The fields of a body that may hold these and no others: a mistyped field must not silently mean something else. With
 * `problems` the others are added there, to be told with whatever else is wrong.
 */
export function fieldsOf(body: unknown, known: readonly string[], problems?: Problem[]): Record<string, unknown> {
  if (!isObject(body)) throw invalid([{ pointer: '#', detail: 'the body must be an object' }])
  const others = Object.keys(body)
    .filter(field => !known.includes(field))
    .map(field => ({ pointer: pointerTo(field), detail: `is none of ${known.join(', ')}` }))
  if (problems) problems.push(...others)
  else if (others.length > 0) throw invalid(others)
  return body
}
