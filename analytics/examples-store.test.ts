import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { EventPack } from '#contracts/event.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { aDay, createDashboard, type Dashboard } from './dashboard.fixture.ts'
import { at, day, decidedPack, intentFacts, people, settledPack } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import type { Shown } from './count-stories.ts'
import { type Example, examplesOf } from './examples-store.ts'
import { happened, packOf } from './happened.fixture.ts'
import type { Question } from './question.ts'
import { recomputeHour } from './rollup-store.ts'
import { funnel } from './funnel-store.ts'
import type { FunnelRow } from './funnel.ts'
import type { ExamplesAnswer } from './examples-api.ts'
import type { Stage } from './stages.ts'
import { type TailLine, tailOf } from './tail-store.ts'

const opened = new AsyncDisposableStack()
let db: Database
let world: Dashboard
before(async () => {
  const { url } = opened.use(await testDatabase())
  db = opened.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(db, { from: day, days: 2 })
  await storePacks(db, aDay())
  world = opened.use(await createDashboard({ groupMin: 2 }))
  await world.store(aDay().slice(0, 5))
  // Too few of a type to be told of.
  await world.store([decidedPack(people(1), { intents: [{ ...aDay()[0]!.intents[0]!, type: 'rare.one' }] })])
})
after(() => opened.disposeAsync())

test('every bar of a funnel has examples, each counted under it', async () => {
  const question = { type: 'build.failed', since: at - 86_400_000, until: at + 1 }
  const [row] = await funnel(db, question)
  const bars: [Shown, number][] = [
    ...Object.entries(row!.stages).map(([stage, n]): [Shown, number] => [{ stage: stage as Stage }, n]),
    ...row!.rest.map(({ what, reason, n }): [Shown, number] => [{ what, reason }, n]),
  ]
  assert.ok(bars.length > 10)
  for (const [shown, n] of bars) {
    const examples = await examplesOf(db, question, shown)
    assert.equal(examples.length, Math.min(20, n), JSON.stringify(shown))
    for (const one of examples) {
      assert.equal(one.type, 'build.failed')
      if (shown.what !== undefined) assert.deepEqual([one.what, one.reason], [shown.what, shown.reason])
    }
  }
  for (const [stage, what, of] of [
    ...([['attempted', 'address_dead', 'rest'] as const, ['opened', 'sent', 'stages'] as const] as const),
    ['accepted', 'address_dead', undefined] as const,
  ]) {
    const n = of === undefined ? 0 : of === 'stages' ? row!.stages[stage] : row!.rest.find(one => one.what === what)!.n
    const examples = await examplesOf(db, question, { stage, what })
    assert.deepEqual([n > 0, examples.length], [of !== undefined, Math.min(20, n)], `${stage} ${what}`)
    for (const one of examples) assert.equal(one.what, what)
  }
  assert.deepEqual(await examplesOf(db, question, { what: "x' or true --" }), [])
})

test('one that ended as no other among thousands is found, whatever came first', async () => {
  await using worlds = new AsyncDisposableStack()
  const alone = await emptyWorld(worlds)
  const everyone = people(3_000)
  await storePacks(alone, [decidedPack(everyone), settledPack(everyone.filter(one => one !== 'user-2345'))])
  const rare = { what: 'queued' }
  assert.equal((await funnel(alone))[0]!.rest.find(({ what }) => what === 'queued')!.n, 1)
  const marked = await examplesOf(alone, {}, rare)
  while (await recomputeHour(alone));
  const folded = await examplesOf(alone, {}, rare)
  for (const [one, ...others] of [marked, folded]) {
    assert.deepEqual([one!.recipient, others], ['user-2345', []])
    assert.deepEqual([one!.intent, one!.reached, one!.what], [intentFacts('comment-1').id, 'decided', 'queued'])
  }
})

test('of two that bear the same instants each is shown in its own bar', async () => {
  await using worlds = new AsyncDisposableStack()
  const two = await emptyWorld(worlds)
  const [a, b] = ['a', 'b'].map(key => ({ intents: [intentFacts(key)] }))
  const mailed = decidedPack(people(1), b)
  for (const slot of mailed.slots) slot.channel = 'email'
  await storePacks(two, [decidedPack(people(1), a), decidedPack(people(1), b), settledPack(people(1), b), mailed])
  const shown = async (what: string) => (await examplesOf(two, { source: 'raw' }, { what })).map(one => one.intent)
  assert.deepEqual((await shown('queued')).toSorted(), [a!.intents[0]!.id, b!.intents[0]!.id].toSorted())
  assert.deepEqual(await shown('sent'), [b!.intents[0]!.id])
})

type Bar = { shown: Shown; n: number }
const barsOf = ({ stages, rest }: FunnelRow): Bar[] =>
  [
    ...Object.entries(stages).map(([stage, n]) => ({ shown: { stage: stage as Stage }, n })),
    ...rest.map(({ after: stage, what, reason, n }) => ({ shown: { stage, what, reason }, n })),
  ].filter(({ n }) => n > 0)

const hour = 3_600_000
/** Of two types in two hours; some that bear the same instant. */
const intents = Array.from({ length: 8 }, (_, n) =>
  intentFacts(`found-${n}`, { type: `type.${n % 2}`, occurredAt: at + (n % 4 > 1 ? hour : 0) + (n > 5 ? 1 : 0) }),
)
const questions: Question[] = [
  ...[{}, { type: 'type.1' }, { windowMs: 3 }, { includeSimulated: true }, { since: at + 1, until: at + hour + 1 }],
  ...[{ platform: 'ios' }, { app_version: '8.0' }, { arm: 'wording/long' }, { country: 'AT' }, { provider: 'apns' }],
]
const anyQuestion = fc
  .tuple(
    fc.constantFrom(...questions),
    fc.constantFrom('notification' as const, 'recipient' as const),
    fc.constantFrom('raw' as const, 'rollup' as const),
  )
  .map(([question, unit, source]): Question => ({ ...question, unit, source }))

test('whatever a bar counts has examples: found in folds and in marked hours, each counted in it by itself', async () => {
  await using worlds = new AsyncDisposableStack()
  const [all, aside] = [await emptyWorld(worlds), await emptyWorld(worlds)]
  const anyEvent = fc.tuple(happened, fc.nat(intents.length - 1))
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyEvent, { minLength: 5, maxLength: 60 }),
      fc.nat(60),
      anyQuestion,
      async (events, counted, question) => {
        const asItWas = question.source === 'rollup'
        // Which of two of one instant has gone on since cannot be told.
        const intentOf = (of: number) => intents[asItWas ? of % 4 : of]!
        const stored = events.map(([event, of], n) => packOf(event, { n, intent: intentOf(of) }))
        await forget(all)
        await storePacks(all, stored.slice(0, counted))
        while (await recomputeHour(all));
        await storePacks(all, stored.slice(counted))
        const packs = asItWas ? stored.slice(0, counted) : stored
        // By itself: all there is of a notification, or of a person.
        const known = new Map<string, Promise<FunnelRow | undefined>>()
        const aloneOf = async (own: EventPack[]) => {
          await forget(aside)
          await storePacks(aside, own)
          return (await funnel(aside, { ...question, source: 'raw' }))[0]
        }
        for (const { shown, n } of (await funnel(all, question)).flatMap(barsOf)) {
          const examples = await examplesOf(all, question, shown)
          const what = JSON.stringify({ question, shown, examples })
          assert.equal(examples.length, Math.min(20, n), what)
          assert.deepEqual(
            examples.map(one => one.at),
            examples
              .map(one => one.at)
              .toSorted()
              .reverse(),
          )
          for (const one of examples) {
            const key = question.unit === 'recipient' ? one.recipient : nameOf(one)
            const own = packs.filter(
              pack => (question.unit === 'recipient' ? pack.slots[0]!.recipient : nameIn(pack)) === key,
            )
            if (!known.has(key)) known.set(key, aloneOf(own))
            const bars = barsOf((await known.get(key))!)
            assert.ok(
              bars.some(bar => JSON.stringify(bar.shown) === JSON.stringify(shown)),
              what,
            )
            assert.ok(own.some(pack => nameIn(pack) === nameOf(one)))
          }
          assert.equal(
            new Set(examples.map(one => (question.unit === 'recipient' ? one.recipient : nameOf(one)))).size,
            examples.length,
          )
        }
      },
    ),
    { numRuns: 12 },
  )
})

const nameOf = ({ intent, recipient, channel }: Example) => [intent, recipient, channel].join(' ')
const nameIn = ({ intents: [intent], slots: [slot] }: EventPack) =>
  [intent!.id, slot!.recipient, slot!.channel].join(' ')

async function emptyWorld(worlds: AsyncDisposableStack): Promise<Database> {
  const { url } = worlds.use(await testDatabase())
  const opened = worlds.use(await openPostgres({ url, connectionsMax: 2, name: 'test' }))
  await ensurePartitions(opened, { from: day, days: 1 })
  return opened
}
const forget = (of: Database) =>
  of.query('truncate event_packs, delivery_events, rollup_marks, folded_hours, funnel_hours')

test('examples are a look at people: logged under a name, refused without the token, and every problem is told', async () => {
  const ask = async (query: string, token = world.token) => {
    const response = await fetch(`${world.url}/v1/trace/examples?${query}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    return { status: response.status, body: (await response.json()) as ExamplesAnswer & { errors?: unknown[] } }
  }
  const { examples } = (await ask('what=held&reason=quiet_hours&type=comment.created&since=2026-11-20')).body
  assert.ok(examples.length > 0)
  for (const { what, reason } of examples) assert.deepEqual([what, reason], ['held', 'quiet_hours'])
  const about = { type: 'comment.created', what: 'held', reason: 'quiet_hours', since: '2026-11-20' }
  assert.deepEqual(world.looks, [{ who: 'eve', about }])
  assert.equal((await ask('stage=sold&reason=x&by=type&since=yesterday')).body.errors!.length, 4)
  assert.equal((await ask('stage=seen', 'wrong')).status, 401)
  assert.equal(world.looks.length, 1)
})

test('the tail tells what came last, newest first, and of nobody', async () => {
  const headers = { authorization: `Bearer ${world.token}` }
  const tail = async (query: string) => {
    const response = await fetch(`${world.url}/v1/analytics/tail?${query}`, { headers })
    return ((await response.json()) as { lines: TailLine[] }).lines
  }
  const lines = await tail('')
  assert.equal(lines.length, 40)
  assert.equal(lines[0]!.at, '2026-11-20T12:01:00.000Z')
  assert.deepEqual(await tail('type=rare.one'), [], 'of too few')
  assert.deepEqual(
    lines,
    lines.toSorted((a, b) => (a.at > b.at ? -1 : 1)),
  )
  assert.doesNotMatch(JSON.stringify(lines), /user-|intent|Lunch/)
  assert.deepEqual(await tail('channel=email'), [])
  assert.deepEqual(new Set((await tail('type=comment.created')).map(({ type }) => type)), new Set(['comment.created']))
})

test('of a type that has nothing the latest events are told without reading any', async () => {
  await db.transaction(async tx => {
    await tx.query('lock table delivery_events in access exclusive mode')
    assert.deepEqual(await tailOf(db, { type: 'no.such' }, { now: at + 60_000, groupMin: 1 }), { lines: [], hidden: 0 })
  })
})

test('the latest events of a rare type are found in whatever hour of the day they were', async () => {
  const rare = [20, 3, 2].map(hours => {
    const intents = [intentFacts(`rare-${hours}`, { type: 'rare.two', occurredAt: at - hours * 3_600_000 })]
    return decidedPack(people(2), { intents, at: at - hours * 3_600_000 })
  })
  await storePacks(db, rare)
  const tail = async () => (await tailOf(db, { type: 'rare.two' }, { now: at + 60_000, groupMin: 1 })).lines.length
  assert.equal(await tail(), 6)
  while (await recomputeHour(db));
  assert.equal(await tail(), 6)
})

test('the latest events of a tenant are looked for in its hours alone', async () => {
  const tenant = 'ac\u202eme ß {}'
  const occurredAt = at - 5 * 3_600_000
  const intents = [intentFacts('of a tenant', { type: 'rare.two', tenant, occurredAt })]
  await storePacks(db, [decidedPack(people(2), { intents, at: occurredAt })])
  const tail = async (of: string, groupMin: number) => tailOf(db, { tenant: of }, { now: at + 60_000, groupMin })
  assert.equal((await tail(tenant, 2)).lines.length, 2)
  while (await recomputeHour(db));
  assert.equal((await tail(tenant, 2)).lines.length, 2)
  assert.deepEqual(await tail(tenant, 3), { lines: [], hidden: 1 })
  await db.transaction(async tx => {
    await tx.query('lock table delivery_events in access exclusive mode')
    assert.deepEqual(await tail(tenant.slice(1), 1), { lines: [], hidden: 0 })
  })
})
