import type { Database, Queryable } from '#runtime/postgres.ts'
import { asking } from './asking.ts'
import { lastTold, tells } from './chain.ts'
import { type Counted, type Counting, startCounting } from './count.ts'
import { startFolding } from './fold.ts'
import { foldedColumns } from './fold-store.ts'
import { countingOf } from './funnel-store.ts'
import { narrowed } from './narrowed.ts'
import type { Question } from './question.ts'
import { type Stage, stages } from './stages.ts'

/** What is to be shown of: notifications that passed a stage, that ended so (`what` as in `Rest`, or an outcome), or both. */
export type Shown = { stage?: Stage | undefined; what?: string | undefined; reason?: string | undefined }
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
 * that looked alike at first there may be fewer than there are. Each query is given 20 s.
 */
export async function examplesOf(db: Database, question: Question, shown: Shown): Promise<Example[]> {
  return asking(db, async tx => {
    const { where, values, value } = narrowed(question)
    const condition = conditionOf(shown, value)
    const candidates = await tx.query<Candidate>(
      `select distinct intent_id, channel, recipient, type, occurred_at from (
         select * from delivery_events where ${[...where, `(${condition})`].join(' and ')} limit ${candidatesMax}) as found`,
      values,
    )
    if (candidates.length === 0) return []
    const events = Map.groupBy(await eventsOf(tx, candidates), event => event.place)
    const counting = countingOf(question)
    const counted = await Promise.all(
      candidates.map((candidate, place) => countedAlone(candidate, events.get(place) ?? [], counting)),
    )
    return candidates
      .flatMap((candidate, place) => {
        const unit = counted[place]
        return unit && isShown(unit, shown) ? [exampleOf(unit, candidate)] : []
      })
      .slice(0, examplesMax)
      .sort((a, b) => (a.at > b.at ? -1 : 1))
  })
}

type Candidate = { intent_id: string; channel: string; recipient: string; type: string; occurred_at: Date }
type Event = { place: number; common: string; said: string; at: Date }

/** All events of some notifications, by their places, and of each in the order of time. */
async function eventsOf(tx: Queryable, candidates: readonly Candidate[]): Promise<Event[]> {
  const times = candidates.map(one => one.occurred_at.getTime())
  const { where, values, value } = narrowed({
    ...{ since: Math.min(...times), until: Math.max(...times) + 1, includeSimulated: true },
  })
  const keys = value(
    JSON.stringify(candidates.map(({ intent_id: i, channel: c, recipient: r }, place) => ({ place, i, c, r }))),
  )
  return tx.query<Event>(
    `select place, ${foldedColumns.common} as common, ${foldedColumns.said} as said, at
     from jsonb_to_recordset(${keys}::jsonb) as u(place int, i uuid, c text, r text)
     join delivery_events on (intent_id, channel, recipient) = (i, c, r)
     where ${where.join(' and ')} order by place, at`,
    values,
  )
}

/** How one notification is counted; undefined where it is not one that was asked for. */
async function countedAlone(
  { type, occurred_at }: Candidate,
  events: readonly Event[],
  counting: Counting,
): Promise<Counted | undefined> {
  const occurredAt = occurred_at.getTime()
  const folding = startFolding({ cohort: occurredAt, type })
  for (const [n, { common, said, at }] of events.entries())
    folding.add({ first: n === 0, occurredAt, person: [0, 0], common, said, at: at.getTime() })
  const counter = startCounting(counting)
  counter.add(folding.done())
  return (await counter.done()).counted[0]
}

/** Events that something which passed a stage must have: whether it did is counted from all of them. */
const eventOf: Record<Stage, string> = {
  intended: `kind = 'decided'`,
  decided: `kind = 'decided' and what = 'deliver'`,
  attempted: `kind = 'settled'`,
  accepted: `kind = 'settled' and what in ('sent', 'delivered')`,
  delivered: `what = 'delivered' or kind = 'engaged'`,
  seen: `kind = 'engaged' and what in ('seen', 'opened', 'read')`,
  opened: `kind = 'engaged' and what in ('opened', 'read')`,
  acted: `kind = 'engaged' and what = 'acted'`,
}

/** The same of what is shown: few ended so, or few that were accepted came to a later stage. */
function conditionOf({ stage = 'intended', what, reason }: Shown, value: (given: unknown) => string): string {
  if (what === undefined || stages.indexOf(stage) > stages.indexOf('accepted')) return eventOf[stage]
  switch (what) {
    case 'held':
      return `kind = 'decided' and what = 'held'${reason === undefined ? '' : ` and rule = ${value(reason)}`}`
    case 'queued':
    case 'too_late':
      return eventOf.decided
    case 'retrying':
      return `kind = 'settled' and what = 'moved'`
    default:
      return `kind in ('decided', 'settled') and what = ${value(what)}`
  }
}

function isShown({ reached, told, ...ended }: Counted, { stage = 'intended', what, reason }: Shown): boolean {
  const at = stages.indexOf(stage)
  if (reached < at || !tells(told, at)) return false
  return (what === undefined || ended.fate === what) && (reason === undefined || ended.reason === reason)
}

function exampleOf(
  { told, reached, fate, reason }: Counted,
  { intent_id, type, occurred_at, ...to }: Candidate,
): Example {
  return {
    ...{ intent: intent_id, recipient: to.recipient, channel: to.channel, type, at: occurred_at.toISOString() },
    ...{ reached: stages[lastTold(told, reached)]!, what: fate },
    ...(reason !== null && { reason }),
  }
}
