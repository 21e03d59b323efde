import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ensurePartitions } from '#db/partitions.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, engagedPack, intentFacts, people } from '#tests/analytics/packs.fixture.ts'
import { until } from '#tests/program.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { funnel } from './funnel-store.ts'
import { lagOf } from './rollup-store.ts'
import { startRollups } from './rollups.ts'

const hour = 3_600_000
const opened = new AsyncDisposableStack()
let db: Database
before(async () => {
  const { url } = opened.use(await testDatabase())
  db = opened.use(await openPostgres({ url, connectionsMax: 4, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 2 })
})
beforeEach(() =>
  db.query('truncate event_packs, delivery_events, rollup_marks, rollup_state, folded_hours, funnel_hours'),
)
after(() => opened.disposeAsync())

function start({ eventsSince = at - hour }: { eventsSince?: number } = {}) {
  const lines: Record<string, unknown>[] = []
  const metrics = createMetrics()
  const log = createLog({ role: 'test', write: line => lines.push(JSON.parse(line)) })
  const clock = { now: () => at + hour }
  const job = startRollups({ db, clock, log, metrics, eventsSince: () => eventsSince })
  return { lines, metrics, [Symbol.asyncDispose]: () => job[Symbol.asyncDispose]() }
}

const packOf = (type: string, occurredAt = at) =>
  decidedPack(people(3), {
    at: occurredAt + 1000,
    intents: [intentFacts(`${type} ${occurredAt}`, { type, occurredAt })],
  })
const dirty = async () => (await lagOf(db)).dirty

test('what is marked is counted, and the readings say how far behind that is', async () => {
  await storePacks(db, [packOf('a'), packOf('b'), packOf('a', at + hour / 2), packOf('a', at + hour)])
  assert.equal(await dirty(), 3)
  await using job = start()
  await until(async () => (await dirty()) === 0)
  assert.deepEqual(
    (await funnel(db, { by: 'type', source: 'rollup' })).map(({ group, stages }) => [group, stages.intended]),
    [
      ['a', 9],
      ['b', 3],
    ],
  )
  await db.query(`insert into rollup_marks (cohort, type, newest) values ($1, 'a', $2)`, [
    new Date(at),
    new Date(at + hour - 5000),
  ])
  await db.query(`update rollup_state set newest_event = $1`, [new Date(at + hour - 7000)])
  const text = await job.metrics.text()
  assert.match(text, /^newest_event_age 5$/m)
  assert.match(text, /^rollups_dirty 1$/m)
})

test('counting takes a quarter of the time, and what was counted rests, whatever comes, while others are counted', async () => {
  await db.query(`create table counted (type text, at timestamptz default clock_timestamp())`)
  await db.query(`create function slowly() returns trigger language plpgsql as
    $$ begin insert into counted (type) values (new.type); perform pg_sleep(0.5); return new; end $$`)
  await db.query(`create trigger slowly before insert on folded_hours for each row execute function slowly()`)
  await storePacks(db, [packOf('a')])
  await storePacks(db, [packOf('b', at + hour)])
  await using _job = start()
  const counted = async () => db.query<{ type: string; at: Date }>('select type, at from counted order by at')
  await until(async () => (await counted()).length === 1)
  await storePacks(db, [packOf('a', at + hour / 2)])
  await until(async () => (await counted()).length === 2)
  await db.query('drop trigger slowly on folded_hours')
  const [first, second] = await counted()
  assert.deepEqual([first!.type, second!.type], ['a', 'b'])
  assert.ok(second!.at.getTime() - first!.at.getTime() >= 4 * 500)
  // Twenty times as long as it took: what came to it last is not counted yet.
  await until(async () => (await dirty()) === 1)
})

test('a type that cannot be counted holds up no other of its hour, and no other hour, and is told of', async () => {
  await storePacks(db, [packOf('broken'), packOf('beside')])
  await storePacks(db, [packOf('sound', at + hour)])
  await db.query(`alter table folded_hours add constraint no_broken check (type <> 'broken')`)
  await using job = start()
  await until(async () => (await dirty()) === 1)
  await db.query('alter table folded_hours drop constraint no_broken')
  assert.deepEqual(
    (await funnel(db, { by: 'type', source: 'rollup' })).map(({ group }) => group),
    ['beside', 'sound'],
  )
  const told = job.lines.map(line => [line.at, line.type])
  const its = new Date(at).toISOString()
  assert.deepEqual(told, [
    [its, ['broken', 'beside']],
    [its, ['broken']],
  ])
  assert.match(await job.metrics.text(), /^errors_total\{part="rollups"\} 2$/m)
})

test('an event that comes when those of its hour may be dropped changes nothing, and is told of', async () => {
  await storePacks(db, [packOf('a')])
  await using started = new AsyncDisposableStack()
  started.use(start())
  await until(async () => (await dirty()) === 0)
  await started.disposeAsync()
  const before = await funnel(db, { source: 'rollup' })
  await db.query('delete from delivery_events')
  const { intents } = packOf('a')
  await storePacks(db, [engagedPack([{ recipient: 'user-1', what: 'opened' }], { intents, at: at + 2 * hour })])
  await using job = start({ eventsSince: at + hour })
  await until(async () => (await dirty()) === 0)
  assert.deepEqual(await funnel(db, { source: 'rollup' }), before)
  assert.match(await job.metrics.text(), /^rollups_too_late_total 1$/m)
  assert.equal(job.lines.length, 1)
})
