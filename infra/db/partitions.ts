/** What this file needs of a connection: plain SQL, outside a transaction (`detach … concurrently` refuses to run in one). */
type Connection = { query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]> }

/** Days kept ready ahead of today: a scheduler that stands still for a week stops nothing. */
export const daysAhead = 7

/**
 * Makes the partitions of `days` days from the UTC day `from` on (`2026-11-21`), for every table that is cut by day.
 * Existing ones stay as they are; many processes may ask at once; writers are not blocked. There is no default
 * partition: a row of a day that nobody asked for fails loudly.
 */
export async function ensurePartitions(db: Connection, { from, days }: { from: string; days: number }): Promise<void> {
  const wanted = Array.from({ length: days }, (_, n) => addDays(from, n)).flatMap(day =>
    tables.map(table => ({ table, day, name: partitionOf(table, day) })),
  )
  const missing = await db.query<{ name: string }>(
    `select name from unnest($1::text[]) as name where not exists (select from pg_inherits where inhrelid = to_regclass(name))`,
    [wanted.map(one => one.name)],
  )
  if (missing.length === 0) return
  const names = new Set(missing.map(row => row.name))
  await db.query(
    `do $do$ begin
      perform pg_advisory_xact_lock(${creationLock});
      ${wanted
        .filter(one => names.has(one.name))
        .map(createStatements)
        .join('\n')}
    end $do$`,
  )
}

/**
 * Drops the partitions of all days of the ledger (sets and batches) and of the events before a UTC day each, and gives
 * their names. A day of batches stays while one of its batches is open. Readers and writers are not blocked. Throws when
 * a day is in the future.
 */
export async function dropPartitions(
  db: Connection,
  { ledgerBefore, eventsBefore }: { ledgerBefore: string; eventsBefore: string },
): Promise<string[]> {
  const before = tables.map(table => (storage[table].keeps === 'ledger' ? ledgerBefore : eventsBefore))
  const old = await db.query<{ name: string; table: Table; attached: boolean; pending: boolean; future: boolean }>(
    `select c.relname as name, t.name as table, i.inhrelid is not null as attached, coalesce(i.inhdetachpending, false) as pending,
       t.before > (now() at time zone 'utc')::date as future
     from unnest($1::text[], $2::date[]) with ordinality as t(name, before, place)
     join pg_class c on c.relname ~ ('^' || t.name || '_\\d{8}$') and c.relnamespace = current_schema()::regnamespace
     left join pg_inherits i on i.inhrelid = c.oid
     where c.relkind = 'r' and right(c.relname, 8) < to_char(t.before, 'YYYYMMDD')
     order by right(c.relname, 8), t.place`,
    [tables, before],
  )
  if (old.some(row => row.future))
    throw new Error(`partitions before ${[...new Set(before)].join(' and ')}: days that are not over stay`)
  const dropped: string[] = []
  for (const { name, table, attached, pending } of old) {
    if (table === 'batches' && (await hasOpenBatch(db, name))) continue
    try {
      // A detach that was cut off half-way stays pending, and a table that was detached waits to be dropped.
      if (pending) await db.query(`alter table ${table} detach partition ${name} finalize`)
      else if (attached) await db.query(`alter table ${table} detach partition ${name} concurrently`)
      await db.query(`drop table ${name}`)
      dropped.push(name)
    } catch (error) {
      if (!isSomebodyElses(error)) throw error
    }
  }
  return dropped
}

const creationLock = 726_001_001

/**
 * How a day of each table is stored. Neither `with` nor statistics targets are taken over from the parent. A day's tables
 * are dropped in this order.
 */
const storage = {
  sets: { keeps: 'ledger', with: '', unsearched: [] },
  batches: {
    keeps: 'ledger',
    // Room for the claim, which is a heap-only update; nothing in it is read by an index-only scan.
    with: 'with (fillfactor = 70, autovacuum_vacuum_insert_threshold = -1)',
    unsearched: ['recipients', 'endpoints', 'intents', 'picks', 'payload', 'whys', 'outcomes'],
  },
  event_packs: { keeps: 'events', with: '', unsearched: [] },
  // Vacuum also summarises the BRIN index: what it has not come to yet is read whole.
  delivery_events: { keeps: 'events', with: 'with (autovacuum_vacuum_insert_scale_factor = 0.05)', unsearched: [] },
} as const
type Table = keyof typeof storage
const tables = Object.keys(storage) as Table[]

/** The partition of a table that holds a UTC day. */
export const partitionOf = (table: Table, day: string): string => `${table}_${day.replaceAll('-', '')}`

function addDays(day: string, days: number): string {
  const at = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN
  if (Number.isNaN(at)) throw new Error(`"${day}" is not a day: write it like 2026-11-21`)
  return new Date(at + days * 86_400_000).toISOString().slice(0, 10)
}

/** `create table … partition of` would lock the parent against everybody; attaching a like table does not. */
function createStatements({ table, day, name }: { table: Table; day: string; name: string }): string {
  const { with: parameters, unsearched } = storage[table]
  const statistics = unsearched.map(column => `alter table ${name} alter ${column} set statistics 0;`).join('\n')
  return `if not exists (select from pg_inherits where inhrelid = to_regclass('${name}')) then
      create table if not exists ${name} (like ${table} including all) ${parameters};
      ${statistics}
      alter table ${table} attach partition ${name} for values from ('${day}') to ('${addDays(day, 1)}');
    end if;`
}

async function hasOpenBatch(db: Connection, partition: string): Promise<boolean> {
  const rows = await db.query(`select 1 from ${partition} where closed_at is null limit 1`).catch((error: unknown) => {
    if (isSomebodyElses(error)) return []
    throw error
  })
  return rows.length > 0
}

/** Another process drops the same partition: undefined_table, object_not_in_prerequisite_state. */
const isSomebodyElses = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === '42P01' || error.code === '55000')
