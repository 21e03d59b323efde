import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import type { EventPack } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, engagedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { until } from '#tests/program.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { countsOf, funnel } from './funnel-store.ts'
import { shapeFunnel } from './funnel.ts'
import { dimensions, type Question } from './question.ts'
import {
  eventsAtOnce,
  fewEnough,
  forgetMarks,
  lagOf,
  placesOf,
  purgeRollups,
  rawFilters,
  recomputeHour,
} from './rollup-store.ts'

const hour = 3_600_000

const opened = new AsyncDisposableStack()
let db: Database
before(async () => {
  const { url } = opened.use(await testDatabase())
  db = opened.use(await openPostgres({ url, connectionsMax: 8, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 2 })
})
beforeEach(() =>
  db.query('truncate event_packs, delivery_events, rollup_marks, rollup_state, folded_hours, funnel_hours'),
)
after(() => opened.disposeAsync())

const countAll = async () => {
  while (await recomputeHour(db));
}

/** All of a small world: three intents in two hours, what was decided, sent and looked at. */
function packsOf(run: number): EventPack[] {
  return [0, 1, 2].flatMap(n => {
    const occurredAt = at + (n > 0 ? hour : 0)
    const type = n === 2 ? "x'; drop table funnel_hours; --" : 'comment.created'
    const of = { at: occurredAt, intents: [intentFacts(`${run}-${n}`, { occurredAt, type })] }
    const decided = decidedPack(people(4), of)
    if (n === 1) decided.slots[0]!.what = 'throttled'
    const settled = settledPack(people(3), { ...of, at: occurredAt + 1000, provider: n === 0 ? 'apns' : 'fcm' })
    const opened = engagedPack([{ recipient: 'user-0', what: 'opened' }], { ...of, at: occurredAt + 2000 })
    const simulated = engagedPack([{ recipient: 'user-1', what: 'seen' }], {
      ...of,
      at: occurredAt + 2000,
      simulated: true,
    })
    return [decided, settled, opened, simulated]
  })
}

const columns = dimensions.filter(one => !rawFilters.some(raw => raw === one))

/** Rollups against the events themselves, folded for the question, and against what SQL counts of them. */
async function compare(): Promise<void> {
  const times = { since: at, until: at + 2 * hour }
  const ask = async (source: 'raw' | 'rollup') => {
    const counted = []
    for (const by of [undefined, ...columns]) counted.push(await funnel(db, { ...times, by, source }))
    return counted
  }
  const rolledUp = await ask('rollup')
  assert.equal((await countsOf(db, { ...times, by: 'arm', source: 'rollup' })).from, 'rollup')
  // What is marked is read from the events, whatever folds there are.
  await db.query(`insert into rollup_marks (cohort, type, newest)
    select date_trunc('hour', occurred_at, 'UTC'), type, max(at) from delivery_events group by 1, 2`)
  assert.deepEqual(rolledUp, await ask('raw'))
  await db.query('delete from rollup_marks')
  const plain = await db.query<{ type: string; n: number }>(
    `select type, count(distinct (intent_id, recipient, channel))::int as n from delivery_events
     where kind = 'decided' and occurred_at < $1 group by type`,
    [new Date(times.until)],
  )
  const byType = rolledUp[1 + columns.indexOf('type')]!
  assert.deepEqual(
    new Map(byType.map(({ group, stages }) => [group, stages.intended])),
    new Map(plain.map(({ type, n }) => [type, n])),
  )
}

test('after packs that come late, twice and in any order, rollups are what raw events say', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray(
        Array.from({ length: 12 }, (_, n) => n),
        { minLength: 1 },
      ),
      fc.array(fc.nat(11), { maxLength: 4 }),
      async (order, again) => {
        const packs = packsOf(run++)
        for (const place of [...order, ...again]) {
          await storePacks(db, [packs[place]!])
          if (place % 5 === 0) await recomputeHour(db)
        }
        await countAll()
        await compare()
      },
    ),
    { numRuns: 12 },
  )
})

test('what is stored while an hour is counted is counted after it; many may count at once', async () => {
  await Promise.all(
    Array.from({ length: 6 }, async (_, n) => {
      for (const pack of packsOf(100 + n)) {
        await storePacks(db, [pack])
        await recomputeHour(db)
      }
    }),
  )
  await countAll()
  await compare()
  assert.deepEqual((await lagOf(db)).dirty, 0)
})

test('what is stored between the reading of an hour and its end stays marked', async () => {
  const [decided, settled] = packsOf(1) as [EventPack, EventPack]
  await storePacks(db, [decided])
  await db.query(`create function wait_for_test() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock(4711); return new; end $$`)
  await db.query(
    `create trigger wait_for_test before insert on folded_hours for each row execute function wait_for_test()`,
  )
  const counting = await db.transaction(async tx => {
    await tx.query('select pg_advisory_xact_lock(4711)')
    const begun = recomputeHour(db)
    const waits = `select from pg_locks where locktype = 'advisory' and objid = 4711 and not granted`
    await until(async () => (await db.query(waits)).length === 1)
    await storePacks(db, [settled])
    return { begun }
  })
  assert.ok(await counting.begun)
  await db.query('drop trigger wait_for_test on folded_hours')
  assert.equal((await lagOf(db)).dirty, 1)
  await countAll()
  await compare()
})

test('a sink that has not committed keeps its mark, and waits for nobody', async () => {
  const [decided, settled] = packsOf(1) as [EventPack, EventPack]
  await storePacks(db, [decided])
  await db.transaction(async tx => {
    await tx.query(
      `insert into rollup_marks (cohort, type, newest) values (to_timestamp($1), 'comment.created', now())`,
      [at / 1000],
    )
    await countAll()
    assert.deepEqual((await lagOf(db)).dirty, 0)
  })
  assert.deepEqual((await lagOf(db)).dirty, 1)
  await storePacks(db, [settled])
  await countAll()
  const [row] = await funnel(db, { source: 'rollup', since: at, until: at + hour })
  assert.deepEqual([row!.stages.intended, row!.stages.accepted], [4, 3])
})

test('stored folds say what the events say, whatever is asked', async () => {
  const late = packsOf(2).map(pack => ({
    ...pack,
    intents: pack.intents.map(facts => ({ ...facts, tenant: 'acme', occurredAt: facts.occurredAt + hour / 2 })),
  }))
  for (const pack of [...packsOf(1), ...late]) {
    if (pack.kind === 'decided') for (const slot of pack.slots) slot.locale = slot.recipient < 'user-2' ? 'de-AT' : 'fr'
    if (pack.kind === 'settled') for (const slot of pack.slots) Object.assign(slot, { platform: 'ios', version: '8.1' })
    await storePacks(db, [pack])
  }
  const questions: Question[] = [
    ...dimensions.map(by => ({ by })),
    ...(['recipient', 'notification'] as const).flatMap(unit => dimensions.map(by => ({ unit, by, times: true }))),
    ...[{ windowMs: 1500 }, { since: at + 1, until: at + hour + 1 }, { includeSimulated: true }, { tenant: 'acme' }],
    ...[{ country: 'AT', unit: 'recipient' as const }, { platform: 'ios', by: 'locale' as const }, { arm: 'none' }],
  ]
  const edges = [at, at + hour / 2, at + hour, at + 2 * hour]
  const ask = async () => {
    const funnels = []
    for (const question of questions) funnels.push(await funnel(db, question))
    for (const unit of ['notification', 'recipient'] as const)
      funnels.push(
        (await countsOf(db, { unit, by: 'type' }, { edges })).counted.map(row => JSON.stringify(row)).toSorted(),
      )
    return funnels
  }
  const marks = async () => (await lagOf(db)).dirty
  assert.ok((await marks()) > 0)
  const [fromEvents] = [await ask()]
  await countAll()
  assert.equal(await marks(), 0)
  const fromFolds = await ask()
  fromFolds.forEach((found, n) => assert.deepEqual(found, fromEvents[n], JSON.stringify(questions[n] ?? 'by periods')))
  // Raw, an hour that is marked is read from the events: what is not there any more is in no answer.
  const people = { unit: 'recipient', source: 'rollup' } as const
  const before = await funnel(db, people)
  assert.ok(before[0]!.stages.opened > 0)
  await db.query(`delete from delivery_events where kind = 'engaged'`)
  assert.deepEqual(await ask(), fromFolds)
  await db.query(`insert into rollup_marks (cohort, type, newest) select cohort, type, now() from folded_hours`)
  assert.equal((await funnel(db))[0]!.stages.opened, 0)
  const { from, ...counts } = await countsOf(db, people)
  assert.deepEqual([from, shapeFunnel(counts, {})], ['fold', before])
})

test('folds are forgotten with the events, rollups later', async () => {
  for (const pack of packsOf(1)) await storePacks(db, [pack])
  await countAll()
  const left = async () => {
    const [row] = await db.query<{ folds: number; hours: number }>(
      `select (select count(distinct cohort)::int from folded_hours) as folds, (select count(distinct cohort)::int from funnel_hours) as hours`,
    )
    return [row!.folds, row!.hours]
  }
  assert.deepEqual(await left(), [2, 2])
  assert.equal(await purgeRollups(db, { eventsBefore: at + hour, hoursBefore: at }), false)
  assert.deepEqual(await left(), [1, 2])
  // What has no events any more has no examples, though its hour is counted.
  const looked = await placesOf(db, { source: 'rollup' }, { stage: 'intended' })
  assert.deepEqual(
    looked.map(({ cohort }) => cohort),
    [at + hour],
  )
  await purgeRollups(db, { eventsBefore: at + hour, hoursBefore: at + hour })
  assert.deepEqual(await left(), [1, 1])
})

test('an hour that rests is passed over, and counted when it rests no more', async () => {
  await storePacks(db, packsOf(1))
  const first = await recomputeHour(db)
  await storePacks(db, packsOf(2))
  const second = await recomputeHour(db, { resting: [first!] })
  assert.deepEqual(new Set([first!.cohort, second!.cohort]), new Set([at, at + hour]))
  assert.equal(await recomputeHour(db, { resting: [first!, second!] }), undefined)
  assert.deepEqual(await recomputeHour(db), first)
})

test('a type that was marked while another of its hour rests is counted', async () => {
  await storePacks(db, packsOf(1).slice(0, 1))
  const first = await recomputeHour(db)
  const other = decidedPack(people(2), { intents: [intentFacts('other', { type: 'build.failed' })] })
  await storePacks(db, [other, ...packsOf(2).slice(0, 1)])
  assert.deepEqual(await recomputeHour(db, { resting: [first!] }), { cohort: at, types: ['build.failed'] })
})

test('types are folded together up to a number of events; a larger one alone', () => {
  const all = ['a', 'b', 'c']
  const events = (...sizes: number[]) => new Map(all.map((type, n) => [type, sizes[n]! * eventsAtOnce]))
  assert.deepEqual(fewEnough(all, events(0.3, 0.3, 0.3)), all)
  assert.deepEqual(fewEnough(all, events(0.3, 0.8, 0.3)), ['a'])
  assert.deepEqual(fewEnough(all, events(8, 0, 0.1)), ['a'])
  assert.deepEqual(fewEnough(all, new Map()), all)
})

test('an hour that was marked very often is counted', async () => {
  await storePacks(db, packsOf(1))
  await db.query(
    `insert into rollup_marks (cohort, type, newest)
    select $1, 'comment.created', now() from generate_series(1, 150000)`,
    [new Date(at)],
  )
  await countAll()
  assert.equal((await lagOf(db)).dirty, 0)
})

test('a late event leaves an hour alone whose events may be gone', async () => {
  for (const pack of packsOf(1)) await storePacks(db, [pack])
  await countAll()
  await db.query('delete from delivery_events')
  await storePacks(db, [engagedPack([{ recipient: 'user-2', what: 'opened' }], { at: at + 3 * hour })])
  const before = await funnel(db, { source: 'rollup' })
  assert.equal(await recomputeHour(db, { since: at + hour }), undefined)
  assert.equal(await forgetMarks(db, { before: at }), 0)
  assert.equal(await forgetMarks(db, { before: at + hour }), 1)
  await countAll()
  assert.deepEqual(await funnel(db, { source: 'rollup' }), before)
})

test('more notifications than 32 bits hold are counted', async () => {
  await storePacks(db, packsOf(1).slice(0, 1))
  await countAll()
  await db.query('insert into funnel_hours select h.* from funnel_hours h, generate_series(1, 2)')
  await db.query('update funnel_hours set n = 2147483647')
  assert.equal((await funnel(db, { source: 'rollup' }))[0]!.stages.intended, 3 * 2_147_483_647)
})
