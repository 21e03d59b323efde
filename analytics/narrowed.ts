import { accepted } from './count-store.ts'
import type { Filter, Question } from './question.ts'

/** What a question narrows events and units to. `value` adds another value, and gives its placeholder. */
export function narrowed(question: Question): {
  where: string[]
  having: string[]
  values: unknown[]
  value: (given: unknown) => string
} {
  const values: unknown[] = []
  const value = (given: unknown) => `$${values.push(given)}`
  const where: string[] = []
  const having: string[] = []
  for (const column of ['type', 'category', 'channel', 'lane', 'producer', 'tenant'] as const)
    if (question[column] !== undefined) where.push(`${column} = ${value(question[column])}`)
  for (const filter of Object.keys(ofUnit) as (keyof typeof ofUnit)[])
    if (question[filter] !== undefined) having.push(`${ofUnit[filter]} = ${value(question[filter])}`)
  const { since, until } = question
  if (since !== undefined) {
    const from = value(new Date(since))
    // Nothing is packed before it happened, but for a clock that is a minute ahead.
    where.push(`occurred_at >= ${from}`, `day >= (${from}::timestamptz at time zone 'utc')::date - 1`)
  }
  if (until !== undefined) where.push(`occurred_at < ${value(new Date(until))}`)
  if (!question.includeSimulated) where.push('not simulated')
  return { where, having, values, value }
}

/** Of what accepted a unit, else of the first that was tried. */
function ofDelivery(column: string): string {
  return `coalesce(min(${column}) filter (where ${accepted}), min(${column}) filter (where kind = 'settled'))`
}

/** Known of a unit only from all its events. */
const ofUnit = {
  provider: ofDelivery('provider'),
  platform: ofDelivery('platform'),
  app_version: ofDelivery('app_version'),
  // Every decision names the arm of its person; what is engaged with need not.
  arm: 'max(arm)',
  locale: 'max(locale)',
  // The region of the language tag.
  country: `upper(substring(max(locale) from '^[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2}|[0-9]{3})(?:-|$)'))`,
} satisfies Partial<Record<Filter, string>>
