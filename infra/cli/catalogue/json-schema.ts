import type { AnyNotificationType, Catalogue } from '#contracts/catalogue.ts'

/** The words of JSON Schema (https://json-schema.org/draft/2020-12) that are looked at here. */
export type JsonSchema = {
  type?: string | readonly string[]
  properties?: Readonly<Record<string, JsonSchema>>
  required?: readonly string[]
  additionalProperties?: boolean | JsonSchema
  items?: JsonSchema
  anyOf?: readonly JsonSchema[]
  oneOf?: readonly JsonSchema[]
  enum?: readonly unknown[]
  const?: unknown
  format?: string
  pattern?: string
} & { [L in Limit]?: number }
export const leastLimits = ['minLength', 'minimum', 'exclusiveMinimum', 'minItems'] as const
export const mostLimits = ['maxLength', 'maximum', 'exclusiveMaximum', 'maxItems'] as const
type Limit = (typeof leastLimits)[number] | (typeof mostLimits)[number]

/**
 * The data that a type takes, as its schema tells it itself (Standard JSON Schema, https://standardschema.dev: zod and others do).
 * Undefined where it does not, or has no words for it.
 */
export function jsonSchemaOf({ schema }: AnyNotificationType): JsonSchema | undefined {
  const { jsonSchema } = schema['~standard'] as { jsonSchema?: { input(options: { target: string }): JsonSchema } }
  try {
    return jsonSchema?.input({ target: 'draft-2020-12' })
  } catch {
    return undefined
  }
}

/** Of all types that tell their schema. */
export const schemasOf = ({ types }: Catalogue): { type: string; schema: JsonSchema }[] =>
  [...types.values()].flatMap(entry => {
    const schema = jsonSchemaOf(entry)
    return schema ? [{ type: entry.type, schema }] : []
  })
