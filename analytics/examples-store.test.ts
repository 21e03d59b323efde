import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ensurePartitions } from '#db/partitions.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { aDay, createDashboard, type Dashboard } from './dashboard.fixture.ts'
import { at, day, decidedPack, people } from '#tests/analytics/packs.fixture.ts'
import { testDatabase } from '#tests/servers.ts'
import { storePacks } from './event-store.ts'
import { examplesOf, type Shown } from './examples-store.ts'
import { funnel } from './funnel-store.ts'
import type { ExamplesAnswer } from './examples-api.ts'
import type { Stage } from './stages.ts'
import type { TailLine } from './tail-store.ts'

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
