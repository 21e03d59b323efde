import { to as copyTo } from 'pg-copy-streams'
import type { EpochMs } from '#contracts/ids.ts'
import { type Connection, copying, type Queryable } from '#runtime/postgres.ts'
import { purgeStep } from '#runtime/purge-step.ts'
import { eachCopiedRow, timestampAt } from './copied-rows.ts'
import { type Folded, hourMs, packFold, type Stored, unpackFold } from './fold.ts'
import { fieldsApart, type Folding, startFolding } from './folding.ts'
import { type Numbered, openNumbered } from './numbered.ts'

/** A transaction, and its connection for COPY. */
export type Tx = { tx: Queryable; connection: Connection }

// Without what is not asked of funnels: endpoints, values of rules, places in the ledger.
const commonFields = ['category', 'lane', 'producer', 'tenant', 'channel']
const flag = (column: string) => `case ${column} when true then '1' when false then '0' end`
const saidFields = [
  ...['kind', 'what'],
  // What moved to another account without a call is told by the value alone.
  `case when rule = 'rerouted' and rule_value like '% unfit' then 'unfit' else rule end`,
  ...[
    'provider',
    'platform',
    'app_version',
    flag('simulated'),
    'arm',
    'locale',
    flag('coalesce(called, false)'),
    flag('success'),
  ],
]
const texts = (fields: readonly string[]) =>
  `concat_ws(E'\\x1f', ${fields.map(one => `coalesce(${one}, '')`).join(', ')})`
/** What is told of an event to a folding. */
export const foldedColumns = { common: texts(commonFields), said: texts(saidFields) }
const keyFields = ['intent_id', 'hashtextextended(recipient, 0)', 'occurred_at', 'at']
const columns = [...keyFields, 'type', ...commonFields, ...saidFields]
const field = { intent: 0, person: 1, occurredAt: 2, at: 3, type: 4 }

// Asked for by a query of its own: a setting is read anew for every row that it is compared with.
const cohortSet = `current_setting('carillon.cohort')::timestamptz`

/**
 * Reads the events of types in an hour, by the time of their intents, and folds them, a fold for each type. A snapshot's own events, all
 * of them, in whatever order they are stored: to have them sorted takes longer than all else.
 */
export async function foldHour(
  { tx, connection }: Tx,
  { cohort, types }: { cohort: EpochMs; types: readonly string[] },
  tell: (fold: Folded) => void,
): Promise<void> {
  // COPY takes no parameters; a setting of the transaction is text, whatever stands in it.
  await tx.query(
    `select set_config('carillon.cohort', to_timestamp($1 / 1000.0)::text, true), set_config('carillon.types', $2::text[]::text, true)`,
    [cohort, types],
  )
  const statement = `copy (select ${columns.join(', ')} from delivery_events
    where occurred_at >= (select ${cohortSet}) and occurred_at < (select ${cohortSet} + interval '1 hour')
      and day >= (select (${cohortSet} at time zone 'utc')::date - 1)
      and type in (select unnest(current_setting('carillon.types')::text[]))) to stdout (format binary)`
  const open = new Map<string, { numbered: Numbered; folding: Folding; kinds: Map<string, number> }>()
  const toldOf = openFields(field.type, columns.length, ([type, ...texts]) => {
    const said = texts.splice(commonFields.length).join(fieldsApart)
    const common = texts.join(fieldsApart)
    let of = open.get(type!)
    if (!of) {
      of = { numbered: openNumbered(), folding: startFolding({ cohort, type: type! }), kinds: new Map() }
      open.set(type!, of)
    }
    const kind = of.kinds.get(common) ?? of.kinds.size
    of.kinds.set(common, kind)
    return { ...of, kind, common, said }
  })
  await eachCopiedRow(copying(connection, copyTo(statement)), columns.length, (bytes, starts, lengths) => {
    const { numbered, folding, kind, common, said } = toldOf(bytes, starts, lengths)
    const [intent, person] = [starts[field.intent]!, starts[field.person]!]
    folding.add({
      notification: numbered.numberOf(bytes, { intent, person, kind }),
      common,
      said,
      occurredAt: timestampAt(bytes, starts[field.occurredAt]!),
      person: [bytes.readUInt32BE(person), bytes.readUInt32BE(person + 4)],
      at: timestampAt(bytes, starts[field.at]!),
    })
  })
  for (const [type, { folding }] of open) {
    open.delete(type)
    tell(folding.done())
  }
}

/** What is made of the texts of fields from one on to before another: once of those that are alike. */
function openFields<T>(from: number, to: number, make: (texts: string[]) => T) {
  const known = new Map<string, T>()
  // Most rows say what the one before says.
  let last: { key: Buffer; made: T } | undefined
  return (bytes: Buffer, starts: Int32Array, lengths: Int32Array): T => {
    const endOf = (field: number) => starts[field]! + Math.max(0, lengths[field]!)
    // With their lengths, which tell where each begins.
    const [begin, end] = [starts[from]! - 4, endOf(to - 1)]
    if (last?.key.length === end - begin && last.key.compare(bytes, begin, end) === 0) return last.made
    const key = bytes.toString('latin1', begin, end)
    let made = known.get(key)
    if (made === undefined) {
      const fields = Array.from({ length: to - from }, (_, nth) => from + nth)
      known.set(key, (made = make(fields.map(one => bytes.toString('utf8', starts[one], endOf(one))))))
    }
    last = { key: Buffer.from(bytes.subarray(begin, end)), made }
    return made
  }
}

/** How many events there are of types in an hour. */
export async function eventsOfHour(
  tx: Queryable,
  { cohort, types }: { cohort: EpochMs; types: readonly string[] },
): Promise<Map<string, number>> {
  const rows = await tx.query<{ type: string; n: number }>(
    `select type, count(*)::float8 as n from delivery_events
     where occurred_at >= $1 and occurred_at < $1::timestamptz + interval '1 hour' and day >= ($1::timestamptz at time zone 'utc')::date - 1
       and type = any($2::text[]) group by type`,
    [new Date(cohort), types],
  )
  return new Map(rows.map(({ type, n }) => [type, n]))
}

/** A fold as its row holds it. */
export type StoredFold = Stored & Pick<Folded, 'cohort' | 'type'>
export const storedFold = (fold: Folded): StoredFold => ({ cohort: fold.cohort, type: fold.type, ...packFold(fold) })

/** Puts a fold in the place of what there was of its hour and type. */
export async function writeFold(tx: Queryable, fold: StoredFold): Promise<void> {
  const { cohort, type, words, stories, notifications, people } = fold
  await tx.query(
    `insert into folded_hours (cohort, type, words, stories, notifications, people)
     values (to_timestamp($1 / 1000.0), $2, $3, $4, $5, $6)
     on conflict (cohort, type) do update set words = excluded.words, stories = excluded.stories,
       notifications = excluded.notifications, people = excluded.people`,
    [cohort, type, words, stories, notifications, people],
  )
}

export type AskedFolds = {
  since?: number | undefined
  until?: number | undefined
  /** None is all. */
  types?: readonly string[] | undefined
  each: 'stories' | 'notifications' | 'people'
  /** Hours that are to be counted anew: told as they were counted last, read from the events (seconds for a large hour), or left out. */
  marked: 'as_counted' | 'anew' | 'left_out'
}

/** Every event of the hours that are asked for, folded, as it is stored. Needs one snapshot: a transaction that is `repeatable read`. */
export async function eachFold(at: Tx, asked: AskedFolds, tell: (fold: Folded) => void): Promise<void> {
  const { tx, connection } = at
  const { since, until, types, each, marked } = asked
  const times = [since === undefined ? null : Math.floor(since / hourMs) * hourMs, until ?? null]
  const [from, to] = [
    `coalesce(to_timestamp($1::float8 / 1000.0), '-infinity')`,
    `coalesce(to_timestamp($2::float8 / 1000.0), 'infinity')`,
  ]
  const dirty = await tx.query<{ cohort: Date; types: string[] }>(
    `select cohort, array_agg(distinct type) as types from rollup_marks
     where $4 and cohort >= ${from} and cohort < ${to} and ($3::text[] is null or type = any($3)) group by cohort`,
    [...times, types ?? null, marked === 'anew'],
  )
  await tx.query(
    `select set_config('carillon.from', ${from}::text, true), set_config('carillon.to', ${to}::text, true), set_config('carillon.types', $3::text[]::text, true)`,
    [...times, types ?? []],
  )
  const columnIf = (column: string, wanted: boolean) => (wanted ? column : `''::bytea`)
  const statement = `copy (select cohort, type, words, stories, ${columnIf('notifications', each !== 'stories')},
      ${columnIf('people', each === 'people')} from folded_hours as f
    where cohort >= (select current_setting('carillon.from')::timestamptz) and cohort < (select current_setting('carillon.to')::timestamptz)
      ${types ? `and type in (select unnest(current_setting('carillon.types')::text[]))` : ''}
      ${marked !== 'as_counted' ? 'and not exists (select from rollup_marks m where (m.cohort, m.type) = (f.cohort, f.type))' : ''}
    order by cohort) to stdout (format binary)`
  await eachCopiedRow(copying(connection, copyTo(statement)), 6, (bytes, starts, lengths) => {
    const field = (at: number) => bytes.subarray(starts[at], starts[at]! + lengths[at]!)
    tell(
      unpackFold({
        ...{ cohort: timestampAt(bytes, starts[0]!), type: field(1).toString(), words: field(2).toString() },
        ...{ stories: field(3), notifications: field(4), people: field(5) },
      }),
    )
  })
  for (const { cohort, types } of dirty) await foldHour(at, { cohort: cohort.getTime(), types }, tell)
}

/** The hours that have folds, the newest first. */
export async function foldedHours(
  tx: Queryable,
  { since, until, types }: Pick<AskedFolds, 'since' | 'until' | 'types'>,
): Promise<EpochMs[]> {
  const rows = await tx.query<{ ms: number }>(
    `select distinct extract(epoch from cohort)::float8 * 1000 as ms from folded_hours
     where cohort >= coalesce(to_timestamp($1::float8 / 1000.0), '-infinity') and cohort < coalesce(to_timestamp($2::float8 / 1000.0), 'infinity')
       and ($3::text[] is null or type = any($3)) order by ms desc`,
    [since === undefined ? null : Math.floor(since / hourMs) * hourMs, until ?? null, types ?? null],
  )
  return rows.map(({ ms }) => ms)
}

/** Forgets folds whose events are gone, in small steps. True when there is more. */
export const purgeFolds = (db: Queryable, { before }: { before: EpochMs }): Promise<boolean> =>
  purgeStep(
    db,
    `delete from folded_hours where (cohort, type) in (
       select cohort, type from folded_hours where cohort < to_timestamp($1 / 1000.0) limit $2 for update skip locked)`,
    [before],
  )
