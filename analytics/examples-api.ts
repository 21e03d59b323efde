import { isName } from '#contracts/ids.ts'
import type { Shown } from './count-stories.ts'
import { type Example, examplesOf } from './examples-store.ts'
import { filters } from './question.ts'
import { type QuestionPath, questionIn, type Texts } from './questions-api.ts'
import { type Stage, stages } from './stages.ts'
import type { TraceApiOptions } from './trace-api.ts'

export type ExamplesAnswer = { examples: Example[] }

/**
 * `GET /v1/trace/examples`: some notifications of people that a bar of a chart stands for: those that passed a `stage`, that ended as
 * `what` (with `reason`: held for it), or both, of the question that the chart asked. It tells of people, so it is a look like any
 * other, logged with all that was asked.
 */
export const examplesPath = ({
  db,
  logLook,
}: Pick<TraceApiOptions, 'db' | 'logLook'>): QuestionPath<ReturnType<typeof askedOf>> => ({
  fields: [
    ...filters,
    ...(['since', 'until', 'zone', 'unit', 'window', 'with_simulated', 'source', 'stage', 'what', 'reason'] as const),
  ],
  parse: askedOf,
  async answer({ question, shown, about }, { reader }): Promise<ExamplesAnswer> {
    await logLook({ who: reader.name, about })
    return { examples: await examplesOf(db, question, shown) }
  },
})

function askedOf(about: Texts, problems: string[]) {
  const { stage, what, reason, ...asked } = about
  if (stage === undefined && what === undefined) problems.push('querystring must have stage or what')
  if (stage !== undefined && !stages.includes(stage as Stage))
    problems.push(`querystring stage must be one of ${stages.join(', ')}`)
  if (reason !== undefined && what === undefined) problems.push('querystring reason goes with what')
  for (const [field, value] of Object.entries({ what, reason }))
    if (value !== undefined && !isName(value)) problems.push(`querystring ${field} must be a word`)
  const question = questionIn(asked, problems)
  const shown: Shown = { stage: stage as Stage | undefined, what, reason }
  return question && { question: { ...question, source: question.source ?? 'rollup' }, shown, about }
}
