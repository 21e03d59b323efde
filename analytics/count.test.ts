import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { channels } from '#contracts/channel.ts'
import type { EventKind, EventPack, EventSlot } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { at, day, intentFacts } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { asking } from './asking.ts'
import { type Counting, startCounting } from './count.ts'
import { eachFold } from './fold-store.ts'
import { storePacks } from './event-store.ts'
import { funnel } from './funnel-store.ts'
import { recomputeHour } from './rollup-store.ts'
import { furthest, type Ordering, type StepEvent, stages, type Unit, untold } from './stages.ts'

const strict = { windowMs: 100, graceMs: 0 }
const path = (...times: number[]): StepEvent[] => times.map((at, step) => ({ step, at }))

test('the edges of the window: inclusive, from the first step, equal times in order, a later beginning counts', () => {
  const three = [true, true, true]
  const rows: [string, StepEvent[], number[] | undefined][] = [
    ['the end of the window belongs to it', path(0, 50, 100), [0, 50, 100]],
    ['what is later does not', path(0, 50, 101), [0, 50]],
    ['the window begins with the first step, not with the last', path(0, 90, 180), [0, 90]],
    ['equal times are in order', path(7, 7, 7), [7, 7, 7]],
    ['out of order is not a way', path(10, 5, 20), [10]],
    ['without the first there is none', [{ step: 1, at: 5 }], undefined],
    ['what lies between does not matter', [...path(0, 10, 20), { step: 2, at: 5 }], [0, 10, 20]],
    ['who begins again has the window again', [...path(0, 150, 160), { step: 0, at: 100 }], [100, 150, 160]],
    [
      'the furthest beginning counts, not the last',
      [...path(0, 10, 20), { step: 0, at: 30 }, { step: 1, at: 40 }],
      [0, 10, 20],
    ],
    [
      'a step is not skipped',
      [
        { step: 0, at: 0 },
        { step: 2, at: 5 },
      ],
      [0],
    ],
  ]
  for (const [why, events, expected] of rows) assert.deepEqual(furthest(events, three, strict), expected, why)
  assert.deepEqual(furthest(path(10, 5, 20), three, { windowMs: 100, graceMs: 5 }), [10, 10, 20], 'clocks differ')
  assert.deepEqual(
    furthest(
      [
        { step: 0, at: 0 },
        { step: 2, at: 5 },
      ],
      [true, false, true],
      strict,
    ),
    [0, 0, 5],
    'untold',
  )
})

/** What a slot is as steps, written down once more. */
function stepsOf(what: string, ruled: boolean): number[] {
  const named: Record<string, number[]> = {
    'decided deliver': [0, 1],
    'settled sent': [2, 3],
    'settled delivered': [2, 3, 4],
    'standing delivered': [4],
    'engaged seen': [4, 5],
    'engaged opened': [4, 5, 6],
    'engaged acted': [7],
    'settled in_doubt': [2],
    'settled rejected': ruled ? [] : [2],
  }
  return named[what] ?? (what.startsWith('decided') ? [0] : [])
}

const whats = [
  ...(['decided deliver', 'decided held', 'settled sent', 'settled delivered', 'settled rejected'] as const),
  ...(['settled in_doubt', 'standing delivered', 'engaged seen', 'engaged opened', 'engaged acted'] as const),
  'engaged machine_opened',
] as const
const split = (what: string) => what.split(' ') as [EventKind, EventSlot['what']]
const fact = fc.record({
  person: fc.constantFrom<string>('ada', 'bob', 'eve'),
  intent: fc.constantFrom<string>('k1', 'k2'),
  channel: fc.constantFrom(...channels),
  what: fc.constantFrom(...whats),
  after: fc.integer({ min: 0, max: 12 }),
  ruled: fc.boolean(),
})
type Fact = typeof fact extends fc.Arbitrary<infer T> ? T : never

/** The type of one intent names no success. */
const success = (intent: string) => intent !== 'k2'

const packOfFact = ({ person, intent, channel, what: said, after, ruled }: Fact, n: number): EventPack => {
  const [kind, what] = split(said)
  return {
    ...{
      v: 1,
      day,
      at: at + after,
      kind,
      pack: `p${n}`,
      intents: [intentFacts(intent, { success: success(intent) })],
      whys: [{ rule: 'default' }],
    },
    slots: [{ i: 0, recipient: person, channel, what, ...((ruled || kind === 'decided') && { w: 0 }) }],
  }
}

const count = (db: Database, counting: Counting) =>
  asking(db, async (tx, connection) => {
    const counter = startCounting(counting)
    await eachFold({ tx, connection }, { each: 'people', marked: 'anew' }, counter.add)
    return counter.done()
  })

const byNumber = (a: number, b: number) => a - b

/** The same by the reference, in memory. */
function expected(events: readonly Fact[], unit: Unit, ordering: Ordering): Map<string, number[]> {
  const found = new Map<string, number[]>()
  const keyOf = (one: Fact) => (unit === 'recipient' ? one.person : `${one.person} ${one.intent} ${one.channel}`)
  for (const [key, own] of Map.groupBy(events, keyOf)) {
    const told = stages.map(stage =>
      own.some(({ channel, intent }) => !untold[channel].includes(stage) && (stage !== 'acted' || success(intent))),
    )
    const steps = own.flatMap(({ what, after, ruled }) => stepsOf(what, ruled).map(step => ({ step, at: after })))
    const times = furthest(steps, told, ordering)
    if (times) found.set(key, times)
  }
  return found
}

test('the store counts as the reference does, whatever happened in whatever order', async () => {
  await using database = await testDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'test' })
  await ensurePartitions(db, { from: day, days: 1 })
  const orderings = fc.constantFrom(
    { windowMs: 5, graceMs: 0 },
    { windowMs: 100, graceMs: 0 },
    { windowMs: 8, graceMs: 2 },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fact, { maxLength: 40 }), orderings, async (events, ordering) => {
      await db.query('truncate event_packs, delivery_events, rollup_marks, folded_hours, funnel_hours')
      await storePacks(db, events.map(packOfFact))
      const ways = expected(events, 'notification', ordering)
      // Folded for the question, and then from what is stored.
      for (const stored of [false, true]) {
        if (stored) while (await recomputeHour(db));
        for (const unit of ['notification', 'recipient'] as const) {
          const { counted, took } = await count(db, { ...ordering, unit, times: true })
          const units = [...(unit === 'recipient' ? expected(events, unit, ordering) : ways).values()]
          const lengths = units.map(times => times.length - 1)
          const reached = counted.flatMap(row => Array.from({ length: row.n }, () => row.reached))
          assert.deepEqual(reached.toSorted(byNumber), lengths.toSorted(byNumber), unit)
          const total = (rows: readonly { n: number }[]) => rows.reduce((sum, { n }) => sum + n, 0)
          // Everybody who reached a step that is told of took some time for it.
          assert.ok(took.every(({ step, bucket }) => step >= 1 && step <= 7 && bucket >= 0))
          assert.equal(total(took.filter(({ step }) => step === 1)), lengths.filter(n => n >= 1).length)
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('how long a step took, to within 1 %', async () => {
  await using database = await testDatabase()
  await using db = await openPostgres({ url: database.url, connectionsMax: 2, name: 'test' })
  await ensurePartitions(db, { from: day, days: 1 })
  const people = Array.from({ length: 1000 }, (_, n) => `user-${n}`)
  const base = { intent: 'k1', channel: 'in_app' as const, ruled: false }
  await storePacks(
    db,
    people.flatMap((person, n) => [
      packOfFact({ ...base, person, what: 'decided deliver', after: 0 }, n),
      packOfFact({ ...base, person, what: 'settled delivered', after: (n + 1) * 10 }, n + 10_000),
    ]),
  )
  const [row] = await funnel(db, { times: true })
  const { n, p50, p90, p99 } = row!.times!.attempted!
  assert.equal(n, 1000)
  for (const [got, wanted] of [
    [p50, 5_000],
    [p90, 9_000],
    [p99, 9_900],
  ] as const)
    assert.ok(Math.abs(got - wanted) / wanted < 0.011, `${got} is not ${wanted}`)
  // One answer told of the attempt and of its being accepted: how long that took nobody knows.
  assert.equal(row!.times!.accepted, undefined)
  await storePacks(
    db,
    people
      .slice(0, 10)
      .flatMap((person, n) => [
        packOfFact({ ...base, intent: 'k2', person, what: 'decided deliver', after: 0 }, n + 20_000),
        packOfFact({ ...base, intent: 'k2', person, what: 'settled in_doubt', after: 100 }, n + 30_000),
        packOfFact({ ...base, intent: 'k2', person, what: 'settled delivered', after: 30_100 }, n + 40_000),
      ]),
  )
  const [retried] = await funnel(db, { times: true, source: 'raw' })
  const { accepted } = retried!.times!
  assert.equal(accepted!.n, 10)
  assert.ok(Math.abs(accepted!.p50 - 30_000) < 330, `${accepted!.p50}`)
})
