// A database with its schema costs most tests more than all they do with it. It is made once a day for each server, and
// copied; one that a test has left is emptied and given to the next. They are known by their names on the server, so that all
// test files share them.
import { createHash, randomBytes } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Client, escapeIdentifier, Pool } from 'pg'
import { createDatabase, dropDatabase } from '#local/postgres.ts'

export type TakenDatabase = { name: string; url: string; edition: string }

const migrations = path.join(import.meta.dirname, '..', 'db', 'migrations')
/** A server that runs longer than one run has those of other versions of the schema. */
const version = globSync('*.ts', { cwd: migrations })
  .sort()
  .reduce((hash, file) => hash.update(readFileSync(path.join(migrations, file))), createHash('sha256'))
  .digest('hex')
  .slice(0, 8)
/** Partitions end a week after the day they were made on: a server that stays up gets new ones each UTC day. */
const editionAt = (now: number) => `${new Date(now).toISOString().slice(0, 10).replaceAll('-', '')}_${version}`
const sparePrefixOf = (edition: string) => `spare_${edition}_`
const originalOf = (edition: string) => `original_${edition}`
/** What the tables of those of a server and an edition are like that nobody has changed. */
const shapes = new Map<string, string>()
const pools = new Map<string, Pool>()
/** Of whatever is asked of a server: making the original beside other work takes the longest, and who waits for it longer. */
const limits = { connectionTimeoutMillis: 300_000, query_timeout: 300_000 }
/** The advisory lock of who makes the original. */
const originalLock = 0x0419

/** Takes a database with the whole schema and nothing in it, one of the server's spare ones or a new one. */
export async function takeDatabase(server: string): Promise<TakenDatabase> {
  const name = newName()
  let edition = editionAt(Date.now())
  while (!(await takeSpare(server, { name, edition })) && !(await copyOriginal(server, { name, edition })))
    edition = await makeOriginal(server)
  const url = urlOf(server, name)
  // Copies have the very same numbers for their tables as the original has: what is true of one is true of all.
  const shape = shapes.get(server + edition) ?? (await on(url, shapeOf))
  shapes.set(server + edition, shape)
  return { name, url, edition }
}

/**
 * Ends the connections to a database, empties it, and leaves it for the next under another name, so that who still works
 * with it fails. One whose tables are not as they were is dropped, and one of another day, and one that somebody keeps locked.
 */
export async function leaveDatabase(server: string, { name, url, edition }: TakenDatabase): Promise<void> {
  const emptied = await on(url, async client => {
    await client.query(endOthers)
    if (edition !== editionAt(Date.now()) || (await shapeOf(client)) !== shapes.get(server + edition)) return false
    await client.query(empty)
    return true
  }).catch(unless(notThere, lockNotAvailable))
  const spare = `${sparePrefixOf(edition)}${name}`
  const left = emptied && (await rename(server, { from: name, to: spare }).catch(unless(inUse)))
  if (!left) await dropDatabase(server, name)
}

type Wanted = { name: string; edition: string }

async function takeSpare(server: string, { name, edition }: Wanted): Promise<boolean> {
  const { rows } = await poolOf(server).query<{ datname: string }>(
    `select datname from pg_database where starts_with(datname, $1) order by random()`,
    [sparePrefixOf(edition)],
  )
  for (const { datname } of rows) {
    // Somebody else may have taken it just now.
    if (await rename(server, { from: datname, to: name }).catch(unless(notThere, inUse))) return true
  }
  return false
}

/** Whether there is an original to copy. */
async function copyOriginal(server: string, { name, edition }: Wanted): Promise<boolean> {
  const statement = `create database ${escapeIdentifier(name)} template ${escapeIdentifier(originalOf(edition))}`
  const copy = () => poolOf(server).query(statement).catch(unless(notThere))
  try {
    return Boolean(await copy())
  } catch (error) {
    // It ends a vacuum of the original, but waits no longer than 5 s for its end.
    unless(inUse)(error as { code?: string })
    return Boolean(await copy())
  }
}

/** Gives the edition of the day. One process at a time: who waited for another finds that one's original. */
async function makeOriginal(server: string): Promise<string> {
  return on(server, async client => {
    await client.query('select pg_advisory_lock($1)', [originalLock])
    const now = Date.now()
    const edition = editionAt(now)
    const original = originalOf(edition)
    const { rows } = await client.query('select from pg_database where datname = $1', [original])
    if (rows.length > 0) return edition
    await dropOtherDays(server, edition)
    const name = newName()
    const url = await createDatabase(server, name)
    await fillOriginal(url, now)
    await on(url, inside => inside.query(endOthers))
    // Who is connected to it would keep it from being copied. A vacuum may still come.
    await client.query(`alter database ${escapeIdentifier(name)} allow_connections false`)
    await rename(server, { from: name, to: original })
    return edition
  })
}

async function fillOriginal(url: string, now: number): Promise<void> {
  // Only here, where it is rare: most test files have no use for these.
  const [{ migrate, openPostgres }, { openQueues }, { preparePartitions }] = await Promise.all([
    import('#runtime/postgres.ts'),
    import('#runtime/queues.ts'),
    import('#cli/installation.ts'),
  ])
  await using db = await openPostgres({ url, connectionsMax: 1, name: 'test' })
  await migrate(db)
  await preparePartitions(db, now)
  await using _queues = await openQueues({ postgresUrl: url, prefix: 'test', onError: () => {} })
}

/** Other versions of the schema may be at work today; nobody takes what is of another day. */
async function dropOtherDays(server: string, edition: string): Promise<void> {
  const { rows } = await poolOf(server).query<{ datname: string }>(
    `select datname from pg_database where datname ~ '^(original|spare)_[0-9a-f]{8}(_|$)' and split_part(datname, '_', 2) <> $1`,
    [edition.split('_')[0]],
  )
  for (const { datname } of rows) await dropDatabase(server, datname)
}

/** Does not return before the last of them is gone; a server that takes longer than the limit is given up on. */
const endOthers = `do $$
  declare
    until timestamptz := clock_timestamp() + interval '10 s';
  begin
    loop
      perform pg_stat_clear_snapshot();
      perform pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid();
      exit when not found or clock_timestamp() > until;
      perform pg_sleep(0.005);
    end loop;
  end $$`

/** All but what the migrations themselves wrote down, also what no trigger would let go of; numbers begin anew. */
const empty = `set session_replication_role = replica;
  set lock_timeout = '5s';
  do $$
  declare
    filled text;
  begin
    select string_agg(c.oid::regclass::text, ', ') into filled from pg_class c
      where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'bullmq') and relname !~ 'migration'
        and pg_relation_size(c.oid) > 0;
    if filled is not null then execute 'truncate ' || filled || ' cascade'; end if;
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
       (select string_agg(concat_ws(' ', setrole, setconfig), ',' order by setrole) from pg_db_role_setting
         where setdatabase = (select oid from pg_database where datname = current_database()))
     )) as shape`,
  )
  return rows[0]!.shape
}

const notThere = '3D000' // invalid_catalog_name
const inUse = '55006' // object_in_use
const lockNotAvailable = '55P03'

const unless =
  (...codes: string[]) =>
  (error: { code?: string }) => {
    if (error.code !== undefined && codes.includes(error.code)) return undefined
    throw error
  }

const rename = (server: string, { from, to }: { from: string; to: string }) =>
  poolOf(server).query(`alter database ${escapeIdentifier(from)} rename to ${escapeIdentifier(to)}`)

const newName = () => `test_${randomBytes(6).toString('hex')}`

/** For what is asked of the server itself; it keeps no process alive. */
function poolOf(server: string): Pool {
  const pool = pools.get(server) ?? new Pool({ connectionString: server, max: 1, allowExitOnIdle: true, ...limits })
  if (!pools.has(server))
    pools.set(
      server,
      pool.on('error', () => {}),
    )
  return pool
}

function urlOf(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

async function on<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, ...limits })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}
