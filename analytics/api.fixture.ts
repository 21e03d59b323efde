import { ensurePartitions } from '#db/partitions.ts'
import { problem } from '#runtime/http.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { day, decidedPack, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import type { ReaderOf } from './questions-api.ts'
import { recomputeHour } from './rollup-store.ts'
import { serveAnalytics } from './served.fixture.ts'

const readerOf: ReaderOf = async ({ headers }) => {
  if (headers.authorization !== 'Bearer good') throw problem(401, {})
  return { name: 'eve' }
}

/** The API over three pushes, of which two were sent. */
export async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 2 })
  await storePacks(db, [decidedPack(people(3)), settledPack(people(2))])
  const { app } = serveAnalytics({ db, readerOf, groupMin: 2 })
  started.defer(() => app.close())
  const running = started.move()
  return {
    rollUp: async () => {
      while (await recomputeHour(db));
    },
    store: (packs: Parameters<typeof storePacks>[1]) => storePacks(db, packs),
    did: (recipient: string, event: string) =>
      db.query('insert into product_events (recipient, event, at) values ($1, $2, now())', [recipient, event]),
    file: (url: string) => app.inject({ url, headers: { authorization: 'Bearer good' } }),
    get: async (url: string, authorization = 'Bearer good') => {
      const answer = await app.inject({ url, headers: { authorization } })
      return { status: answer.statusCode, type: answer.headers['content-type'], body: answer.json<unknown>() }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
