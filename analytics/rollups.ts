import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '#runtime/clock.ts'
import { every } from '#runtime/every.ts'
import type { Log } from '#runtime/log.ts'
import type { Metrics } from '#runtime/metrics.ts'
import type { Database } from '#runtime/postgres.ts'
import { lagOf, recomputeHour } from './rollup-store.ts'

const pauseMs = 5_000
/** Counting takes at most this share of one core of the database: an hour under load is counted less often. */
const busyShare = 0.25

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
  return every(
    pauseMs,
    async signal => {
      const begun = performance.now()
      const more = await recomputeHour(db)
      const tookMs = performance.now() - begun
      await sleep(tookMs * (1 / busyShare - 1), undefined, { signal }).catch(() => {})
      return more
    },
    error => log.warn({ task: 'rollups', error }, 'counting an hour anew failed and will be tried again'),
  )
}
