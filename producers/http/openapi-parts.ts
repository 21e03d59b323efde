/** A document of OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), as far as this API uses it. */
export type OpenApi = {
  openapi: '3.1.1'
  info: { title: string; version: string; description: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, object> }
  security: Record<string, string[]>[]
}
export type Operation = {
  operationId: string
  summary: string
  description: string
  parameters?: {
    name: string
    in: 'path' | 'header' | 'query'
    required?: boolean
    description: string
    schema: Schema
  }[]
  requestBody?: { required: true; content: Record<string, { schema: Schema }> }
  responses: Record<string, Answer>
  /** Absent: as of the whole document. */
  security?: Record<string, string[]>[]
}
type Answer = { description: string; content: Record<string, { schema: Schema }> }
export type Schema = Record<string, unknown>

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
export const answer = (description: string, schema: string): Answer => ({
  description,
  content: { 'application/json': { schema: ref(schema) } },
})
export const refused = (description: string): Answer => ({
  description,
  content: { 'application/problem+json': { schema: ref('Problem') } },
})

export const name: Schema = { type: 'string', minLength: 1, maxLength: 200 }
export const instant: Schema = {
  oneOf: [
    { type: 'string', format: 'date-time' },
    { type: 'integer', description: 'Milliseconds since 1970.' },
  ],
}
export const object = (properties: Record<string, Schema>, required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})

export const text: Schema = { type: 'string' }
export const flag: Schema = { type: 'boolean' }
export const integer: Schema = { type: 'integer' }
export const array = (items: Schema): Schema => ({ type: 'array', items })
export const mapOf = (values: Schema): Schema => ({ type: 'object', additionalProperties: values })
