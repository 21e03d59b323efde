import type { Database, Queryable } from '#runtime/postgres.ts'
import { asking } from './asking.ts'
import { accepted, countUnits, type Counted, type Counting, type Group, type Took } from './count-store.ts'
import { type FunnelRow, shapeFunnel } from './funnel.ts'
import { type Dimension, type Filter, orderingPreset, type Question } from './question.ts'
import { countRolledUp } from './rollup-store.ts'

export type Counts = { counted: Counted[]; took: Took[]; from: 'raw' | 'rollup' }

/**
 * How far notifications (or people) came, by a dimension if one is asked for. Read from rollups where they know the answer,
 * else from the raw events of the days since `since`. Rejects after 20 s.
 */
export async function funnel(db: Database, question: Question = {}): Promise<FunnelRow[]> {
  const { counted, took } = await countsOf(db, question)
  return shapeFunnel({ counted, took }, question)
}

/** What the answers are made of. `edges`: ascending instants; the first group is then the place of the period, from 0. */
export async function countsOf(db: Database, question: Question, edges: readonly number[] = []): Promise<Counts> {
  return asking(db, async tx => {
    const rolledUp = await countRolledUp(tx, question, edges)
    if (rolledUp) return { counted: rolledUp, took: [], from: 'rollup' }
    return { ...(await countRaw(tx, question, edges)), from: 'raw' }
  })
}

/** The same from the raw events, whatever rollups there are. */
function countRaw(
  tx: Queryable,
  question: Question,
  edges: readonly number[] = [],
): Promise<{ counted: Counted[]; took: Took[] }> {
  const { where, having, values, value } = narrowed(question, edges)
  const groups: Group[] = edges.length > 0 ? [{ of: 'row', sql: periodOf('occurred_at', value(edges)) }] : []
  if (question.by !== undefined) groups.push(groupOf(question.by))
  const { unit = 'notification', windowMs = orderingPreset.windowMs, times = false } = question
  return countUnits(tx, { ...{ unit, where, having, values, groups, times }, ...orderingPreset, windowMs })
}

/** What a question narrows events and units to. `value` adds another value, and gives its placeholder. */
export function narrowed(
  question: Question,
  edges: readonly number[] = [],
): { where: string[]; having: string[]; values: unknown[]; value: (given: unknown) => string } {
  const values: unknown[] = []
  const value = (given: unknown) => `$${values.push(given)}`
  const where: string[] = []
  const having: string[] = []
  for (const column of ['type', 'category', 'channel', 'lane', 'producer', 'tenant'] as const)
    if (question[column] !== undefined) where.push(`${column} = ${value(question[column])}`)
  for (const filter of Object.keys(ofUnit) as (keyof typeof ofUnit)[])
    if (question[filter] !== undefined) having.push(`${ofUnit[filter]} = ${value(question[filter])}`)
  const { since = edges[0], until = edges.at(-1) } = question
  if (since !== undefined) {
    const from = value(new Date(since))
    // Nothing is packed before it happened, but for a clock that is a minute ahead.
    where.push(`occurred_at >= ${from}`, `day >= (${from}::timestamptz at time zone 'utc')::date - 1`)
  }
  if (until !== undefined) where.push(`occurred_at < ${value(new Date(until))}`)
  if (!question.includeSimulated) where.push('not simulated')
  return { where, having, values, value }
}

/** The place of the period that a time is in. */
const periodOf = (column: string, edges: string): string =>
  `(width_bucket(extract(epoch from ${column})::float8 * 1000, ${edges}::float8[]) - 1)::text`

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

function groupOf(by: Dimension): Counting['groups'][number] {
  if (by === 'outcome') return { of: 'end' }
  if (by in ofUnit) return { of: 'unit', sql: ofUnit[by as keyof typeof ofUnit] }
  return { of: 'row', sql: by satisfies Filter }
}
