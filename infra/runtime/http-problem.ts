import { STATUS_CODES } from 'node:http'
import type { FastifySchemaValidationError } from 'fastify'

/** One of several things that are wrong; `pointer` says where, as a fragment (`#/to/0/id`, RFC 6901). */
export type ProblemDetail = { detail: string; pointer?: string }
/** The members of a problem document (RFC 9457). */
export type ProblemBody = {
  type: string
  title: string
  status: number
  detail?: string
  instance?: string
  errors?: readonly ProblemDetail[]
}

/** An answer that is an error; thrown anywhere in a route, it becomes the response. */
export class ProblemError extends Error {
  override name = 'ProblemError'
  readonly body: ProblemBody
  readonly headers: Readonly<Record<string, string>>

  constructor(body: ProblemBody, headers: Readonly<Record<string, string>>) {
    super(body.detail ?? body.title)
    this.body = body
    this.headers = headers
  }
}

/**
 * Makes the error to throw. Without a `type` the problem is `about:blank`, which means no more than its status. What it
 * says goes to the caller: no address of anybody else, nothing internal. `headers`: Retry-After and the like.
 */
export function problem(
  status: number,
  about: {
    type?: string
    title?: string
    detail?: string | undefined
    instance?: string
    errors?: readonly ProblemDetail[]
    headers?: Readonly<Record<string, string>>
  },
): ProblemError {
  const {
    type = 'about:blank',
    title = STATUS_CODES[status] ?? 'Error',
    detail,
    instance,
    errors,
    headers = {},
  } = about
  const body: ProblemBody = { type, title, status }
  if (detail !== undefined) body.detail = detail
  if (instance !== undefined) body.instance = instance
  if (errors !== undefined) body.errors = errors
  return new ProblemError(body, headers)
}

/** What a route's schema refused, everything at once. `where` is the part of the request: body, querystring, params. */
export function invalidMessage(found: readonly FastifySchemaValidationError[], where: string): ProblemError {
  const errors = found.map((one): ProblemDetail => {
    const { pointer, detail } = fault(one)
    if (where !== 'body') return { detail: `${where} ${pointer.slice(1)} ${detail}` }
    return { detail: pointer === '' ? `the body ${detail}` : detail, pointer: `#${pointer}` }
  })
  return problem(400, { title: 'Invalid request', detail: summaryOf(errors), errors })
}

/** What is wrong: the one thing, or how many things there are, each of which `errors` tells. */
export function summaryOf(errors: readonly ProblemDetail[]): string {
  if (errors.length !== 1) return `${errors.length} problems`
  const [{ pointer = '', detail }] = errors as [ProblemDetail]
  return `${pointer.slice('#/'.length)} ${detail}`.trim()
}

/** A missing or an unknown field is found in its object; who reads the problem looks for the field. */
function fault(found: FastifySchemaValidationError): { pointer: string; detail: string } {
  const { instancePath, keyword, params, message = 'is not valid' } = found
  const { missingProperty, additionalProperty, allowedValues } = params
  if (keyword === 'required' && typeof missingProperty === 'string')
    return { pointer: `${instancePath}/${escaped(missingProperty)}`, detail: 'is missing' }
  if (keyword === 'additionalProperties' && typeof additionalProperty === 'string')
    return { pointer: `${instancePath}/${escaped(additionalProperty)}`, detail: 'is not known' }
  if (keyword === 'enum' && Array.isArray(allowedValues))
    return { pointer: instancePath, detail: `must be one of ${allowedValues.join(', ')}` }
  return { pointer: instancePath, detail: message }
}

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
