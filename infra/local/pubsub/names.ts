import { invalid } from './refusal.ts'

type Kind = 'topics' | 'subscriptions'

/** What stands in a subscription for a topic that was deleted. */
export const deletedTopic = '_deleted-topic_'

const projectPattern = /^projects\/[A-Za-z0-9][-A-Za-z0-9_.:]*$/
const idPattern = /^[A-Za-z][-A-Za-z0-9_.~+%]{2,254}$/

/**
 * Refuses a name that is not `projects/PROJECT/topics/ID` or `projects/PROJECT/subscriptions/ID`. An id has 3 to 255
 * characters, begins with a letter and not with `goog` (https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names).
 */
export function checkName(name: string, kind: Kind): void {
  const marker = `/${kind}/`
  const at = name.indexOf(marker)
  const id = name.slice(at + marker.length)
  if (at > 0 && projectPattern.test(name.slice(0, at)) && idPattern.test(id) && !id.startsWith('goog')) return
  throw invalid(
    `Invalid resource name "${name.slice(0, 300)}": it must be projects/PROJECT/${kind}/ID, where ID has 3 to 255 ` +
      'characters out of letters, digits and -_.~+%, begins with a letter, and not with "goog".',
  )
}

/** Refuses a project that is not `projects/PROJECT`. */
export function checkProject(project: string): void {
  if (!projectPattern.test(project))
    throw invalid(`Invalid project "${project.slice(0, 300)}": it must be projects/PROJECT.`)
}

/** The `projects/PROJECT` that a checked resource name lies in. */
export function projectOf(name: string): string {
  return name.slice(0, name.indexOf('/', 'projects/'.length))
}
