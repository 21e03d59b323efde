import { createWriteStream } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { to as copyTo } from 'pg-copy-streams'
import type { Database } from '#runtime/postgres.ts'
import { type Took, tookOf } from './questions.ts'

/** A funnel of notifications from all events, as an analyst would write it there. `ms`, `cold`: as of the questions. */
export type DuckdbFigures = Took & { parquet_mb: number }

/** The same fold, as an analyst would write it there. */
const funnelOf = (file: string) => `with units as (
  select intent_id, recipient, channel, bool_or(kind = 'decided' and what = 'deliver') as decided,
    bool_or(kind = 'settled') as attempted, bool_or(kind = 'settled' and what in ('sent', 'delivered')) as accepted,
    bool_or(kind = 'engaged' and what in ('opened', 'read')) as opened,
    max(what) filter (where kind = 'decided' and what <> 'deliver') as refused
  from '${file}' group by all having bool_or(kind = 'decided'))
  select decided, attempted, accepted, opened, refused, count(*) from units group by all`

/** Writes all events as Parquet into a folder that it makes, and asks DuckDB for their funnel. */
export async function askDuckdb(db: Database, folder: string): Promise<DuckdbFigures> {
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
    const took = await tookOf(() => connection.runAndReadAll(funnelOf(file)))
    return { ...took, parquet_mb: Math.round((await stat(file)).size / 1e6) }
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
