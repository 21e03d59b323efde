import { createWriteStream } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { to as copyTo } from 'pg-copy-streams'
import { answerSeries } from '#analytics/answers.ts'
import { storePacks } from '#analytics/event-store.ts'
import { funnel } from '#analytics/funnel-store.ts'
import { recomputeHour } from '#analytics/rollup-store.ts'
import type { EventPack, EventSlot, IntentFacts } from '#contracts/event.ts'
import { intentId, newBatchId, newSetId } from '#contracts/ids.ts'
import { createDatabase, startPostgres } from '#local/postgres.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { type Database, migrate, openPostgres } from '#runtime/postgres.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { cpuOfTree } from './cpu.ts'

export type AnalyticsFigures = {
  events: number
  sink: { events_per_s: number; cpu_us: number }
  rollup_s: number
  /** ms; cold: the first time after the server was started anew. */
  funnel: Record<
    | ('raw_cold' | 'raw' | 'raw_by_provider' | 'raw_times' | 'raw_people')
    | ('rollup_cold' | 'rollup' | 'rollup_by_type' | 'rollup_series'),
    number
  >
  duckdb: { parquet_mb: number; funnel_cold: number; funnel: number }
}

const day = '2026-11-20'
const start = Date.parse(`${day}T00:00:00Z`)
const dayMs = 86_400_000
const peopleOfPack = 500
/** Intents whose packs one set of the sink holds. */
const intentsOfSet = 20
const eventsOfIntent = 2 * peopleOfPack

/**
 * Stores so many events of one day, counts them by the hour, and asks for funnels: from raw and from rollups, cold and warm, and
 * from the same rows as Parquet by DuckDB. Medians of five.
 */
export async function benchAnalytics(events: number, progress: (line: string) => void): Promise<AnalyticsFigures> {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'postgres')
  let postgres = await startPostgres({ dataDir })
  try {
    const url = await createDatabase(postgres.url, 'analytics')
    const open = () => openPostgres({ url, connectionsMax: 2, name: 'bench', statementLimitMs: 600_000 })
    let sink: AnalyticsFigures['sink']
    let rollupS: number
    {
      await using db = await open()
      await migrate(db)
      await ensurePartitions(db, { from: day, days: 1 })
      sink = await store(db, events, postgres.pid)
      progress(
        `stored ${events.toLocaleString('en')} events: ${sink.events_per_s} a second, ${sink.cpu_us} CPU-µs each`,
      )
      const begun = performance.now()
      while (await recomputeHour(db));
      rollupS = Math.round((performance.now() - begun) / 100) / 10
      progress(`counted by the hour in ${rollupS} s`)
      await db.query('vacuum analyze')
    }
    const port = Number(new URL(url).port)
    await postgres[Symbol.asyncDispose]()
    postgres = await startPostgres({ dataDir, port })
    await using db = await open()
    const times = await ask(db)
    progress(`funnels: ${JSON.stringify(times)}`)
    const duckdb = await askDuckdb(db, path.join(folder.path, 'parquet'))
    progress(`duckdb: ${JSON.stringify(duckdb)}`)
    return { events, sink, rollup_s: rollupS, funnel: times, duckdb }
  } finally {
    await postgres[Symbol.asyncDispose]()
  }
}

async function store(db: Database, events: number, pid: number): Promise<AnalyticsFigures['sink']> {
  const [cpu, own, begun] = [cpuOfTree(pid), process.cpuUsage(), performance.now()]
  let making = 0
  let makingCpu = 0
  for (let stored = 0; stored < events;) {
    const [from, before] = [performance.now(), process.cpuUsage()]
    const packs = Array.from({ length: intentsOfSet }, (_, n) => packsOf(stored / eventsOfIntent + n, events)).flat()
    making += performance.now() - from
    const made = process.cpuUsage(before)
    makingCpu += made.user + made.system
    stored += (await storePacks(db, packs)).events
  }
  const seconds = (performance.now() - begun - making) / 1000
  const { user, system } = process.cpuUsage(own)
  const cpuUs = cpuOfTree(pid) - cpu + user + system - makingCpu
  return { events_per_s: Math.round(events / seconds), cpu_us: Math.round((cpuUs / events) * 10) / 10 }
}

const types = Array.from({ length: 20 }, (_, n) => `type.${n}`)

/** An intent to 500 people, decided and then settled: one of ten is refused by a rule, another one looks, at a time of their own. */
function packsOf(n: number, events: number): EventPack[] {
  const occurredAt = start + Math.floor(((n * eventsOfIntent) / events) * dayMs)
  const intents: IntentFacts[] = [
    {
      ...{
        id: intentId({ producer: 'bench', key: String(n) }),
        type: types[n % types.length]!,
        category: `category-${n % 5}`,
      },
      ...{ producer: 'bench', lane: 'default', occurredAt },
    },
  ]
  const [set, batch] = [newSetId(), newBatchId()]
  const common = { v: 1, day, intents, set } as const
  const slots = Array.from({ length: peopleOfPack }, (_, at): EventSlot => ({
    ...{ i: 0, recipient: `user-${(n * 7919 + at * 104_729) % 200_000}`, channel: 'push', what: 'deliver', w: 0 },
    ...(at % 10 === 0 && { what: 'throttled' as const, w: 1 }),
  }))
  const settled = slots.flatMap(({ i, recipient, channel }, at): EventSlot[] =>
    at % 10 === 0 ? [] : [{ i, recipient, channel, endpoint: `device-${at}`, what: 'sent' }],
  )
  const opened = settled.filter((_, at) => at % 9 === 0)
  const whys = [{ rule: 'default' as const }, { rule: 'throttled' as const, value: '10/1h' }]
  return [
    { ...common, pack: `${set}/decided`, at: occurredAt + 20, kind: 'decided', whys, slots },
    {
      ...common,
      pack: `${batch}/settled`,
      at: occurredAt + 900,
      kind: 'settled',
      batch,
      provider: 'fcm',
      whys: [],
      slots: settled,
    },
    ...opened.map((slot, at): EventPack => ({
      ...{
        ...common,
        pack: `${batch}/${at}/opened`,
        kind: 'engaged',
        at: occurredAt + 5_000 + at * 7_919,
        provider: 'fcm',
      },
      ...{ whys: [], slots: [{ ...slot, what: 'opened' }] },
    })),
  ]
}

async function ask(db: Database): Promise<AnalyticsFigures['funnel']> {
  const time = { since: start, until: start + dayMs }
  const series = { ...time, by: 'type', source: 'rollup', bucket: 'hour', zone: 'UTC' } as const
  const rolledUp = { ...time, source: 'rollup' } as const
  return {
    rollup_cold: await took(() => funnel(db, rolledUp), 1),
    rollup: await took(() => funnel(db, rolledUp)),
    rollup_by_type: await took(() => funnel(db, { ...rolledUp, by: 'type' })),
    rollup_series: await took(() => answerSeries({ db, now: start + dayMs, groupMin: 5 }, series)),
    raw_cold: await took(() => funnel(db, time), 1),
    raw: await took(() => funnel(db, time)),
    raw_by_provider: await took(() => funnel(db, { ...time, by: 'provider' })),
    raw_times: await took(() => funnel(db, { ...time, windowMs: 3_600_000, times: true })),
    raw_people: await took(() => funnel(db, { ...time, unit: 'recipient' })),
  }
}

/** The same fold, as an analyst would write it there. */
const duckdbFunnel = (file: string) => `with units as (
  select intent_id, recipient, channel, bool_or(kind = 'decided' and what = 'deliver') as decided,
    bool_or(kind = 'settled') as attempted, bool_or(kind = 'settled' and what in ('sent', 'delivered')) as accepted,
    bool_or(kind = 'engaged' and what in ('opened', 'read')) as opened,
    max(what) filter (where kind = 'decided' and what <> 'deliver') as refused
  from '${file}' group by all having bool_or(kind = 'decided'))
  select decided, attempted, accepted, opened, refused, count(*) from units group by all`

async function askDuckdb(db: Database, folder: string): Promise<AnalyticsFigures['duckdb']> {
  await mkdir(folder)
  const [csv, file] = [path.join(folder, 'events.csv'), path.join(folder, 'events.parquet')]
  await exportCsv(db, csv)
  const instance = await DuckDBInstance.create(':memory:')
  try {
    const connection = await instance.connect()
    await connection.run(
      `copy (select * from read_csv('${csv}', header = true, all_varchar = true)) to '${file}' (format parquet)`,
    )
    await rm(csv)
    const run = () => connection.runAndReadAll(duckdbFunnel(file))
    const cold = await took(run, 1)
    return { parquet_mb: Math.round((await stat(file)).size / 1e6), funnel_cold: cold, funnel: await took(run) }
  } finally {
    instance.closeSync()
  }
}

async function exportCsv(db: Database, file: string): Promise<void> {
  await db.transaction(async (_, connection) => {
    const rows = connection.query(copyTo('copy (select * from delivery_events) to stdout with (format csv, header)'))
    await pipeline(rows, createWriteStream(file))
  })
}

/** The median in ms. */
async function took(work: () => Promise<unknown>, rounds = 5): Promise<number> {
  const all: number[] = []
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now()
    await work()
    all.push(performance.now() - begun)
  }
  return Math.round(all.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!)
}
