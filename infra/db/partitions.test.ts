import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrate, openPostgres } from '#runtime/postgres.ts'
import { bareDatabase } from '#tests/servers.ts'
import { dropPartitions, ensurePartitions } from './partitions.ts'

const insertBatch = `insert into batches
  (day, id, set_id, lane, channel, provider, sensitive, tries, maybe_sent, due_at, closed_at, n, recipients, endpoints, intents)
  values ($1, gen_random_uuid(), gen_random_uuid(), 1, 0, 'fcm', false, 0, false, now(), $2, 0, '{}', '{}', '{}')`

const before = (day: string) => ({ ledgerBefore: day, eventsBefore: day })

async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await bareDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 10, name: 'test' }))
  await migrate(db)
  const names = async () =>
    (
      await db.query<{ name: string }>(
        `select relname as name from pg_class where relkind = 'r' and relname ~ '_\\d{8}$' order by 1`,
      )
    ).map(row => row.name)
  const running = started.move()
  return { db, url, names, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

test('days are made for all four tables, once, however many ask at the same time', async () => {
  await using world = await setup()
  await Promise.all(
    Array.from({ length: 8 }, (_, n) => ensurePartitions(world.db, { from: `2026-02-2${n % 3}`, days: 10 })),
  )
  const days = Array.from({ length: 12 }, (_, n) => new Date(Date.UTC(2026, 1, 20 + n)).toISOString().slice(0, 10))
  const wanted = ['sets', 'batches', 'event_packs', 'delivery_events'].flatMap(table =>
    days.map(day => `${table}_${day.replaceAll('-', '')}`),
  )
  assert.deepEqual(await world.names(), wanted.sort())
  const [leaf] = await world.db.query<{ options: string[]; indexes: string; targets: string }>(
    `select reloptions as options, (select count(*) from pg_index i join pg_inherits on inhrelid = indexrelid where i.indrelid = c.oid) as indexes,
       (select count(*) from pg_attribute where attrelid = c.oid and attstattarget = 0) as targets
     from pg_class c where relname = 'batches_20260301'`,
  )
  assert.deepEqual(leaf, {
    options: ['fillfactor=70', 'autovacuum_vacuum_insert_threshold=-1'],
    indexes: '5',
    targets: '7',
  })
})

test('a row of a day that nobody asked for fails, and so does a day that is none', async () => {
  await using world = await setup()
  await assert.rejects(world.db.query(insertBatch, ['2026-02-20', new Date()]), /no partition of relation "batches"/)
  for (const from of ['2026-02-3', 'today', "2026-02-20'; drop table batches; --", '2026-13-01'])
    await assert.rejects(ensurePartitions(world.db, { from, days: 1 }), /is not a day/)
})

test('a day is made while a transaction writes to its table', async () => {
  await using world = await setup()
  await ensurePartitions(world.db, { from: '2026-02-20', days: 1 })
  await world.db.transaction(async tx => {
    await tx.query(insertBatch, ['2026-02-20', new Date()])
    await ensurePartitions(world.db, { from: '2026-02-21', days: 1 })
    await tx.query(insertBatch, ['2026-02-20', new Date()])
  })
  assert.equal((await world.names()).length, 8)
})

test('old days are dropped, but no day of batches with an open one', async () => {
  await using world = await setup()
  await ensurePartitions(world.db, { from: '2026-02-20', days: 3 })
  await world.db.query(insertBatch, ['2026-02-20', new Date()])
  await world.db.query(insertBatch, ['2026-02-21', null])
  const dropped = await Promise.all([1, 2, 3].map(() => dropPartitions(world.db, before('2026-02-22'))))
  const rest = ['batches_20260221', ...['batches', 'delivery_events', 'event_packs', 'sets'].map(t => `${t}_20260222`)]
  assert.deepEqual(await world.names(), rest)
  assert.equal(new Set(dropped.flat()).size, 7)

  await world.db.query(`update batches set closed_at = now() where closed_at is null`)
  assert.deepEqual(await dropPartitions(world.db, before('2026-02-22')), ['batches_20260221'])
})

test('a detach that was cut off half-way is finished by the next drop', async () => {
  await using world = await setup()
  await ensurePartitions(world.db, { from: '2026-02-20', days: 1 })
  await world.db.transaction(async reader => {
    // A reader that holds the parent makes the second half of the detach wait, and the wait is cut off.
    await reader.query('select from sets')
    await using hasty = await openPostgres({ url: world.url, connectionsMax: 1, name: 'test', statementLimitMs: 2_000 })
    await assert.rejects(
      hasty.query(`alter table sets detach partition sets_20260220 concurrently`),
      /statement timeout/,
    )
  })
  const dropped = await dropPartitions(world.db, before('2026-02-21'))
  assert.ok(dropped.includes('sets_20260220'))
  assert.deepEqual(await world.names(), [])
})

test('events are kept for longer than what they tell of, and sets go before their batches', async () => {
  await using world = await setup()
  await ensurePartitions(world.db, { from: '2026-02-20', days: 3 })
  const days = { ledgerBefore: '2026-02-22', eventsBefore: '2026-02-21' }
  assert.deepEqual(await dropPartitions(world.db, days), [
    ...['sets_20260220', 'batches_20260220', 'event_packs_20260220', 'delivery_events_20260220'],
    ...['sets_20260221', 'batches_20260221'],
  ])
})

test('a day that is not over cannot be dropped', async () => {
  await using world = await setup()
  const [row] = await world.db.query<{ day: string }>(`select (now() at time zone 'utc')::date::text as day`)
  await ensurePartitions(world.db, { from: row!.day, days: 2 })
  await assert.rejects(dropPartitions(world.db, before('2199-01-01')), /days that are not over stay/)
  assert.equal((await world.names()).length, 8)
})
