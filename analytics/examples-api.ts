import { isName } from '#contracts/ids.ts'
import { type createHttp, problem } from '#runtime/http.ts'
import { type Example, examplesOf, type Shown } from './examples-store.ts'
import { filters, questionOf } from './question.ts'
import { type Stage, stages } from './stages.ts'
import { tooLong } from './too-long.ts'
import type { TraceApiOptions } from './trace-api.ts'

export type ExamplesAnswer = { examples: Example[] }

const questionFields: readonly string[] = [...filters, 'since', 'until', 'zone', 'window', 'with_simulated']
const shownFields = ['stage', 'what', 'reason']

type Query = Record<string, string | string[]>

/**
 * `GET /v1/trace/examples`: some notifications of people that a bar of a chart stands for: those that passed a `stage`, that ended as
 * `what` (with `reason`: held for it), or both, of the question that the chart asked. It tells of people, so it is a look like any
 * other, logged with all that was asked.
 */
export function examplesApi(
  app: ReturnType<typeof createHttp>,
  { db, readerOf, logLook }: Pick<TraceApiOptions, 'db' | 'readerOf' | 'logLook'>,
): void {
  app.get<{ Querystring: Query }>('/v1/trace/examples', async (request): Promise<ExamplesAnswer> => {
    const who = await readerOf(request)
    const { question, shown, about } = askedOf(request.query)
    await logLook({ who, about })
    const examples = await examplesOf(db, question, shown).catch(tooLong)
    return { examples }
  })
}

function askedOf(query: Query) {
  const problems: string[] = []
  const once: Record<string, string> = {}
  const known = [...questionFields, ...shownFields]
  for (const [field, value] of Object.entries(query))
    if (!known.includes(field)) problems.push(`querystring has no ${field}: there are ${known.join(', ')}`)
    else if (typeof value === 'string') once[field] = value
    else problems.push(`querystring ${field} must be there once`)
  const { stage, what, reason, ...asked } = once
  if (stage === undefined && what === undefined) problems.push('querystring must have stage or what')
  if (stage !== undefined && !stages.includes(stage as Stage))
    problems.push(`querystring stage must be one of ${stages.join(', ')}`)
  if (reason !== undefined && what === undefined) problems.push('querystring reason goes with what')
  for (const [field, value] of Object.entries({ what, reason }))
    if (value !== undefined && !isName(value)) problems.push(`querystring ${field} must be a word`)
  const question = questionOf(asked, field => `querystring ${field}`)
  if (Array.isArray(question)) problems.push(...question)
  if (problems.length > 0 || Array.isArray(question)) {
    const errors = problems.map(detail => ({ detail }))
    throw problem(400, { title: 'Invalid request', detail: `${errors.length} problem(s)`, errors })
  }
  const shown: Shown = { stage: stage as Stage | undefined, what, reason }
  return { question, shown, about: once }
}
