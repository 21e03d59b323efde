import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '#runtime/clock.ts'
import { every } from '#runtime/every.ts'
import type { Log } from '#runtime/log.ts'
import type { Metrics } from '#runtime/metrics.ts'
import type { Database } from '#runtime/postgres.ts'
import { lagOf, recomputeHour } from './rollup-store.ts'

const pauseMs = 5_000
/**
 * Counting takes at most these shares of one core of the database: of all hours, so that a backlog of them is soon worked off, and of
 * each one: while intents of this hour keep coming, it is counted the more seldom the more there is to count.
 */
const busyShares = { all: 0.25, each: 0.05 }

/** Counts marked hours anew, and tells how far behind that is. Any number may run: one works at a time. */
export function startRollups({
  db,
  clock,
  log,
  metrics,
}: {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
}): AsyncDisposable {
  metrics.onScrape(async () => {
    const { newestEvent, dirty } = await lagOf(db)
    const age = newestEvent === null ? 0 : Math.max(0, clock.now() - newestEvent.getTime()) / 1000
    return { newest_event_age: age, rollups_dirty: dirty }
  })
  const restsUntil = new Map<number, number>()
  return every(
    pauseMs,
    async signal => {
      const begun = performance.now()
      for (const [hour, until] of restsUntil) if (until <= begun) restsUntil.delete(hour)
      const hour = await recomputeHour(db, [...restsUntil.keys()])
      const tookMs = performance.now() - begun
      if (hour !== undefined) restsUntil.set(hour, begun + tookMs / busyShares.each)
      await sleep(tookMs * (1 / busyShares.all - 1), undefined, { signal }).catch(() => {})
      return hour !== undefined
    },
    error => log.warn({ task: 'rollups', error }, 'counting an hour anew failed and will be tried again'),
  )
}
