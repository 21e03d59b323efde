import { eventFilters } from './dashboard/fields.ts'
import type { Question } from './question.ts'

/**
 * What a question narrows events to by what each of them says: what is known of a notification by all its events is for whoever
 * counts them. `value` adds another value, and gives its placeholder.
 */
export function narrowed(question: Question): {
  where: string[]
  values: unknown[]
  value: (given: unknown) => string
} {
  const values: unknown[] = []
  const value = (given: unknown) => `$${values.push(given)}`
  const where = ['true']
  for (const column of eventFilters)
    if (question[column] !== undefined) where.push(`${column} = ${value(question[column])}`)
  const { since, until } = question
  if (since !== undefined) {
    const from = value(new Date(since))
    // Nothing is packed before it happened, but for a clock that is a minute ahead.
    where.push(`occurred_at >= ${from}`, `day >= (${from}::timestamptz at time zone 'utc')::date - 1`)
  }
  if (until !== undefined) where.push(`occurred_at < ${value(new Date(until))}`)
  if (!question.includeSimulated) where.push('not simulated')
  return { where, values, value }
}
