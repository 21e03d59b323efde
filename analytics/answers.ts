import type { EpochMs } from '#contracts/ids.ts'
import type { Database } from '#runtime/postgres.ts'
import { type Counts, countsOf } from './funnel-store.ts'
import { type FunnelRow, shapeFunnel } from './funnel.ts'
import { type Bucket, edgesOf } from './periods.ts'
import type { Question } from './question.ts'
import { lagOf } from './rollup-store.ts'
import { hiddenCells, sizeOf } from './small-groups.ts'
import { type OutcomeSeries, type Series, shapeOutcomes, shapeSeries } from './series.ts'
import { type Unknown, unknownOf } from './unknown-store.ts'

/** A question with its time stated; series and outcomes are cut into periods. */
export type Asked = Question & { since: EpochMs; until: EpochMs; bucket: Bucket; zone: string }
export type Told = { db: Database; now: EpochMs; groupMin: number }

/** How far behind an answer may be: the age of the newest event that is stored, and hours that are to be counted anew. */
export type Behind = { source: Counts['from']; newestEvent: string | null; ageMs: number | null; dirty: number }
/** `unknown`: where nothing was counted, the fields asked for whose value nothing that is stored has, of whatever time. */
type Answer = { since: string; until: string; behind: Behind; hidden: number; unknown?: Unknown[] }
export type FunnelAnswer = Answer & {
  funnels: FunnelRow[]
  previous?: { since: string; until: string; hidden: number; funnels: FunnelRow[] }
}
export type SeriesAnswer = Answer & { edges: string[]; series: Series[] }
export type OutcomesAnswer = Answer & { edges: string[]; outcomes: OutcomeSeries[] }

/**
 * Funnels of a time, and if asked of the time of the same length before it. Groups of fewer than `groupMin` units, and those that
 * would tell them by what is missing, are left out and counted in `hidden`.
 */
export async function answerFunnel(told: Told, asked: Asked & { compare?: boolean }): Promise<FunnelAnswer> {
  const { since, until, compare = false } = asked
  const { counts, ...shown } = await shownOf(told, asked)
  const answer = { ...(await answerOf(told, asked, counts)), ...shown }
  if (!compare) return answer
  const earlier = { ...asked, since: since - (until - since), until: since }
  const { hidden, funnels } = await shownOf(told, earlier)
  return { ...answer, previous: { since: iso(earlier.since), until: iso(earlier.until), hidden, funnels } }
}

/** How many came how far, by hours or days of a zone. */
export async function answerSeries(told: Told, asked: Asked): Promise<SeriesAnswer> {
  const edges = edgesOf(asked)
  const how = { edges, peopleMost: told.groupMin }
  const counts = await countsOf(told.db, widened(asked, edges), how)
  const shape = shapeSeries(counts.counted, edges, { grouped: asked.by !== undefined, least: told.groupMin })
  return { ...(await answerOf(told, asked, counts)), edges: edges.map(iso), ...shape }
}

/** What became of them, by hours or days of a zone. */
export async function answerOutcomes(told: Told, asked: Asked): Promise<OutcomesAnswer> {
  const edges = edgesOf(asked)
  const how = { edges, peopleMost: told.groupMin }
  const counts = await countsOf(told.db, { ...widened(asked, edges), by: undefined }, how)
  const shape = shapeOutcomes(counts.counted, edges, told.groupMin)
  return { ...(await answerOf(told, asked, counts)), edges: edges.map(iso), ...shape }
}

/** A period that is begun is told whole: its bar is compared with the others. */
const widened = (asked: Asked, edges: readonly EpochMs[]): Asked => ({
  ...asked,
  since: edges[0]!,
  until: edges.at(-1)!,
})

/** Funnels of one time, without those that are not told. */
async function shownOf({ db, groupMin }: Told, asked: Asked) {
  const counts = await countsOf(db, asked, { peopleMost: groupMin })
  const rows = shapeFunnel(counts, asked)
  const counted = Map.groupBy(counts.counted, ({ groups }) => groups.at(-1) ?? null)
  const hidden = hiddenCells(
    rows.map(({ group = null }) => [sizeOf(counted.get(group) ?? [])]),
    groupMin,
  )
  const funnels = rows.filter((_, at) => !hidden[at]![0])
  return { counts, funnels, hidden: rows.length - funnels.length }
}

async function answerOf(
  { db, now }: Told,
  asked: Asked,
  { from: source, counted }: Counts,
): Promise<Omit<Answer, 'hidden'>> {
  const { newestEvent, dirty } = await lagOf(db)
  const ageMs = newestEvent === null ? null : Math.max(0, now - newestEvent.getTime())
  const behind = { source, newestEvent: newestEvent === null ? null : newestEvent.toISOString(), ageMs, dirty }
  const unknown = counted.length > 0 ? [] : await unknownOf(db, asked)
  return { since: iso(asked.since), until: iso(asked.until), behind, ...(unknown.length > 0 && { unknown }) }
}

const iso = (ms: EpochMs): string => new Date(ms).toISOString()
