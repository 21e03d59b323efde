import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EventPack } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { at, day, decidedPack, engagedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { countsOf, funnel } from './funnel-store.ts'
import { dimensions, type Question } from './question.ts'
import { lagOf, purgeRollups, recomputeHour } from './rollup-store.ts'

const hour = 3_600_000

async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 8, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 2 })
  const running = started.move()
  return {
    db,
    countAll: async () => {
      while (await recomputeHour(db));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
type World = Awaited<ReturnType<typeof setup>>

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

async function compare({ db }: World): Promise<void> {
  for (const by of [undefined, ...dimensions]) {
    const times = { since: at, until: at + 2 * hour }
    const [raw, rolledUp] = [await funnel(db, { ...times, by }), await funnel(db, { ...times, by, source: 'rollup' })]
    assert.deepEqual(rolledUp, raw, String(by))
  }
}

test('after packs that come late, twice and in any order, rollups are what raw events say', async () => {
  await using world = await setup()
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
          await storePacks(world.db, [packs[place]!])
          if (place % 5 === 0) await recomputeHour(world.db)
        }
        await world.countAll()
        await compare(world)
      },
    ),
    { numRuns: 12 },
  )
})

test('what is stored while an hour is counted is counted after it; many may count at once', async () => {
  await using world = await setup()
  const { db } = world
  await Promise.all(
    Array.from({ length: 6 }, async (_, n) => {
      for (const pack of packsOf(100 + n)) {
        await storePacks(db, [pack])
        await recomputeHour(db)
      }
    }),
  )
  await world.countAll()
  await compare(world)
  assert.deepEqual((await lagOf(db)).dirty, 0)
})

test('a sink that has not committed keeps its mark, and waits for nobody', async () => {
  await using world = await setup()
  const { db } = world
  const [decided, settled] = packsOf(1) as [EventPack, EventPack]
  await storePacks(db, [decided])
  await db.transaction(async tx => {
    await tx.query(
      `insert into rollup_marks (cohort, type, newest) values (to_timestamp($1), 'comment.created', now())`,
      [at / 1000],
    )
    await world.countAll()
    assert.deepEqual((await lagOf(db)).dirty, 0)
  })
  assert.deepEqual((await lagOf(db)).dirty, 1)
  await storePacks(db, [settled])
  await world.countAll()
  const [row] = await funnel(db, { source: 'rollup', since: at, until: at + hour })
  assert.deepEqual([row!.stages.intended, row!.stages.accepted], [4, 3])
})

test('stored folds say what the events say, whatever is asked', async () => {
  await using world = await setup()
  const { db } = world
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
      funnels.push((await countsOf(db, { unit, by: 'type' }, edges)).counted.map(row => JSON.stringify(row)).toSorted())
    return funnels
  }
  const marks = async () => (await lagOf(db)).dirty
  assert.ok((await marks()) > 0)
  const [fromEvents] = [await ask()]
  await world.countAll()
  assert.equal(await marks(), 0)
  const fromFolds = await ask()
  fromFolds.forEach((found, n) => assert.deepEqual(found, fromEvents[n], JSON.stringify(questions[n] ?? 'by periods')))
  // An hour that is marked is read from the events: what is not there any more is in no answer.
  await db.query(`delete from delivery_events where kind = 'engaged'`)
  assert.deepEqual(await ask(), fromFolds)
  await db.query(`insert into rollup_marks (cohort, type, newest) select cohort, type, now() from folded_hours`)
  assert.equal((await funnel(db))[0]!.stages.opened, 0)
})

test('folds are forgotten with the events, rollups later', async () => {
  await using world = await setup()
  const { db } = world
  for (const pack of packsOf(1)) await storePacks(db, [pack])
  await world.countAll()
  const left = async () => {
    const [row] = await db.query<{ folds: number; hours: number }>(
      `select (select count(distinct cohort)::int from folded_hours) as folds, (select count(distinct cohort)::int from funnel_hours) as hours`,
    )
    return [row!.folds, row!.hours]
  }
  assert.deepEqual(await left(), [2, 2])
  assert.equal(await purgeRollups(db, { eventsBefore: at + hour, hoursBefore: at }), false)
  assert.deepEqual(await left(), [1, 2])
  await purgeRollups(db, { eventsBefore: at + hour, hoursBefore: at + hour })
  assert.deepEqual(await left(), [1, 1])
})

test('an hour that rests is passed over, and counted when it rests no more', async () => {
  await using world = await setup()
  const { db } = world
  await storePacks(db, packsOf(1))
  const first = await recomputeHour(db)
  await storePacks(db, packsOf(2))
  const second = await recomputeHour(db, [first!])
  assert.deepEqual(new Set([first, second]), new Set([at, at + hour]))
  assert.equal(await recomputeHour(db, [first!, second!]), undefined)
  assert.equal(await recomputeHour(db), first)
})
