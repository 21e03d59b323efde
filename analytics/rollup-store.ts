import type { EventPack } from '#contracts/event.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'
import { tellingBits } from './chain.ts'
import { type Counted, type Counter, startCounting } from './count.ts'
import type { Shown } from './count-stories.ts'
import { hourMs } from './fold.ts'
import { eventsOfHour, foldHour, purgeFolds, type StoredFold, storedFold, type Tx, writeFold } from './fold-store.ts'
import { type Dimension, filters, orderingPreset, type Question } from './question.ts'
import { stages } from './stages.ts'

/**
 * Says in the sink's own transaction which hours of which types are to be counted anew: by the intent's time, however late the
 * event. Rows are only ever added, so that sinks wait neither for each other nor for the counting.
 */
export async function markTouched(tx: Queryable, packs: readonly EventPack[]): Promise<void> {
  const marks = new Map<string, { cohort: number; type: string; newest: number }>()
  for (const { at, intents } of packs)
    for (const { occurredAt, type } of intents) {
      const cohort = occurredAt - (occurredAt % hourMs)
      const key = `${cohort} ${type}`
      marks.set(key, { cohort, type, newest: Math.max(at, marks.get(key)?.newest ?? 0) })
    }
  if (marks.size === 0) return
  await tx.query(
    `insert into rollup_marks (cohort, type, newest)
     select to_timestamp(cohort / 1000.0), type, to_timestamp(newest / 1000.0) from jsonb_to_recordset($1::jsonb) as m(cohort float8, type text, newest float8)`,
    [JSON.stringify([...marks.values()])],
  )
}

const rollupLock = 726_026_001
/** The columns of a rollup. What has very many values is kept apart by folds alone. */
const columns = ['type', 'category', 'lane', 'producer', 'channel', 'provider', 'arm'] as const satisfies Dimension[]
export const rawFilters = filters.filter(one => !(columns as readonly Dimension[]).includes(one))

/** Types of an hour, by the time of the intents: what is counted anew at a time. */
export type HourPart = { cohort: EpochMs; types: readonly string[] }

/**
 * Folds and counts marked types of an hour anew from the events, those that have waited longest, and puts that in the place of what was
 * there before. Gives them; undefined where there are none but those that rest and those of before `since`, whose events may be dropped. `onPart` hears of them
 * before they are counted. Only one of any number of callers works at a time. What is marked while it counts stays marked: events are
 * seen or come with a mark that outlives this.
 */
export async function recomputeHour(
  db: Database,
  { onPart, ...which }: Which & { onPart?: (part: HourPart) => void } = {},
): Promise<HourPart | undefined> {
  return db.transaction(async (tx, connection) => {
    const [lock] = await tx.query<{ mine: boolean }>(
      `select pg_try_advisory_xact_lock(${rollupLock}) as mine, set_config('jit', 'off', true), set_config('work_mem', '64MB', true)`,
    )
    if (!lock!.mine) return undefined
    const part = await nextPart(tx, which)
    if (!part) return undefined
    onPart?.(part)
    await replacePart({ tx, connection }, part)
    return part
  })
}

/** From when on, but for these; the types of some hours one by one. */
type Which = { since?: EpochMs; resting?: readonly HourPart[]; apart?: ReadonlySet<EpochMs> }

async function nextPart(tx: Queryable, { since, resting = [], apart }: Which): Promise<HourPart | undefined> {
  const rests = resting.flatMap(({ cohort, types }) => types.map(type => ({ cohort: new Date(cohort), type })))
  const awake = `not exists (select from unnest($1::timestamptz[], $2::text[]) as r(cohort, type) where (r.cohort, r.type) = (m.cohort, m.type))`
  const marked = await tx.query<{ cohort: Date; type: string }>(
    `select cohort, type from rollup_marks m
     where cohort = (select cohort from rollup_marks m where ${awake} and cohort >= coalesce($3, '-infinity'::timestamptz) order by id limit 1) and ${awake}
     group by cohort, type order by min(id)`,
    [rests.map(rest => rest.cohort), rests.map(rest => rest.type), since === undefined ? null : new Date(since)],
  )
  if (marked.length === 0) return undefined
  const cohort = marked[0]!.cohort.getTime()
  const types = marked.map(mark => mark.type)
  if (apart?.has(cohort)) return { cohort, types: types.slice(0, 1) }
  return { cohort, types: fewEnough(types, await eventsOfHour(tx, { cohort, types })) }
}

/** Events that are folded at a time, but for a type that has more: they are held in memory, 5 million in 0.4 to 0.9 GB. */
export const eventsAtOnce = 500_000

/** The first types that have no more events together than are folded at a time; at least one. Pure. */
export function fewEnough(types: readonly string[], eventsOf: ReadonlyMap<string, number>): string[] {
  let events = 0
  return types.filter((type, place) => (events += eventsOf.get(type) ?? 0) <= eventsAtOnce || place === 0)
}

async function replacePart(at: Tx, part: HourPart): Promise<void> {
  const { tx } = at
  const cohort = new Date(part.cohort)
  await tx.query(
    `with marks as (delete from rollup_marks where cohort = $1 and type = any($2::text[]) returning newest),
       folds as (delete from folded_hours where cohort = $1 and type = any($2::text[])),
       hours as (delete from funnel_hours where cohort = $1 and type = any($2::text[]))
     insert into rollup_state (one, newest_event) select true, max(newest) from marks having count(*) > 0
     on conflict (one) do update set newest_event = greatest(rollup_state.newest_event, excluded.newest_event), at = now()`,
    [cohort, part.types],
  )
  const done: { stored: StoredFold; counter: Counter }[] = []
  // A statement of its own: it sees everything whose marks were seen. Nothing can be written while it is read.
  await foldHour(at, part, fold => {
    const counter = startCounting({ ...orderingPreset, unit: 'notification', by: columns, peopleMost })
    counter.add(fold)
    done.push({ stored: storedFold(fold), counter })
  })
  for (const { stored, counter } of done) {
    await writeFold(tx, stored)
    await writeHour(tx, cohort, (await counter.done()).counted)
  }
}

/** So many people are counted of a group in an hour; of more it is known that there are as many. */
const peopleMost = 100
/** Stored the other way round: of hours from before types said whether they name a success, all do. */
const silentBit = 4

async function writeHour(tx: Queryable, cohort: Date, counted: readonly Counted[]): Promise<void> {
  const rows = counted.map(({ groups: of, told, reached, fate, reason, machine, n, people = peopleMost }) => ({
    ...Object.fromEntries(columns.map((column, at) => [column, of[at]])),
    ...{ told: told ^ silentBit, reached, fate, reason, machine, n, people },
  }))
  const all = [...columns, 'told', 'reached', 'fate', 'reason', 'machine', 'n', 'people'].join(', ')
  await tx.query(
    `insert into funnel_hours (cohort, ${all}) select $1, ${all} from jsonb_populate_recordset(null::funnel_hours, $2::jsonb)`,
    [cohort, JSON.stringify(rows)],
  )
}

/** What is counted by the hour: notifications within the usual window, without what was made up. */
const isCounted = ({ unit, windowMs, includeSimulated }: Question): boolean =>
  (unit ?? 'notification') === 'notification' &&
  (windowMs ?? orderingPreset.windowMs) === orderingPreset.windowMs &&
  !includeSimulated

/** What the rollups know: of what is counted whole hours, without what has very many values. */
const answers = ({ times, source, since, until, ...asked }: Question): boolean =>
  source === 'rollup' &&
  isCounted(asked) &&
  !(times || rawFilters.some(field => asked[field] !== undefined || asked.by === field)) &&
  wholeHours([since ?? 0, until ?? 0])

const wholeHours = (times: readonly number[]): boolean => times.every(time => time % hourMs === 0)

/**
 * Counts from the rollups; undefined where they do not know the answer. `people`: of how many each group is at least, as far as its hours
 * tell, each by itself; of hours that were counted before that was told,
 * notifications.
 */
export async function countRolledUp(
  tx: Queryable,
  question: Question,
  edges: readonly number[],
): Promise<Counted[] | undefined> {
  if (!answers(question) || !wholeHours(edges)) return undefined
  const { groups, where, values } = rowsOf(question, edges)
  return tx.query<Counted>(
    `select ${groups} as groups, told::int # ${silentBit} as told, reached::int as reached, fate, reason, machine, sum(n)::float8 as n,
       max(coalesce(people, n))::int as people
     from funnel_hours where ${where} group by 1, 2, 3, 4, 5, 6`,
    values,
  )
}

/** The types of groups in rollups that know the answer. */
export async function typesOfGroups(
  tx: Queryable,
  question: Question,
  { edges, of }: { edges: readonly number[]; of: readonly Counted['groups'][] },
): Promise<string[]> {
  const { groups, where, values } = rowsOf(question, edges)
  const rows = await tx.query<{ type: string }>(
    `select distinct type from funnel_hours where ${where} and to_jsonb(${groups}) in (select jsonb_array_elements($${values.length + 1}::jsonb))`,
    [...values, JSON.stringify(of)],
  )
  return rows.map(({ type }) => type)
}

/** The rollups that a question is about, and their groups. */
function rowsOf(question: Question, edges: readonly number[]): { groups: string; where: string; values: unknown[] } {
  const values: unknown[] = []
  const value = (given: unknown) => `$${values.push(given)}`
  const where = ['true']
  for (const column of columns) if (question[column] !== undefined) where.push(`${column} = ${value(question[column])}`)
  const { since = edges[0], until = edges.at(-1), by } = question
  if (since !== undefined) where.push(`cohort >= ${value(new Date(since))}`)
  if (until !== undefined) where.push(`cohort < ${value(new Date(until))}`)
  const period = `(width_bucket(extract(epoch from cohort)::float8 * 1000, ${edges.length > 0 ? value(edges) : 'null'}::float8[]) - 1)::text`
  const shown = [...(edges.length > 0 ? [period] : []), ...(by === undefined ? [] : [columnOf(by)])]
  return { groups: `array[${shown.join(', ')}]::text[]`, where: where.join(' and '), values }
}

/**
 * Where to look for notifications that a bar stands for, the newest hours first: where the rollups have some and their events are there
 * still, or else everywhere, and where something is to be counted anew, if that is not asked as it was.
 */
export async function placesOf(tx: Queryable, question: Question, { stage, what, reason }: Shown): Promise<HourPart[]> {
  const values: unknown[] = []
  const value = (given: unknown) => `$${values.push(given)}`
  const { since = -Infinity, until = Infinity, type, source } = question
  const ofType = value(type ?? null)
  const asked = `cohort >= ${value(timeOf(Math.floor(since / hourMs) * hourMs))} and cohort < ${value(timeOf(until))}
    and (${ofType}::text is null or type = ${ofType})`
  const counted: string[] = []
  // What is asked besides only narrows it.
  const known = isCounted(question)
  if (known) {
    const step = stages.indexOf(stage ?? 'intended')
    counted.push(`reached >= ${step}`, `(told # ${silentBit}) & ${tellingBits(step)} = ${tellingBits(step)}`)
    if (what !== undefined) counted.push(`fate = ${value(what)}`)
    if (reason !== undefined) counted.push(`reason = ${value(reason)}`)
    for (const column of columns)
      if (question[column] !== undefined) counted.push(`${column} = ${value(question[column])}`)
  }
  const rows = await tx.query<{ cohort: Date; types: string[] }>(
    `select cohort, array_agg(distinct type) as types from (
       select cohort, type from folded_hours ${known ? `join funnel_hours using (cohort, type)` : ''} where ${[asked, ...counted].join(' and ')}
       union all select cohort, type from rollup_marks where ${value(source !== 'rollup')} and ${asked}) as places
     group by cohort order by cohort desc`,
    values,
  )
  return rows.map(({ cohort, types }) => ({ cohort: cohort.getTime(), types }))
}

const timeOf = (ms: number): Date | string => (Number.isFinite(ms) ? new Date(ms) : ms < 0 ? '-infinity' : 'infinity')

const columnOf = (by: Dimension): string => (by === 'outcome' ? 'fate' : by)

/**
 * Takes marks of hours of before `before` away: what came late to an hour whose events may be dropped cannot be counted, and its
 * rollups stay as they are. Gives how many hours of types these are.
 */
export async function forgetMarks(db: Queryable, { before }: { before: EpochMs }): Promise<number> {
  const [gone] = await db.query<{ n: number }>(
    `with gone as (delete from rollup_marks where cohort < $1 returning cohort, type)
     select count(distinct (cohort, type))::int as n from gone`,
    [new Date(before)],
  )
  return gone!.n
}

/** How far behind answers are: when the newest event that was stored happened, and hours of types to be counted anew. */
export async function lagOf(db: Queryable): Promise<{ newestEvent: Date | null; dirty: number }> {
  const [lag] = await db.query<{ newestEvent: Date | null; dirty: number }>(
    `select greatest((select newest_event from rollup_state), max(newest)) as "newestEvent",
       count(distinct (cohort, type))::int as dirty from rollup_marks`,
  )
  return lag!
}

/** Forgets folds of hours whose events are gone, and hours that are told of no longer. In small steps; true when there is more. */
export async function purgeRollups(
  db: Queryable,
  { eventsBefore, hoursBefore }: { eventsBefore: number; hoursBefore: number },
): Promise<boolean> {
  const hours = `delete from funnel_hours where ctid in (
    select ctid from funnel_hours where cohort < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`
  const more = [await purgeFolds(db, { before: eventsBefore }), await purgeStep(db, hours, [hoursBefore])]
  return more.includes(true)
}
