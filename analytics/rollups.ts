import { setTimeout as sleep } from 'node:timers/promises'
import type { EpochMs } from '#contracts/ids.ts'
import type { Clock } from '#runtime/clock.ts'
import { every } from '#runtime/every.ts'
import type { Log } from '#runtime/log.ts'
import type { Metrics } from '#runtime/metrics.ts'
import type { Database } from '#runtime/postgres.ts'
import { forgetMarks, type HourPart, lagOf, recomputeHour } from './rollup-store.ts'

const pauseMs = 5_000
/**
 * Counting takes at most these shares of one core of the database: of all hours, so that a backlog of them is soon worked off, and of
 * each one: while intents of this hour keep coming, it is counted the more seldom the more there is to count.
 */
const busyShares = { all: 0.25, each: 0.05 }
/** What failed is tried again after this at the earliest; other hours go on. */
const failedRestMs = 60_000

export type RollupOptions = {
  /** With a statement limit of its own: reading an hour may take longer than anything in the pipeline. */
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  /** Since when hours have all their events, at an instant. */
  eventsSince: (now: EpochMs) => EpochMs
}

/** Counts marked hours anew, and tells how far behind that is. Any number may run: one works at a time. */
export function startRollups(options: RollupOptions): AsyncDisposable {
  const { db, clock, log, metrics } = options
  metrics.onScrape(async () => {
    const { newestEvent, dirty } = await lagOf(db)
    const age = newestEvent === null ? 0 : Math.max(0, clock.now() - newestEvent.getTime()) / 1000
    return { newest_event_age: age, rollups_dirty: dirty }
  })
  const restsUntil = new Map<HourPart, number>()
  // Of hours that failed the types are counted one by one, so that one of them holds up no other.
  const apart = new Set<EpochMs>()
  return every(
    pauseMs,
    async signal => {
      const begun = performance.now()
      for (const [part, until] of restsUntil) if (until <= begun) restsUntil.delete(part)
      const taken = await countNext(options, { resting: [...restsUntil.keys()], apart })
      if (!taken) return false
      const tookMs = performance.now() - begun
      const restMs = tookMs / busyShares.each
      const { cohort, types } = taken.part
      if (taken.failed && types.length > 1 && !apart.has(cohort)) apart.add(cohort)
      else restsUntil.set(taken.part, begun + (taken.failed ? Math.max(failedRestMs, restMs) : restMs))
      await sleep(tookMs * (1 / busyShares.all - 1), undefined, { signal }).catch(() => {})
      return true
    },
    error => log.warn({ task: 'rollups', error }, 'looking for hours to count failed and will be tried again'),
  )
}

async function countNext(
  { db, clock, log, metrics, eventsSince }: RollupOptions,
  which: { resting: readonly HourPart[]; apart: ReadonlySet<EpochMs> },
): Promise<{ part: HourPart; failed: boolean } | undefined> {
  const since = eventsSince(clock.now())
  const late = await forgetMarks(db, { before: since })
  if (late > 0) {
    metrics.count('rollups_too_late_total', {}, late)
    log.warn(
      { task: 'rollups', count: late },
      'events came for hours whose events may be dropped: they stay as they were counted',
    )
  }
  const taken: HourPart[] = []
  try {
    const part = await recomputeHour(db, { since, ...which, onPart: part => taken.push(part) })
    return part && { part, failed: false }
  } catch (error) {
    const [part] = taken
    if (!part) throw error
    metrics.count('errors_total', { part: 'rollups' })
    log.warn(
      { task: 'rollups', at: new Date(part.cohort).toISOString(), type: part.types, error },
      'counting an hour anew failed and will be tried again',
    )
    return { part, failed: true }
  }
}
