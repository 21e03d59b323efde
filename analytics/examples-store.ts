import type { Database } from '#runtime/postgres.ts'
import { asking } from './asking.ts'
import type { Counted } from './count.ts'
import { countUnits, steps } from './count-store.ts'
import { narrowed } from './narrowed.ts'
import { tellsOf } from './funnel.ts'
import { orderingPreset, type Question } from './question.ts'
import { type Stage, stages } from './stages.ts'

/** What is to be shown of: notifications that passed a stage, or that ended so (`what` as in `Rest`, or an outcome). */
export type Shown = { stage: Stage } | { what: string; reason?: string | undefined }
/** One notification, and how far it came. `at`: when its intent happened. */
export type Example = {
  intent: string
  recipient: string
  channel: string
  type: string
  at: string
  reached: Stage
  what: string
  reason?: string
}

const examplesMax = 20
/** Looked through for examples: what once waited may have ended since. */
const candidatesMax = 500

/**
 * Some notifications that a bar of a chart stands for, at most 20: counted as the funnel counts them. Of what is rare among much
 * that looked alike at first there may be fewer than there are. Rejects after 20 s.
 */
export async function examplesOf(db: Database, question: Question, shown: Shown): Promise<Example[]> {
  return asking(db, async tx => {
    const { where, values } = narrowed(question)
    const condition = 'stage' in shown ? steps[shown.stage] : endCondition(shown, given => `$${values.push(given)}`)
    const candidates = await tx.query<Candidate>(
      `select distinct intent_id, channel, recipient, type, occurred_at from (
         select * from delivery_events where ${['true', ...where, `(${condition})`].join(' and ')} limit ${candidatesMax}) as found`,
      values,
    )
    if (candidates.length === 0) return []
    const byKey = new Map(candidates.map(one => [keyOf(one), one]))
    const times = candidates.map(one => one.occurred_at.getTime())
    const among = narrowed({ ...question, since: Math.min(...times), until: Math.max(...times) + 1 })
    const keys = among.value(
      JSON.stringify(candidates.map(one => ({ i: one.intent_id, c: one.channel, r: one.recipient }))),
    )
    among.where.push(
      `(intent_id, channel, recipient) in (select i, c, r from jsonb_to_recordset(${keys}::jsonb) as u(i uuid, c text, r text))`,
    )
    const { counted } = await countUnits(tx, {
      ...{ unit: 'notification', ...among, ...orderingPreset },
      windowMs: question.windowMs ?? orderingPreset.windowMs,
      groups: [{ of: 'row', sql: `jsonb_build_array(intent_id, channel, recipient)::text` }],
    })
    return counted
      .filter(unit => isShown(unit, shown))
      .slice(0, examplesMax)
      .map(unit => exampleOf(unit, byKey.get(keyOf(unitKey(unit)))!))
      .sort((a, b) => (a.at > b.at ? -1 : 1))
  })
}

type Key = { intent_id: string; channel: string; recipient: string }
type Candidate = Key & { type: string; occurred_at: Date }

const keyOf = ({ intent_id, channel, recipient }: Key): string => JSON.stringify([intent_id, channel, recipient])

function unitKey({ groups }: Counted): Key {
  const [intent_id, channel, recipient] = JSON.parse(groups[0]!) as [string, string, string]
  return { intent_id, channel, recipient }
}

/** Events that something which ended so must have: whether it did is asked of all its events. */
function endCondition({ what, reason }: Extract<Shown, { what: string }>, value: (given: unknown) => string): string {
  switch (what) {
    case 'held':
      return `kind = 'decided' and what = 'held'${reason === undefined ? '' : ` and rule = ${value(reason)}`}`
    case 'queued':
    case 'too_late':
      return steps.decided
    case 'retrying':
      return `kind = 'settled' and what = 'moved'`
    default:
      return `kind in ('decided', 'settled') and what = ${value(what)}`
  }
}

function isShown({ reached, told, fate, reason }: Counted, shown: Shown): boolean {
  if ('stage' in shown) return reached >= stages.indexOf(shown.stage) && tellsOf(told, shown.stage)
  return fate === shown.what && (shown.reason === undefined || reason === shown.reason)
}

function exampleOf({ reached, fate, reason }: Counted, { intent_id, type, occurred_at, ...to }: Candidate): Example {
  return {
    ...{ intent: intent_id, recipient: to.recipient, channel: to.channel, type, at: occurred_at.toISOString() },
    ...{ reached: stages[reached]!, what: fate },
    ...(reason !== null && { reason }),
  }
}
