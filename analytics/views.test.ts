import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EventPack } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { decidedPack, engagedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { asking } from './asking.ts'
import { startCounting } from './count.ts'
import { happened, packOf } from './happened.fixture.ts'
import { storePacks } from './event-store.ts'
import { eachFold } from './fold-store.ts'
import type { Dimension } from './question.ts'
import { recomputeHour } from './rollup-store.ts'
import { stages, untold } from './stages.ts'

const folder = (name: string) => path.join(import.meta.dirname, name)

async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  const now = Date.now() - 1000
  const day = new Date(now).toISOString().slice(0, 10)
  await ensurePartitions(db, { from: day, days: 1 })
  const of = { day, at: now, intents: [intentFacts('k', { occurredAt: now })] }
  const decided = decidedPack(people(4), of)
  for (const slot of decided.slots) slot.arm = 'wording/long'
  await storePacks(db, [
    decided,
    settledPack(people(3), of),
    engagedPack([{ recipient: 'user-0', what: 'opened' }], of),
  ])
  while (await recomputeHour(db));
  const running = started.move()
  return { db, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

test('every ready query runs with the rights of analysts, and finds what is there', async () => {
  await using world = await setup()
  const files = (await readdir(folder('views'))).filter(file => file.endsWith('.sql'))
  assert.ok(files.length >= 6)
  const readme = await readFile(folder('views/README.md'), 'utf8')
  for (const file of files) {
    const text = await readFile(path.join(folder('views'), file), 'utf8')
    const rows = await asking(world.db, tx => tx.query(text))
    assert.ok(rows.length > 0, file)
    assert.ok(readme.includes(`(${file})`), `${file} is not in the README`)
  }
})

test('who asks may read what analysts may, and change nothing', async () => {
  await using world = await setup()
  const forbidden = [
    ['delete from delivery_events', /read-only transaction/],
    ['select * from admitted', /permission denied/],
    ['select * from recipients', /permission denied/],
    ['select endpoint from consent_log', /permission denied/],
    ['select * from producer_tokens', /permission denied/],
  ] as const
  for (const [text, why] of forbidden)
    await assert.rejects(
      asking(world.db, tx => tx.query(text)),
      why,
      text,
    )
})

/** What the view gives, in its order, with the paths that it reads. */
const bigQueryColumns = (sql: string) =>
  [...sql.slice(sql.lastIndexOf('SELECT')).matchAll(/^ {2}(.+) AS (\w+),?$/gm)].map(([, from, name]) => ({
    name: name!,
    paths: [...from!.matchAll(/JSON_VALUE\((\w+), '\$\.(\w+)'\)/g)].map(([, of, field]) => `${of}.${field}`),
  }))

/** The function as DuckDB reads it: the same query, with other names for what JSON, arrays and times are asked by. */
const inDuckdb = (sql: string): string =>
  [
    [
      /CREATE OR REPLACE TABLE FUNCTION `carillon\.(\w+)`\((\w+) DATE, (\w+) DATE\)\nAS \(/,
      'create macro $1($2, $3) as table',
    ],
    [/\n\);\s*$/, ';'],
    [/`carillon\.(\w+)`/g, '$1'],
    [/\[(?:SAFE_)?OFFSET\(/g, '[1 + ('],
    [/UNNEST\((.*)\) AS slot/, 'UNNEST($1) AS u(slot)'],
    [/\bTIMESTAMP\(/g, 'midnight('],
    [/JSON_VALUE/g, 'json_extract_string'],
    [/TIMESTAMP_MILLIS/g, 'epoch_ms'],
    [/INT64/g, 'bigint'],
  ].reduce((text, [from, to]) => text.replace(from as RegExp, to as string), sql)

const dayOf = (n: number) => new Date(Date.UTC(2026, 0, 10 + n)).toISOString().slice(0, 10)

/** Packs of three days, six events a day. */
const threeDays = (): EventPack[] =>
  [0, 1, 2].flatMap(n => {
    const at = Date.UTC(2026, 0, 10 + n, 12)
    const intents = [intentFacts(`k${n}`, { occurredAt: at, tenant: 'acme', success: n === 1 })]
    const of = { day: dayOf(n), at, intents }
    const settled = settledPack(people(2), { ...of, whys: [{ rule: 'rejected', value: 'spam' }] })
    const rejected = { what: 'rejected', w: 0, called: true, platform: 'ios', version: '8.0', arm: 'a/b' }
    Object.assign(settled.slots[0]!, rejected)
    const seen = engagedPack([{ recipient: 'user-1', what: 'seen' }], { ...of, simulated: true })
    return [decidedPack(people(3), of), settled, seen]
  })

/** Published soon, and once more: after midnight, or by a clock that is behind just before its day began. */
const publishedAfterMs = [20, 13 * 3_600_000, -12 * 3_600_000 - 1]

async function openBigQuery(packs: readonly EventPack[]) {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:')
  const duckdb = await instance.connect()
  for (const text of [
    'create table event_packs (publish_time timestamp, data json)',
    'create macro JSON_QUERY_ARRAY(given, place) as json_extract(given, place)::json[]',
    'create macro midnight(date) as date::timestamp',
    'create macro TIMESTAMP_SUB(instant, span) as instant - span',
    'create macro TIMESTAMP_ADD(instant, span) as instant + span',
    inDuckdb(await readFile(folder('bigquery/delivery_events.sql'), 'utf8')),
  ])
    await duckdb.run(text)
  for (const pack of packs)
    for (const after of publishedAfterMs) {
      const values = [pack.at + after, JSON.stringify(pack)]
      await duckdb.run('insert into event_packs values (epoch_ms($1::bigint), $2::json)', values)
    }
  return {
    query: async (text: string) => (await duckdb.runAndReadAll(text)).getRowObjectsJson(),
    [Symbol.dispose]: () => instance.closeSync(),
  }
}

test('BigQuery’s function tells of days what Postgres stores, of each pack once', async () => {
  await using world = await setup()
  const { db } = world
  await ensurePartitions(db, { from: dayOf(0), days: 3 })
  const packs = threeDays()
  await storePacks(db, packs)
  using bigquery = await openBigQuery(packs)
  const names = bigQueryColumns(await readFile(folder('bigquery/delivery_events.sql'), 'utf8')).map(({ name }) => name)
  const textsOf = (msOf: (name: string) => string) =>
    names.map(name => `${/(^|_)at$/.test(name) ? msOf(`"${name}"`) : `"${name}"`}::text as "${name}"`).join(', ')
  const inOrder = (rows: readonly object[]) => rows.map(row => JSON.stringify(row)).toSorted()
  for (const [first, last] of [0, 1, 2].flatMap(
    n =>
      [
        [n, n],
        [0, n],
      ] as const,
  )) {
    const [from, to] = [dayOf(first), dayOf(last)]
    const told = await bigquery.query(
      `select ${textsOf(name => `epoch_ms(${name})`)} from delivery_events('${from}'::date, '${to}'::date)`,
    )
    const stored = await db.query(
      `select ${textsOf(name => `(extract(epoch from ${name}) * 1000)::bigint`)} from delivery_events where day between $1 and $2`,
      [from, to],
    )
    assert.equal(stored.length, (last - first + 1) * 6)
    assert.deepEqual(inOrder(told), inOrder(stored))
  }
})

test('BigQuery’s function has the columns of ours, each read from a field of the contract', async () => {
  await using world = await setup()
  const sql = await readFile(folder('bigquery/delivery_events.sql'), 'utf8')
  const columns = await world.db.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = 'delivery_events'::regclass and attnum > 0 order by attnum`,
  )
  const found = bigQueryColumns(sql)
  assert.deepEqual(
    found.map(column => column.name),
    columns.map(column => column.name),
  )
  type Shape = {
    properties: Record<string, { items?: { properties?: object } }>
    $defs: Record<string, { properties?: object }>
  }
  const file = path.join(import.meta.dirname, '..', 'infra/contracts/event-pack.schema.json')
  const schema = JSON.parse(await readFile(file, 'utf8')) as Shape
  const shapes: Record<string, object> = {
    ...{ data: schema.properties, why: schema.properties.whys!.items!.properties! },
    ...{ intent: schema.$defs.intent!.properties!, slot: schema.$defs.slot!.properties! },
  }
  for (const { name, paths } of found) {
    assert.equal(paths.length, 1, name)
    const [of, field] = paths[0]!.split('.') as [string, string]
    assert.ok(Object.hasOwn(shapes[of]!, field), `${name} is read from ${paths[0]}`)
  }
  for (const text of [sql, await readFile(folder('bigquery/table.sql'), 'utf8')])
    for (const [open, close] of ['()', '[]'] as unknown as [string, string][])
      assert.equal(text.split(open).length, text.split(close).length)
})

const shared = ['provider', 'platform', 'app_version', 'arm', 'locale', 'country'] as const satisfies Dimension[]

/** How far notifications came and whose they are, as a text for each, by the view: a step counts whenever it was taken. */
async function toldByView(db: Database): Promise<string[]> {
  const columns = stages.map(stage => `${stage}_at is not null`).join(', ')
  const rows = await db.query<{ channel: keyof typeof untold; taken: boolean[]; of: (string | null)[] }>(
    `select channel, array[${columns}] as taken, array[${shared.join(', ')}] as of from analytics_notifications
     where intended_at is not null`,
  )
  return rows.map(({ channel, taken, of }) => {
    const first = stages.findIndex((stage, at) => !taken[at] && !untold[channel].includes(stage))
    return `${first < 0 ? stages.length - 1 : first - 1} ${of.map(String).join()}`
  })
}

/** The same as funnels count, with no order and no end. */
const toldByFunnel = (db: Database): Promise<string[]> =>
  asking(db, async (tx, connection) => {
    const ever = 100 * 366 * 86_400_000
    const counter = startCounting({ unit: 'notification', windowMs: ever, graceMs: ever, by: shared })
    await eachFold({ tx, connection }, { each: 'stories', marked: 'anew' }, counter.add)
    const { counted } = await counter.done()
    return counted.flatMap(({ groups, reached, n }) =>
      Array.from({ length: n }, () => `${reached} ${groups.map(String).join()}`),
    )
  })

test('the view of notifications tells of each what funnels count: its steps, what took it, whose it is', async () => {
  await using world = await setup()
  const { db } = world
  const occurredAt = Date.now() - 1000
  await fc.assert(
    fc.asyncProperty(fc.array(happened, { maxLength: 30 }), async events => {
      await db.query('truncate event_packs, delivery_events, rollup_marks, folded_hours, funnel_hours')
      const packs = events.map((event, n) => packOf(event, { n, intent: intentFacts('k', { occurredAt }) }))
      await storePacks(db, packs)
      assert.deepEqual((await toldByView(db)).toSorted(), (await toldByFunnel(db)).toSorted())
    }),
    { numRuns: 40 },
  )
})
