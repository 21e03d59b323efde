import { randomBytes } from 'node:crypto'
import { ensurePartitions } from '#db/partitions.ts'
import { serveBrowserCode } from '#runtime/browser-code.ts'
import { listen, problem } from '#runtime/http.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, decidedPack, engagedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { analyticsPages, dashboardFolder } from './pages.ts'
import type { ReaderOf } from './questions-api.ts'
import { recomputeHour } from './rollup-store.ts'
import { serveAnalytics } from './served.fixture.ts'

/** The pages and what they ask, on a port of their own and a real database. The clock stands an hour after `at`. */
export async function createDashboard({ groupMin = 1, tenant }: { groupMin?: number; tenant?: string } = {}) {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await testDatabase())
  const db = opened.use(await openPostgres({ url: database.url, connectionsMax: 4, name: 'test' }))
  await ensurePartitions(db, { from: '2026-11-19', days: 3 })
  const token = randomBytes(16).toString('base64url')
  const readerOf: ReaderOf = async ({ headers }) => {
    if (headers.authorization !== `Bearer ${token}`) throw problem(401, {})
    return { name: 'eve', tenant }
  }
  const { app, looks } = serveAnalytics({ db, readerOf, groupMin })
  analyticsPages(app)
  serveBrowserCode(app, { dashboard: dashboardFolder })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.defer(() => app.close())
  const running = opened.move()
  return {
    ...{ db, url, token, looks },
    async store(packs: Parameters<typeof storePacks>[1]) {
      await storePacks(db, packs)
      while (await recomputeHour(db));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
export type Dashboard = Awaited<ReturnType<typeof createDashboard>>

/** A day on which something of everything happened, to a thousand or so. */
export function aDay(): Parameters<typeof storePacks>[1] {
  const hourMs = 3_600_000
  return Array.from({ length: 12 }, (_, n) => {
    const size = 40 + Math.round(60 * Math.sin((n / 12) * Math.PI))
    const type = ['comment.created', 'build.failed', 'invoice.due'][n % 3]!
    const occurredAt = at - n * hourMs
    const of = { intents: [intentFacts(`${type}-${n}`, { type, occurredAt })], at: occurredAt }
    const all = people(size)
    const told = all.slice(0, Math.round(size * 0.8))
    const muted = all.slice(told.length, told.length + 5)
    const quiet = all.slice(told.length + 5)
    const sent = told.slice(0, Math.round(told.length * 0.85))
    const failed = told.slice(sent.length, sent.length + 4)
    const until = new Date(occurredAt + 9 * hourMs).toISOString()
    const slot = (recipient: string) => ({ i: 0, recipient, channel: 'push' as const })
    const looked = sent.slice(0, Math.round(sent.length * 0.5))
    return [
      decidedPack(told, of),
      decidedPack([], {
        ...of,
        whys: [
          { rule: 'muted_thread', value: 'Lunch on Friday' },
          { rule: 'quiet_hours', value: until },
        ],
        slots: [
          ...muted.map(one => ({ ...slot(one), what: 'suppressed_mute' as const, w: 0 })),
          ...quiet.map(one => ({ ...slot(one), what: 'held' as const, reason: 'quiet_hours' as const, w: 1 })),
        ],
      }),
      settledPack(sent, { ...of, at: occurredAt + 900 }),
      settledPack([], {
        ...{ ...of, at: occurredAt + 1_200 },
        slots: failed.map(one => ({ ...slot(one), endpoint: 'phone', what: 'address_dead' as const })),
      }),
      engagedPack(
        looked.flatMap((recipient, at) => [
          { recipient, what: 'seen' as const },
          ...(at % 2 === 0 ? [{ recipient, what: 'opened' as const }] : []),
        ]),
        { ...of, at: occurredAt + 60_000 },
      ),
    ]
  }).flat()
}
