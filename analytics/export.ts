import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { problem } from '#runtime/http.ts'
import type { Table } from './tables.ts'

const types = { text: 'VARCHAR', integer: 'BIGINT', time: 'TIMESTAMPTZ' } as const

/**
 * The rows as a Parquet file, written by DuckDB in memory and a temporary folder. DuckDB is optional: where its package is not
 * installed this is a 501 that says so.
 */
export async function parquetOf({ columns, rows }: Table): Promise<Buffer> {
  const { DuckDBInstance } = await import('@duckdb/node-api').catch(() => {
    throw problem(501, {
      detail: 'Parquet needs the optional package @duckdb/node-api, which is not installed: ask for CSV',
    })
  })
  const folder = await mkdtemp(path.join(os.tmpdir(), 'carillon-export-'))
  const instance = await DuckDBInstance.create(':memory:')
  try {
    const connection = await instance.connect()
    const quoted = columns.map(({ name }) => `"${name}"`)
    await connection.run(
      `create table answer (${columns.map(({ type }, at) => `${quoted[at]} ${types[type]}`).join(', ')})`,
    )
    // Values travel as one parameter: no text of anybody becomes SQL.
    const members = columns.map(({ type }, at) => `(row ->> ${at})::${types[type]}`)
    await connection.run(
      `insert into answer select ${members.join(', ')} from (select unnest(json_extract($1::json, '$[*]')) as row)`,
      [JSON.stringify(rows)],
    )
    const file = path.join(folder, 'answer.parquet')
    await connection.run(`copy answer to '${file.replaceAll("'", "''")}' (format parquet)`)
    connection.closeSync()
    return await readFile(file)
  } finally {
    instance.closeSync()
    await rm(folder, { recursive: true })
  }
}
