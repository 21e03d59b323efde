import type { Queryable } from '#runtime/postgres.ts'

/** What every table holds: how many rows and, in sum, which. Equal before and after what must change nothing. */
export const everyRow = (db: Queryable): Promise<{ name: string; rows: string }[]> =>
  db.query(
    `select tablename as name, query_to_xml(
       format('select count(*) as n, sum(hashtextextended(t::text, 0)::numeric) as of from %I t', tablename), false, true, ''
     )::text as rows
     from pg_tables where schemaname = 'public' order by 1`,
  )
