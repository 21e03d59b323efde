// A database with its schema costs most tests more than all they do with it. One that a test has left is emptied and given
// to the next; spare ones are known by their names on the server, so that all test files share them.
import { createHash, randomBytes } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Client, escapeIdentifier } from 'pg'
import { createDatabase, dropDatabase } from '#local/postgres.ts'

/** `shape` is what its tables were like when it was taken. */
export type TakenDatabase = { name: string; url: string; shape: string }

const migrations = path.join(import.meta.dirname, '..', 'db', 'migrations')
/** A server that runs longer than one run has spare ones of other versions of the schema. */
const sparePrefix = `spare_${globSync('*.ts', { cwd: migrations })
  .sort()
  .reduce((hash, file) => hash.update(readFileSync(path.join(migrations, file))), createHash('sha256'))
  .digest('hex')
  .slice(0, 8)}_`

/** Takes a database with the whole schema and nothing in it, one of the server's spare ones or a new one. */
export async function takeDatabase(server: string): Promise<TakenDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const url = (await takeSpare(server, name)) ?? (await makeDatabase(server, name))
  return { name, url, shape: await on(url, shapeOf) }
}

/**
 * Ends the connections to a database, empties it, and leaves it for the next under another name, so that who still works
 * with it fails. One whose tables are not as they were is dropped.
 */
export async function leaveDatabase(server: string, { name, url, shape }: TakenDatabase): Promise<void> {
  const emptied = await on(url, async client => {
    await client.query(endOthers)
    if ((await shapeOf(client)) !== shape) return false
    await client.query(empty)
    return true
  }).catch(notThere)
  const left = emptied && (await on(server, client => client.query(rename(name, `${sparePrefix}${name}`))).catch(inUse))
  if (!left) await dropDatabase(server, name)
}

async function takeSpare(server: string, name: string): Promise<string | undefined> {
  return on(server, async client => {
    const { rows } = await client.query<{ datname: string }>(
      `select datname from pg_database where starts_with(datname, $1) order by random()`,
      [sparePrefix],
    )
    for (const { datname } of rows) {
      // Somebody else may have taken it just now.
      const taken = await client.query(rename(datname, name)).catch(notThere)
      if (taken) return urlOf(server, name)
    }
    return undefined
  })
}

async function makeDatabase(server: string, name: string): Promise<string> {
  const url = await createDatabase(server, name)
  // Only here, where it is rare: most test files have no use for these.
  const [{ migrate, openPostgres }, { openQueues }, { preparePartitions }] = await Promise.all([
    import('#runtime/postgres.ts'),
    import('#runtime/queues.ts'),
    import('#cli/installation.ts'),
  ])
  await using db = await openPostgres({ url, connectionsMax: 1, name: 'test' })
  await migrate(db)
  await preparePartitions(db, Date.now())
  await using _queues = await openQueues({ postgresUrl: url, prefix: 'test', onError: () => {} })
  return url
}

const endOthers = `select pg_terminate_backend(pid, 5000) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()`

/** All but what the migrations themselves wrote down, also what no trigger would let go of; numbers begin anew. */
const empty = `set session_replication_role = replica;
  do $$
  declare
    one record;
    filled boolean;
    names text[] := '{}';
  begin
    for one in select c.oid::regclass::text as name from pg_class c
      where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'bullmq') and relname !~ 'migration'
    loop
      execute format('select exists (select from %s)', one.name) into filled;
      if filled then names := names || one.name; end if;
    end loop;
    if names <> '{}' then execute 'truncate ' || array_to_string(names, ', ') || ' cascade'; end if;
    perform setval(format('%I.%I', schemaname, sequencename), start_value, false) from pg_sequences where last_value is not null;
  end $$`

/** All that a test may have made, changed or dropped besides rows. */
async function shapeOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ shape: string }>(
    `with ours as (select * from pg_class where relnamespace::regnamespace::text !~ '^(pg_|information_schema)')
     select md5(concat(
       (select string_agg(concat_ws(' ', oid, relname, relnamespace, relkind, reloptions, relchecks, relreplident), ',' order by oid) from ours),
       (select string_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull, attisdropped, attstattarget, atthasdef), ',' order by attrelid, attnum)
         from pg_attribute where attrelid in (select oid from ours where relkind in ('r', 'p', 'v'))),
       (select string_agg(concat_ws(' ', oid, conname, convalidated), ',' order by oid) from pg_constraint where conrelid in (select oid from ours)),
       (select string_agg(concat_ws(' ', oid, tgname, tgenabled), ',' order by oid) from pg_trigger where not tgisinternal),
       (select string_agg(concat_ws(' ', p.oid, p.xmin), ',' order by p.oid) from pg_proc p where pronamespace::regnamespace::text !~ '^(pg_|information_schema)'),
       (select string_agg(concat_ws(' ', indexrelid, indisvalid), ',' order by indexrelid) from pg_index where indrelid in (select oid from ours)),
       (select string_agg(concat_ws(' ', inhrelid, inhdetachpending), ',' order by inhrelid) from pg_inherits),
       (select string_agg(s::text, ',') from pg_db_role_setting s)
     )) as shape`,
  )
  return rows[0]!.shape
}

const unless = (code: string) => (error: { code?: string }) => {
  if (error.code === code) return undefined
  throw error
}
/** invalid_catalog_name */
const notThere = unless('3D000')
/** object_in_use */
const inUse = unless('55006')

const rename = (from: string, to: string): string =>
  `alter database ${escapeIdentifier(from)} rename to ${escapeIdentifier(to)}`

function urlOf(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

async function on<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}
