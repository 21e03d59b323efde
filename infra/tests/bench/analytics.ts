import path from 'node:path'
import { recomputeHour } from '#analytics/rollup-store.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { createDatabase, startPostgres } from '#local/postgres.ts'
import { type Database, migrate, openPostgres } from '#runtime/postgres.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { day, storeDay, type StoringFigures } from './day.ts'
import { drainBacklog, type DrainFigures, timesFanoutMin } from './drain.ts'
import { askDuckdb, type DuckdbFigures } from './duckdb.ts'
import { type Question, type QuestionName, questions, type Took, tookOf } from './questions.ts'

export type AnalyticsFigures = {
  events: number
  sink: DrainFigures
  storing: StoringFigures
  rollup_s: number
  asked: Record<QuestionName, Took>
  duckdb: DuckdbFigures
}

const backlogMax = 2_000_000

/** Lets a sink drain a backlog of real packs, and then asks what is asked of so many events of one day. */
export async function benchAnalytics(events: number, progress: (line: string) => void): Promise<AnalyticsFigures> {
  const sink = await drainBacklog(Math.min(events, backlogMax), progress)
  progress(`the sink: ${JSON.stringify(sink)}`)
  return { events, sink, ...(await askOfDay(events, progress)) }
}

/** Stores the events, counts them by the hour, and asks; the funnel also of DuckDB, which has the same rows as Parquet. */
async function askOfDay(
  events: number,
  progress: (line: string) => void,
): Promise<Omit<AnalyticsFigures, 'events' | 'sink'>> {
  await using folder = await temporaryFolder()
  await using server = await openServer(path.join(folder.path, 'postgres'))
  const { intents, rollup_s, ...storing } = await fill(server, events, progress)
  const asked = {} as AnalyticsFigures['asked']
  for (const [name, question] of Object.entries<Question>(questions)) {
    asked[name as QuestionName] = await tookAnew(server, question, intents)
    progress(`${question.label}: ${JSON.stringify(asked[name as QuestionName])}`)
  }
  await using db = await server.open()
  const duckdb = await askDuckdb(db, path.join(folder.path, 'parquet'))
  progress(`duckdb: ${JSON.stringify(duckdb)}`)
  return { storing, rollup_s, asked, duckdb }
}

/** What was promised of these figures and is not so. */
export function missed({ sink, asked }: AnalyticsFigures): string[] {
  const late = Object.entries<Question>(questions).filter(
    ([name, { limit = Infinity }]) => asked[name as QuestionName].ms > limit,
  )
  return [
    ...(sink.times_fanout < timesFanoutMin
      ? [`the sink drains ${sink.times_fanout} times what fan-out makes, not ${timesFanoutMin}`]
      : []),
    ...late.map(([name, { label, limit }]) => `${label}: ${asked[name as QuestionName].ms} ms, not ${limit}`),
  ]
}

type Server = AsyncDisposable & {
  readonly pid: number
  open(): Promise<Database>
  /** Nothing is in its memory then. */
  restart(): Promise<void>
}

async function openServer(dataDir: string): Promise<Server> {
  let postgres = await startPostgres({ dataDir })
  const url = await createDatabase(postgres.url, 'analytics')
  return {
    get pid() {
      return postgres.pid
    },
    open: () => openPostgres({ url, connectionsMax: 2, name: 'bench', statementLimitMs: 600_000 }),
    async restart() {
      await postgres[Symbol.asyncDispose]()
      postgres = await startPostgres({ dataDir, port: Number(new URL(url).port) })
    },
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  }
}

async function fill(server: Server, events: number, progress: (line: string) => void) {
  await using db = await server.open()
  await migrate(db)
  await ensurePartitions(db, { from: day, days: 1 })
  const stored = await storeDay(db, { events, pid: server.pid })
  progress(
    `stored ${events.toLocaleString('en')} events: ${stored.events_per_s} a second, ${stored.cpu_us} CPU-µs each`,
  )
  const begun = performance.now()
  while (await recomputeHour(db));
  const rollupS = Math.round((performance.now() - begun) / 100) / 10
  progress(`counted by the hour in ${rollupS} s`)
  await db.query('vacuum analyze')
  return { ...stored, rollup_s: rollupS }
}

async function tookAnew(server: Server, { prepare, ask }: Question, intents: number): Promise<Took> {
  if (prepare) {
    await using db = await server.open()
    await prepare(db)
  }
  await server.restart()
  await using db = await server.open()
  return await tookOf(() => ask(db, intents))
}
