import { answerFunnel, answerOutcomes, answerSeries, type Asked } from '#analytics/answers.ts'
import { examplesOf } from '#analytics/examples-store.ts'
import { lift } from '#analytics/lift-store.ts'
import { tailOf } from '#analytics/tail-store.ts'
import { traceIntent, traceRecipient } from '#analytics/trace-store.ts'
import type { Database } from '#runtime/postgres.ts'
import { median } from './measure.ts'
import { dayMs, hourMs, intentAt, nameOf, productEvent, start, typeWithHoldout } from './day.ts'

/** Milliseconds: the median of five, and the first time after the server was started anew. */
export type Took = { ms: number; cold: number }

const time = { since: start, until: start + dayMs }
const rolledUp: Asked = { ...time, source: 'rollup', bucket: 'hour', zone: 'UTC' }
const raw: Asked = { ...rolledUp, source: 'raw' }
const told = { now: start + dayMs, groupMin: 5 }
const ofLift = { ...time, type: typeWithHoldout, event: productEvent, windowMs: dayMs }
const somebody = nameOf(7)

/** What the dashboard, its analysts and support ask, and within how many ms it is to be answered where that was promised. */
export const questions = {
  rollup: { label: 'funnel, from rollups', limit: 200, ask: db => answerFunnel({ ...told, db }, rolledUp) },
  rollup_by_type: {
    ...{ label: 'the same by type', limit: 200 },
    ask: db => answerFunnel({ ...told, db }, { ...rolledUp, by: 'type' }),
  },
  rollup_series: {
    ...{ label: 'series by type', limit: 200 },
    ask: db => answerSeries({ ...told, db }, { ...rolledUp, by: 'type' }),
  },
  outcomes: { label: 'outcomes by the hour', limit: 200, ask: db => answerOutcomes({ ...told, db }, rolledUp) },
  volume: {
    ...{ label: 'volume by type, half a day against the half before', limit: 200 },
    ask: db =>
      answerFunnel({ ...told, db }, { ...rolledUp, since: start + dayMs / 2, by: 'type' as const, compare: true }),
  },
  tail: { label: 'the latest events', limit: 200, ask: db => tailOf(db, {}, told) },
  tail_none: {
    ...{ label: 'the latest events of a type that has none', limit: 200 },
    ask: db => tailOf(db, { type: 'type.none' }, told),
  },
  lift: {
    ...{ label: 'lift of a type, told against holdout', limit: 200 },
    ask: db => lift(db, { ...ofLift, compare: 'holdout' }),
  },
  raw: { label: 'funnel, from all events', limit: 1000, ask: db => answerFunnel({ ...told, db }, raw) },
  raw_by_provider: {
    ...{ label: 'the same by provider', limit: 1000 },
    ask: db => answerFunnel({ ...told, db }, { ...raw, by: 'provider' }),
  },
  raw_times: {
    ...{ label: 'with times, within another window', limit: 1000 },
    ask: db => answerFunnel({ ...told, db }, { ...raw, windowMs: hourMs, times: true }),
  },
  raw_people: {
    ...{ label: 'of people', limit: 1000 },
    ask: db => answerFunnel({ ...told, db }, { ...raw, unit: 'recipient' }),
  },
  examples: {
    ...{ label: 'examples of a bar' },
    ask: db => examplesOf(db, { ...time, type: typeWithHoldout }, { what: 'sent', stage: 'opened' }),
  },
  examples_none: {
    ...{ label: 'examples of what never was' },
    ask: db => examplesOf(db, { ...time, type: typeWithHoldout }, { what: 'rejected' }),
  },
  trace_intent: {
    ...{ label: 'trace of an intent to 500' },
    // In the middle: what was stored first or last may be found sooner.
    ask: (db, intents) => traceIntent(db, intentAt(Math.floor(intents / 2))),
  },
  trace_recipient: { label: 'trace of a person', ask: db => traceRecipient(db, somebody) },
  // The last: what is marked stays so.
  times_marked: {
    ...{ label: 'with times, as it was counted last, an hour to be counted anew', limit: 1000 },
    prepare: db => markLastHour(db),
    ask: db => answerFunnel({ ...told, db }, { ...rolledUp, times: true }),
  },
  raw_marked: {
    ...{ label: 'funnel, from all events, an hour to be counted anew', limit: 1000 },
    ask: db => answerFunnel({ ...told, db }, raw),
  },
} satisfies Record<string, Question>

export type Question = {
  label: string
  limit?: number
  /** Before the server is started anew. */
  prepare?: (db: Database) => Promise<unknown>
  ask: (db: Database, intents: number) => Promise<unknown>
}
export type QuestionName = keyof typeof questions

const markLastHour = (db: Database) =>
  db.query(
    `insert into rollup_marks (cohort, type, newest)
     select distinct cohort, type, cohort from folded_hours where cohort = (select max(cohort) from folded_hours)`,
  )

const warmRounds = 5

export async function tookOf(ask: () => Promise<unknown>): Promise<Took> {
  const cold = await msOf(ask)
  const warm: number[] = []
  for (let round = 0; round < warmRounds; round++) warm.push(await msOf(ask))
  return { ms: Math.round(median(warm)), cold: Math.round(cold) }
}

async function msOf(ask: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await ask()
  return performance.now() - begun
}
