import { type createHttp, type FastifyReply, problem, summaryOf } from '#runtime/http.ts'
import { tooLong } from './too-long.ts'
import { type Question, questionOf } from './question.ts'

/** Who asks. Who has a `tenant` is told of that one alone. */
export type Reader = { name: string; tenant?: string | undefined }
/** Who a request is of, or throws 401 or 403. */
export type ReaderOf = (request: { headers: { authorization?: string | undefined } }) => Promise<Reader>

/** The fields of a request, each there once. */
export type Texts = Readonly<Record<string, string>>

/** A path that answers questions. `answer` is told who asks, and may set headers. */
export type QuestionPath<Q> = {
  /** What may be asked, besides `tenant`, which every path takes. */
  fields: readonly string[]
  /** Reads what is asked, and adds all that is wrong with it to `problems`; then what it gives is not used. */
  parse: (texts: Texts, problems: string[]) => Q
  answer: (question: NonNullable<Q>, by: { reader: Reader; reply: FastifyReply }) => Promise<unknown>
  /** What to do where a shorter time cannot be asked for. */
  shorter?: (question: NonNullable<Q>) => string | undefined
}

type Request = { Params: Record<string, string>; Querystring: Record<string, string | string[]> }

/**
 * Serves questions: every path that tells readers anything is made by what this gives, for here is decided of which tenant they are
 * told. `tenant` among the fields that a path reads is the reader's own where they have one, whatever the request says. Errors are RFC
 * 9457: 401 and 403 of `readerOf`, 403 where another tenant is asked for, 400 with all problems, 503 where it took too long.
 */
export function serveQuestions(app: ReturnType<typeof createHttp>, readerOf: ReaderOf) {
  return function get<Q>(path: string, { fields, parse, answer, shorter }: QuestionPath<Q>): void {
    app.get<Request>(path, async (request, reply) => {
      const reader = await readerOf(request)
      const problems = Object.keys(request.params)
        .filter(field => Object.hasOwn(request.query, field))
        .map(field => `querystring must not have ${field}: the path says it`)
      const asked = onceOf({ ...request.query, ...request.params }, [...new Set([...fields, 'tenant'])], problems)
      const question = parse(withinTenant(asked, reader), problems)
      if (problems.length > 0 || question == null) return refuse(problems)
      return answer(question, { reader, reply }).catch(error => tooLong(error, shorter?.(question)))
    })
  }
}

function withinTenant(asked: Texts, { tenant }: Reader): Texts {
  if (tenant === undefined) return asked
  if (asked['tenant'] !== undefined && asked['tenant'] !== tenant)
    throw problem(403, { detail: `this token is told of the tenant ${tenant} alone` })
  return { ...asked, tenant }
}

/** The fields of a query, each once; adds what is wrong with them. */
function onceOf(query: Record<string, string | string[]>, fields: readonly string[], problems: string[]): Texts {
  const once: Record<string, string> = {}
  for (const [field, value] of Object.entries(query))
    if (!fields.includes(field)) problems.push(`querystring has no ${field}: there are ${fields.join(', ')}`)
    else if (typeof value === 'string') once[field] = value
    else problems.push(`querystring ${field} must be there once`)
  return once
}

function refuse(details: readonly string[]): never {
  const errors = details.map(detail => ({ detail }))
  throw problem(400, { title: 'Invalid request', detail: summaryOf(errors), errors })
}

/** A question among the fields of a query; adds what is wrong with it to `problems`, and then is undefined. */
export function questionIn(texts: Parameters<typeof questionOf>[0], problems: string[]): Question | undefined {
  const question = questionOf(texts, field => `querystring ${field}`)
  if (!Array.isArray(question)) return question
  problems.push(...question)
  return undefined
}
