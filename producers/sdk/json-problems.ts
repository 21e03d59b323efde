/** Data nested deeper than this is refused: no message needs it, and some readers go no deeper. */
const depthMax = 64

/** What keeps a value from travelling as a JSON object without being changed. Empty when nothing does. */
export function jsonProblems(data: unknown): string[] {
  if (!isPlain(data) || Array.isArray(data)) return [`data: must be a plain object, not ${kindOf(data)}`]
  const walk: Walk = { path: ['data'], problems: [] }
  visit(data, walk)
  return walk.problems
}

type Walk = { path: (string | number)[]; problems: string[] }

function visit(value: unknown, walk: Walk): void {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return
  const { path, problems } = walk
  const problem = (text: string) => void problems.push(`${path.join('.')}: ${text}`)
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : problem(`${value} is not a number of JSON`)
  if (!isPlain(value)) return problem(`${kindOf(value)} is not JSON; the schema must put out plain values`)
  if (path.length > depthMax) return problem(`is nested deeper than ${depthMax}`)
  const members: Iterable<[string | number, unknown]> = Array.isArray(value) ? value.entries() : Object.entries(value)
  for (const [key, member] of members) {
    // As in JSON.stringify: a member that is undefined is not there. In a list it would become null.
    if (member === undefined && typeof key === 'string') continue
    path.push(key)
    visit(member, walk)
    path.pop()
  }
}

/** Objects of a class (Date, Map …) would become something else on the way. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  return Array.isArray(value) ? 'a list' : `a ${(value.constructor as { name?: string } | undefined)?.name ?? 'object'}`
}
