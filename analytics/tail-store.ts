import type { Channel } from '#contracts/channel.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { asking } from './asking.ts'
import { hourMs, tenantWords } from './fold.ts'
import { narrowed } from './narrowed.ts'
import type { Question } from './question.ts'
import { eventSentence } from './trace-words.ts'

/** Something that happened lately, of nobody in particular: no ids of intents, people or endpoints. */
export type TailLine = {
  at: string
  type: string
  channel: string
  kind: string
  what: string
  rule?: string
  provider?: string
  sentence: string
}
export type TailAnswer = { hidden: number; lines: TailLine[] }

const linesMax = 40
/** Looked back so far, and further where there is too little: of the intents. */
const spansMs = [60_000, 3_600_000, 24 * 3_600_000]

/**
 * The latest events of intents of the last day, newest first. What a rule looked at is left out, and types with events of fewer than
 * `groupMin` people in the time that is looked at: where they leave the list short, `hidden` says how many.
 */
export async function tailOf(
  db: Database,
  question: Question,
  { now, groupMin }: { now: EpochMs; groupMin: number },
): Promise<TailAnswer> {
  return asking(db, async tx => {
    const hours = await hoursOf(tx, question, now - spansMs.at(-1)!)
    for (const spanMs of spansMs) {
      const since = now - spanMs
      const { where, values, value } = narrowed({ ...question, since, until: undefined })
      const within = joined(hours.filter(hour => hour + hourMs > since))
      if (within.length === 0) continue
      const ranges = within.map(({ from, to }) => [value(new Date(from)), value(new Date(to))] as const)
      where.push(`(${ranges.map(([from, to]) => `occurred_at >= ${from} and occurred_at < ${to}`).join(' or ')})`)
      const of = `from delivery_events where ${where.join(' and ')}`
      const rows = await tx.query<Row | { hidden: number; at: null }>(
        `with peopled as materialized (
           select type, count(*) >= ${value(groupMin)} as told from (select distinct type, recipient ${of}) as people group by type)
         select hidden, latest.* from (select count(*)::int as hidden from peopled where not told) as small
         left join (select at, type, channel, kind, what, rule, provider ${of} and type in (select type from peopled where told)
           order by at desc limit ${linesMax}) as latest on true
         order by at desc`,
        values,
      )
      const lines = rows.filter(row => row.at !== null).map(lineOf)
      if (lines.length === linesMax) return { lines, hidden: 0 }
      if (spanMs === spansMs.at(-1)) return { lines, hidden: rows[0]!.hidden }
    }
    return { lines: [], hidden: 0 }
  })
}

/**
 * Hours in which there is anything of the type or of the tenant that is asked for, in order: a day of events is not read for one that is
 * rare. Of what is to be counted it is not known of which tenant it is.
 */
async function hoursOf(tx: Queryable, { type, tenant }: Question, since: EpochMs): Promise<EpochMs[]> {
  const asked = `cohort > $1 and ($2::text is null or type = $2)`
  const rows = await tx.query<{ cohort: Date }>(
    `select cohort from folded_hours where ${asked} and ($3::text is null or strpos(words, $3) > 0)
     union select cohort from rollup_marks where ${asked} order by cohort`,
    [new Date(since - hourMs), type ?? null, tenant === undefined ? null : tenantWords(tenant)],
  )
  return rows.map(({ cohort }) => cohort.getTime())
}

/** Hours that follow each other are one range. */
function joined(hours: readonly EpochMs[]): { from: EpochMs; to: EpochMs }[] {
  const ranges: { from: EpochMs; to: EpochMs }[] = []
  for (const hour of hours) {
    const last = ranges.at(-1)
    if (last?.to === hour) last.to += hourMs
    else ranges.push({ from: hour, to: hour + hourMs })
  }
  return ranges
}

type Row = Pick<TailLine, 'type' | 'channel' | 'what'> & {
  hidden: number
  at: Date
  kind: 'decided' | 'settled' | 'standing' | 'engaged'
} & {
  rule: string | null
  provider: string | null
}

const lineOf = ({ at, type, channel, kind, what, rule, provider }: Row): TailLine => ({
  ...{ at: at.toISOString(), type, channel, kind, what },
  ...(rule !== null && { rule }),
  ...(provider !== null && { provider }),
  // Without its value, and so without a person's words; who of several said so is in the trace.
  sentence: eventSentence({ kind, what, channel: channel as Channel }),
})
