import { type JsonSchema, leastLimits, mostLimits } from './json-schema.ts'

/** Where in the data, `author.name`, and what it breaks. */
export type Breaking = { field: string; problem: string }

/**
 * What makes data that a schema took before one that it refuses or has lost: a field removed, a field that is required now, a
 * type, choice, form or limit that is narrower. A new optional field, or a wider limit, breaks nothing. Pure.
 */
export function breakingChanges(before: JsonSchema, after: JsonSchema, field = ''): Breaking[] {
  const unions = [before, after].some(({ anyOf, oneOf }) => anyOf ?? oneOf)
  if (unions) return variantsLost(before, after, field)
  const broken: string[] = []
  const lost = typesOf(before).filter(type => !takes(after, type))
  if (lost.length > 0) broken.push(`may not be ${lost.join(' or ')} any more`)
  const choices = [choicesOf(before), choicesOf(after)]
  if (choices[1] && (!choices[0] || choices[0].some(one => !choices[1]!.includes(one))))
    broken.push(`may only be ${choices[1].join(', ')} now`)
  for (const name of leastLimits)
    if ((after[name] ?? -Infinity) > (before[name] ?? -Infinity)) broken.push(`has a ${name} of ${after[name]} now`)
  for (const name of mostLimits)
    if ((after[name] ?? Infinity) < (before[name] ?? Infinity)) broken.push(`has a ${name} of ${after[name]} now`)
  for (const name of ['format', 'pattern'] as const)
    if (after[name] !== undefined && after[name] !== before[name]) broken.push(`must be of another ${name} now`)
  return [
    ...broken.map(problem => ({ field, problem })),
    ...fieldChanges(before, after, field),
    ...(before.items && after.items ? breakingChanges(before.items, after.items, `${field}[]`) : []),
  ]
}

function fieldChanges(before: JsonSchema, after: JsonSchema, parent: string): Breaking[] {
  const [were, are] = [before.properties ?? {}, after.properties ?? {}]
  const at = (name: string) => (parent === '' ? name : `${parent}.${name}`)
  const gone = Object.keys(were).filter(name => !Object.hasOwn(are, name))
  const required = (after.required ?? []).filter(name => !before.required?.includes(name))
  return [
    ...gone.map(name => ({ field: at(name), problem: 'was removed' })),
    ...required.map(name => ({ field: at(name), problem: 'is required now' })),
    ...Object.keys(were)
      .filter(name => Object.hasOwn(are, name))
      .flatMap(name => breakingChanges(were[name]!, are[name]!, at(name))),
  ]
}

const variantsOf = (schema: JsonSchema): readonly JsonSchema[] => schema.anyOf ?? schema.oneOf ?? [schema]

function variantsLost(before: JsonSchema, after: JsonSchema, field: string): Breaking[] {
  const left = variantsOf(after)
  const lost = variantsOf(before).filter(one => left.every(other => breakingChanges(one, other).length > 0))
  return lost.length > 0 ? [{ field, problem: `takes ${lost.length} of its forms no more` }] : []
}

/** Without a type it may be anything. */
const typesOf = ({ type = 'anything' }: JsonSchema): readonly string[] => (typeof type === 'string' ? [type] : type)
function takes(schema: JsonSchema, type: string): boolean {
  const types = typesOf(schema)
  return types.includes('anything') || types.includes(type) || (type === 'integer' && types.includes('number'))
}

const choicesOf = ({ enum: choices, const: only }: JsonSchema): readonly string[] | undefined =>
  choices?.map(spelled) ?? (only === undefined ? undefined : [spelled(only)])
const spelled = (one: unknown): string => (typeof one === 'string' ? one : JSON.stringify(one))
