import type { Connection, Database, Queryable } from '#runtime/postgres.ts'

/** The role whose rights questions have: it reads what analysts may read, and writes nothing. Made by a migration. */
const role = 'carillon_analytics'
const statementLimit = '20 s'

/**
 * Runs the queries of one question: read only, one snapshot, at most 20 s each (less, where the connection allows less), with the rights of the analysts' role where
 * the server let us make one (else with our own, read only all the same).
 */
export function asking<T>(db: Database, work: (tx: Queryable, connection: Connection) => Promise<T>): Promise<T> {
  return db.transaction(async (tx, connection) => {
    await tx.query('set transaction isolation level repeatable read, read only')
    await tx.query(
      // Events are sorted in memory; beyond this they spill to disk. Compiling expressions takes longer than they do.
      `select set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
         set_config('statement_timeout', (1000 * extract(epoch from least(nullif(current_setting('statement_timeout')::interval, '0'), $1::interval)))::int::text, true),
         (select set_config('role', rolname, true) from pg_roles where rolname = $2 and pg_has_role(current_user, oid, 'member'))`,
      [statementLimit, role],
    )
    return work(tx, connection)
  })
}
