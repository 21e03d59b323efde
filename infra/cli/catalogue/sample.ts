import type { JsonSchema } from './json-schema.ts'

/** No text of an intent is as long. */
const textMax = 5_000
const samples: Readonly<Record<string, string>> = {
  uri: 'https://www.example.com/a/page/of/some/length/4711',
  email: 'somebody@mail.example.com',
  uuid: '018f2c6e-7d3a-7c11-9f2b-3a5d6c7e8f90',
  date: '2026-11-21',
  'date-time': '2026-11-21T12:00:00Z',
  time: '12:00:00',
}

/**
 * Data by its schema that makes long texts: every field there is, texts as long as they may be where the schema says how long,
 * of the usual length where it does not. Pure; what a pattern wants it cannot know.
 */
export function sampleOf(schema: JsonSchema): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum.toSorted((a, b) => String(b).length - String(a).length)[0]
  const [variant] = schema.anyOf ?? schema.oneOf ?? []
  if (variant) return sampleOf(variant)
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0]
  switch (type) {
    case 'object':
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, of]) => [name, sampleOf(of)]))
    case 'array':
      return Array.from({ length: Math.max(1, schema.minItems ?? 0) }, () => sampleOf(schema.items ?? {}))
    case 'number':
    case 'integer':
      return numberBy(schema)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return textBy(schema)
  }
}

function numberBy({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): number {
  const usual = 1_234
  const most = maximum ?? (exclusiveMaximum === undefined ? usual : exclusiveMaximum - 1)
  const least = minimum ?? (exclusiveMinimum === undefined ? most : exclusiveMinimum + 1)
  return Math.max(least, most > 1e9 ? usual : most)
}

function textBy({ format, minLength = 0, maxLength }: JsonSchema): string {
  const known = samples[format ?? '']
  if (known !== undefined) return known
  const words = 'An example of a text '
  const length = maxLength === undefined ? Math.max(20, minLength) : Math.min(maxLength, textMax)
  // It ends with a letter: a schema may trim.
  return `${words.repeat(Math.ceil(length / words.length)).slice(0, Math.max(0, length - 1))}x`.slice(0, length)
}
