import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { breakingChanges } from './schema-changes.ts'

const shape = (schema: z.ZodType): JsonSchema => jsonSchemaOf({ schema } as never)!
const object = (fields: z.ZodRawShape) => z.object({ id: z.string(), ...fields })
const text = z.string()

const rows: [what: string, before: z.ZodType, after: z.ZodType, broken: string[]][] = [
  ['nothing', object({ a: text }), object({ a: text }), []],
  ['a new optional field', object({}), object({ a: text.optional() }), []],
  ['a new field with a default', object({}), object({ a: text.default('x') }), []],
  ['a new required field', object({}), object({ a: text }), ['a: is required now']],
  ['one that was optional', object({ a: text.optional() }), object({ a: text }), ['a: is required now']],
  ['one that is optional now', object({ a: text }), object({ a: text.optional() }), []],
  ['a field removed', object({ a: text }), object({}), ['a: was removed']],
  ['a field renamed', object({ a: text }), object({ b: text }), ['a: was removed', 'b: is required now']],
  ['another type', object({ a: text }), object({ a: z.number() }), ['a: may not be string any more']],
  ['a wider type', object({ a: text }), object({ a: z.union([text, z.number()]) }), []],
  [
    'a narrower type',
    object({ a: z.union([text, z.number()]) }),
    object({ a: text }),
    ['a: may not be number any more'],
  ],
  ['null no more', object({ a: text.nullable() }), object({ a: text }), ['a: may not be null any more']],
  [
    'a form of several no more',
    object({ a: z.union([z.object({ x: text }), text]) }),
    object({ a: text }),
    ['a: takes 1 of its forms no more'],
  ],
  ['null as well', object({ a: text }), object({ a: text.nullable() }), []],
  [
    'whole numbers only',
    object({ a: z.number().min(1).max(9) }),
    object({ a: z.int().min(1).max(9) }),
    ['a: may not be number any more'],
  ],
  ['any number', object({ a: z.int() }), object({ a: z.number() }), []],
  ['anything', object({ a: text }), object({ a: z.any() }), []],
  ['shorter', object({ a: text.max(20) }), object({ a: text.max(10) }), ['a: has a maxLength of 10 now']],
  ['bounded', object({ a: text }), object({ a: text.max(10) }), ['a: has a maxLength of 10 now']],
  ['longer', object({ a: text.max(10) }), object({ a: text.max(20) }), []],
  ['not empty', object({ a: text }), object({ a: text.min(1) }), ['a: has a minLength of 1 now']],
  ['greater', object({ a: z.number().min(1) }), object({ a: z.number().min(2) }), ['a: has a minimum of 2 now']],
  ['a choice less', object({ a: z.enum(['x', 'y']) }), object({ a: z.enum(['x']) }), ['a: may only be x now']],
  ['a choice more', object({ a: z.enum(['x']) }), object({ a: z.enum(['x', 'y']) }), []],
  ['a choice where all was open', object({ a: text }), object({ a: z.enum(['x']) }), ['a: may only be x now']],
  ['a form', object({ a: text }), object({ a: z.url() }), ['a: must be of another format now']],
  ['no form', object({ a: z.url() }), object({ a: text }), []],
  [
    'in a list within',
    object({ list: z.array(z.object({ a: text })) }),
    object({ list: z.array(z.object({ a: z.number() })) }),
    ['list[].a: may not be string any more'],
  ],
]
for (const [what, before, after, broken] of rows)
  test(`${what}: ${broken.join('; ') || 'breaks nothing'}`, () => {
    const found = breakingChanges(shape(before), shape(after))
    assert.deepEqual(
      found.map(({ field, problem }) => `${field}: ${problem}`),
      broken,
    )
  })
