import { promises as fs } from 'node:fs'
import path from 'node:path'
import type { Stream } from 'node:stream'
import { Kysely, PostgresDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import { Pool, type PoolClient, type Submittable } from 'pg'
import type { Schema } from '#db/schema.ts'

/** The narrow face of Postgres for hot paths: plain SQL with parameters, rows back. No named statements, no session state. */
export type Queryable = {
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

export type Database = Queryable &
  AsyncDisposable & {
    readonly kysely: Kysely<Schema>
    /** Runs `work` in one transaction on one connection; what it throws rolls back. COPY takes the connection itself. */
    transaction<T>(work: (tx: Queryable, connection: Connection) => Promise<T>): Promise<T>
  }

export type Connection = Pick<PoolClient, 'query'>

/**
 * Begins a COPY and gives its stream. pg limits it as any query, but hears nothing of its end: told here, or the limit's timer would
 * keep the process for as long.
 */
export function copying<S extends Submittable & Stream>(connection: Connection, copy: S): S {
  const stream: S & { callback?: () => void } = connection.query(copy)
  stream.once('close', () => stream.callback?.())
  return stream
}

const connectTimeoutMs = 10_000
/** No statement of the pipeline runs longer; a transaction left open by a lost process ends as well. */
const statementTimeoutMs = 30_000
const graceMs = 5_000

/** Opens a pool. `url` may point to a transaction pooler. Does not migrate. Rejects when the server cannot be reached. */
export async function openPostgres(options: {
  url: string
  connectionsMax: number
  name: string
  /** For questions that may take long, an audit of everything; the pipeline's own statements do not. */
  statementLimitMs?: number
}): Promise<Database> {
  const pool = new Pool({
    connectionString: options.url,
    max: options.connectionsMax,
    application_name: `carillon-${options.name}`,
    connectionTimeoutMillis: connectTimeoutMs,
    // Later than the server's own limit, whose error says what happened.
    query_timeout: (options.statementLimitMs ?? statementTimeoutMs) + graceMs,
    statement_timeout: options.statementLimitMs ?? statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    keepAlive: true,
  })
  // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => {})
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
  const close = async () => {
    await kysely.destroy()
    // Kysely ends no pool that it has not used.
    if (!pool.ending) await pool.end()
  }
  const database: Database = {
    kysely,
    query: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      (await pool.query<Row>(text, [...values])).rows,
    transaction: work => transaction(pool, work),
    [Symbol.asyncDispose]: close,
  }
  try {
    await database.query('select 1')
  } catch (error) {
    await close()
    // What the driver says of it names nothing that a person has set.
    if (error instanceof Error && error.message.includes('client password must be a string'))
      throw new Error('the server asks for a password, and the URL has none', { cause: error })
    throw error
  }
  return database
}

async function transaction<T>(pool: Pool, work: (tx: Queryable, connection: Connection) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  // A connection that dies between two statements says so by an event; the next statement fails anyway.
  const onError = (error: Error) => void (broken = error)
  client.on('error', onError)
  const tx: Queryable = {
    query: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      (await client.query<Row>(text, [...values])).rows,
  }
  try {
    await client.query('begin')
    const result = await work(tx, client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((failed: Error) => void (broken ??= failed))
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

/** True when the server could not be reached or is going away: wait and try again, nothing is wrong with the work. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Class 08 connection exception, 53 insufficient resources, 57P operator intervention (Appendix A of the manual).
  if (/^(08|53|57P)/.test(code)) return true
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|EAI_AGAIN)/.test(code)) return true
  if (error instanceof AggregateError) return error.errors.some(isOutage)
  return /timeout exceeded when trying to connect|Connection terminated|Query read timeout|connection error and is not queryable/.test(
    error.message,
  )
}

/** True when the transaction lost against another one (deadlock, serialization failure): the same again may succeed. */
export const isConflict = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === '40001' || error.code === '40P01')

/** True when a statement took longer than it may: another one, with less to do, may be in time. */
export const isTimeLimit = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '57014'

/**
 * True when the server refused a statement for what it is, not for what a row holds (a missing table or right, a time
 * limit): the same would happen to any row, so nothing is wrong with the work.
 */
export function blamesServer(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Class 22 data exception, 23 integrity constraint violation, 54 program limit exceeded are about the data.
  return /^[0-9A-Z]{5}$/.test(code) && !/^(22|23|54)/.test(code) && !isConflict(error)
}

/** Brings the schema up to date under a lock; many processes may call it at once. Forward only. Returns what was applied. */
export async function migrate(db: Database): Promise<string[]> {
  const folder = path.join(import.meta.dirname, '..', 'db', 'migrations')
  const migrator = new Migrator({
    db: db.kysely,
    // Steps are numbered before they are written, and may arrive in another order; none builds on another's unless it says so.
    allowUnorderedMigrations: true,
    provider: {
      async getMigrations() {
        const files = (await fs.readdir(folder)).filter(file => file.endsWith('.ts')).sort()
        const modules = files.map(
          async file => [path.basename(file, '.ts'), await import(path.join(folder, file))] as const,
        )
        return Object.fromEntries(await Promise.all(modules))
      },
    },
  })
  const { error, results } = await migrator.migrateToLatest()
  if (error) throw error
  return (results ?? []).map(result => result.migrationName)
}

/** A Postgres array literal of texts that hold no quote and no backslash (ids); cheaper than the driver's own escaping. */
export const textArray = (items: readonly string[]): string => (items.length === 0 ? '{}' : `{"${items.join('","')}"}`)
/** A Postgres array literal of numbers, or of uuids. */
export const plainArray = (items: readonly (number | string)[]): string => `{${items.join(',')}}`
