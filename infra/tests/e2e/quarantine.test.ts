import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { traceIntent } from '#analytics/trace-store.ts'
import { isUnknown, printTrace } from '#analytics/trace.ts'
import { readBacklog } from '#ledger/backlog.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { intentId } from '#contracts/ids.ts'
import { readActs } from '#ledger/operator-log.ts'
import { listBlasts, listQuarantines } from '#ledger/quarantine.ts'
import { actOnBlast, approveBlast } from '#operators/blast-acts.ts'
import { act, approve, type QuarantineAct } from '#operators/quarantine-acts.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { until } from '../program.ts'
import { startWorld, type World, type WorldOptions } from '../world.ts'

const news = defineNotification({
  ...{ type: 'news', category: 'social', lane: 'default', owner: 'docs', value: 3, maxRecipients: 4 },
  ...{ schema: z.object({}), deliver: [{ channel: 'in_app' }] },
  templates: { en: { in_app: () => ({ title: 'Hello', body: '' }) } },
})
const catalogue = catalogueOf('1', [news])
const by = (who: string) => ({ who, why: 'a test' })
const idOf = (key: string) => intentId({ producer: 'test', key })

async function startWithAudience(
  options: Pick<WorldOptions, 'volumeFloor' | 'clock' | 'sources'> = {},
): Promise<World> {
  const world = await startWorld({ catalogue, ...options })
  await world.installation.db.query(
    `insert into audience_members (audience, recipient) select 'all', 'm' || n from generate_series(1, 5) n`,
  )
  return world
}

async function tell({ notifier, installation: { db } }: World, key: string): Promise<void> {
  const held = (await listQuarantines(db)).length
  await notifier.notify(news, { to: ['anna', 'ben', { audience: 'all' }], data: {}, key })
  await until(async () => (await listQuarantines(db)).length > held)
}

const acting = ({ installation: { db } }: World, what: QuarantineAct, approvalAbove = 10_000) =>
  act(db, by('ada'), { intent: idOf('k'), act: what, now: Date.now(), approvalAbove })

const ends = async ({ installation: { db } }: World, key: string): Promise<Record<string, string>> => {
  const { lines } = await traceIntent(db, { producer: 'test', key })
  const last = lines.filter(line => line.what !== 'deliver').map(line => [line.recipient, line.what])
  return Object.fromEntries(last)
}
const all = (...told: string[]) => ({
  told: (what: string) => Object.fromEntries(told.map(one => [one, what])),
})
const everybody = all('anna', 'ben', 'm1', 'm2', 'm3', 'm4', 'm5')

test('an intent for more than its type allows tells nobody until an operator releases it', async () => {
  await using world = await startWithAudience()
  const { db } = world.installation
  await tell(world, 'k')
  const [found] = await listQuarantines(db)
  assert.deepEqual([found!.intent, found!.recipients, found!.more, found!.most], [idOf('k'), 7, false, 4])
  await until(async () => (await traceIntent(db, { producer: 'test', key: 'k' })).lines.length === 2)
  const { lines } = await traceIntent(db, { producer: 'test', key: 'k' })
  assert.match(lines[0]!.sentence, /more than 4 people, and waits for an operator/)
  const pages = await db.query('select pages from expansions where quarantined_at is not null')
  assert.deepEqual(pages, [{ pages: 0 }], 'nobody reads its audience')
  assert.deepEqual((await readBacklog(db)).expanding, [], 'nor does the backlog say so')
  const trace = printTrace(await traceIntent(db, { producer: 'test', key: 'k' }), { width: 200, colour: false })
  assert.match(trace, /Its audience waits with it: 0 people so far\./)

  assert.equal(await acting(world, { kind: 'release' }), undefined)
  await world.settle({ holds: true })
  await until(async () => Object.keys(await ends(world, 'k')).length === 7)
  assert.deepEqual(await ends(world, 'k'), everybody.told('delivered'))
  assert.deepEqual(await listQuarantines(db), [])
  assert.equal(await acting(world, { kind: 'release' }), 'not in quarantine')
  assert.deepEqual((await world.audit()).problems, [])
})

test('what names nobody and is discarded is known all the same, and says by whom', async () => {
  await using world = await startWithAudience()
  const { db } = world.installation
  await world.notifier.notify(news, { to: [{ audience: 'all' }], data: {}, key: 'k' })
  await until(async () => (await listQuarantines(db)).length > 0)
  assert.equal(await acting(world, { kind: 'discard' }), undefined)
  await world.settle({ holds: true })
  const trace = await traceIntent(db, { producer: 'test', key: 'k' })
  assert.deepEqual([trace.lines, trace.expanding, isUnknown(trace)], [[], undefined, false])
  assert.match(printTrace(trace, { width: 200, colour: false }), /It was discarded by ada\./)
})

test('what is discarded tells nobody: who is named ends as discarded, its audience is not read', async () => {
  await using world = await startWithAudience()
  const { db } = world.installation
  await tell(world, 'k')
  assert.equal(await acting(world, { kind: 'discard' }), undefined)
  await world.settle({ holds: true })
  await until(async () => (await ends(world, 'k')).ben === 'discarded')
  assert.deepEqual(await ends(world, 'k'), { anna: 'discarded', ben: 'discarded' })
  const trace = printTrace(await traceIntent(db, { producer: 'test', key: 'k' }), { width: 200, colour: false })
  assert.match(trace, /In quarantine: for 7 people, and its type allows 4. It was discarded by ada./)
  const { problems, inFlight } = await world.audit()
  assert.deepEqual([problems, inFlight.expansions, inFlight.held], [[], 0, 0])
})

/** A team's own list of five. */
const team = {
  name: 'team',
  page: async (_: string, after: string) =>
    [1, 2, 3, 4, 5].map(n => ({ recipient: `t${n}` })).filter(one => one.recipient > after),
}

test('too many members of a team’s own list wait for an operator: nobody of them is told, whom it names is', async () => {
  await using world = await startWithAudience({ sources: [team] })
  const { db } = world.installation
  const { notifier } = world
  const tellTeam = async (key: string, named: string[]) => {
    await notifier.notify(news, { to: [...named, { audience: 'team:core' }], data: {}, key })
    await until(async () => (await listQuarantines(db)).some(one => one.intent === idOf(key)))
  }
  await tellTeam('k', ['anna', 'ben'])
  const [found] = await listQuarantines(db)
  assert.deepEqual([found!.guard, found!.recipients, found!.more, found!.most], ['members', 7, false, 4])
  await until(async () => (await ends(world, 'k')).ben === 'delivered')
  assert.deepEqual(await ends(world, 'k'), all('anna', 'ben').told('delivered'))
  assert.deepEqual(await db.query('select pages from expansions'), [{ pages: 0 }])
  assert.match(
    (await traceIntent(db, { producer: 'test', key: 'k' })).quarantine!.sentence,
    /^In quarantine, but for those whom it names: for 7 people, and its type allows 4. It waits/,
  )
  assert.deepEqual((await world.audit()).problems, [])
  await db.query('update expansions set pages = 1')
  assert.match(JSON.stringify((await world.audit()).problems), /goes to anna by in_app although no operator let it out/)
  await db.query('update expansions set pages = 0')

  assert.equal(await acting(world, { kind: 'sample', n: 2 }), undefined)
  await until(async () => (await ends(world, 'k')).t2 === 'delivered')
  assert.deepEqual(await ends(world, 'k'), all('anna', 'ben', 't1', 't2').told('delivered'))
  assert.equal(await acting(world, { kind: 'release' }), undefined)
  await until(async () => (await ends(world, 'k')).t5 === 'delivered')

  await tellTeam('discarded', ['anna'])
  const discarding = { intent: idOf('discarded'), act: { kind: 'discard' }, now: Date.now(), approvalAbove: 0 } as const
  assert.equal(await act(db, by('ada'), discarding), undefined)
  await tellTeam('released', [])
  assert.equal(
    await act(db, by('ada'), { ...discarding, intent: idOf('released'), act: { kind: 'release' } }),
    'needs approval',
  )
  assert.equal(await approve(db, by('eve'), idOf('released')), true)
  assert.equal(
    await act(db, by('ada'), { ...discarding, intent: idOf('released'), act: { kind: 'release' } }),
    undefined,
  )
  // Released before any of it was read: it is not counted again.
  await until(async () => (await ends(world, 'released')).t5 === 'delivered')
  await world.settle({ holds: true })
  assert.deepEqual(await ends(world, 'discarded'), all('anna').told('delivered'))
  const { problems, inFlight } = await world.audit()
  assert.deepEqual([problems, inFlight.expansions], [[], 0])
})

test('a sample passes, those who are named first, and the rest waits on', async () => {
  await using world = await startWithAudience()
  const { db } = world.installation
  await tell(world, 'k')
  const delivered = async () => Object.entries(await ends(world, 'k')).filter(([, what]) => what === 'delivered')
  assert.equal(await acting(world, { kind: 'sample', n: 1 }), undefined)
  await until(async () => (await delivered()).length === 1)
  assert.equal(await acting(world, { kind: 'sample', n: 3 }), undefined)
  await until(async () => (await delivered()).length === 4)
  assert.deepEqual((await delivered()).map(([who]) => who).sort(), ['anna', 'ben', 'm1', 'm2'])
  assert.equal((await listQuarantines(db)).length, 1)
  assert.equal(await acting(world, { kind: 'release' }), undefined)
  await until(async () => (await delivered()).length === 7)
  await world.settle({ holds: true })
  assert.deepEqual((await world.audit()).problems, [])
})

test('above so many people a second person must agree, each time', async () => {
  await using world = await startWithAudience()
  const { db } = world.installation
  await tell(world, 'k')
  assert.equal(await acting(world, { kind: 'sample', n: 1 }, 6), 'needs approval')
  assert.equal(await approve(db, by('ada'), idOf('k')), true)
  assert.equal(await acting(world, { kind: 'sample', n: 1 }, 6), 'needs approval', 'one person is not two')
  assert.equal(await approve(db, by('eve'), idOf('k')), true)
  assert.equal(await acting(world, { kind: 'sample', n: 1 }, 6), undefined)
  assert.equal(await acting(world, { kind: 'release' }, 6), 'needs approval', 'an approval counts once')
  assert.equal(await acting(world, { kind: 'discard' }, 6), undefined)
  assert.equal(await approve(db, by('eve'), idOf('k')), false)
  const acts = (await readActs(db, { limit: 9 })).map(({ who, what }) => `${who} ${what}`)
  assert.deepEqual(acts, [
    'ada quarantine discard',
    'ada quarantine sample',
    'eve quarantine approve',
    'ada quarantine approve',
  ])
})

test('more of a type and producer in ten minutes than ever waits, and what follows it, until an operator lets it pass', async () => {
  // Ten minutes begin when the test does.
  const shift = 600_000 - (Date.now() % 600_000)
  const clock = { now: () => Date.now() + shift }
  await using world = await startWithAudience({ volumeFloor: 1, clock })
  const { db } = world.installation
  const of = { type: 'news', producer: 'test' }
  const state = async (key: string) => {
    await world.notifier.notify(news, { to: ['anna', 'ben', 'carl'], data: {}, key })
    // Held or delivered: what is decided and not recorded yet is neither.
    await until(async () => (await ends(world, key)).anna !== undefined)
  }
  for (const key of ['a', 'b', 'c', 'd', 'e']) await state(key)
  const held = await listQuarantines(db)
  assert.deepEqual(
    held.map(one => [one.intent, one.guard, one.volume, one.most, one.recipients]),
    [
      [idOf('d'), 'volume', 12, 10, 3],
      [idOf('e'), 'volume', 15, 10, 3],
    ],
  )
  assert.deepEqual(
    (await listBlasts(db)).map(one => [one.type, one.producer, one.intents, one.recipients, one.volume]),
    [['news', 'test', 2, 6, 15]],
  )
  const trace = await traceIntent(db, { producer: 'test', key: 'd' })
  assert.match(trace.lines[0]!.sentence, /more than 10 of its kind in ten minutes/)
  assert.match(trace.quarantine!.sentence, /with it there were 12 of its kind in ten minutes, and 10 may be/)
  assert.match(trace.open[0]!.sentence, /waits for an operator/)

  const letGo = (who: string, approvalAbove: number) =>
    actOnBlast(db, by(who), { of, act: 'release', now: clock.now(), approvalAbove, step: 1 })
  assert.deepEqual(await letGo('ada', 6), { intents: 2 }, 'in steps of one')
  for (const key of ['f', 'g']) {
    await state(key)
    assert.equal((await ends(world, key)).anna, 'held', 'what nobody else agreed to does not pass')
  }
  assert.equal(await letGo('ada', 5), 'needs approval')
  assert.equal(await approveBlast(db, by('ada'), of), 2)
  assert.equal(await letGo('ada', 5), 'needs approval', 'one person is not two')
  assert.deepEqual(await letGo('eve', 5), { intents: 2, passes: true })
  assert.equal(await letGo('eve', 5), 'not in quarantine')
  await until(async () => Object.values(await ends(world, 'g')).every(what => what === 'delivered'))
  let n = 0
  await until(async () => {
    await state(`after ${++n}`)
    return (await ends(world, `after ${n}`)).anna === 'delivered'
  })
  assert.equal((await listQuarantines(db)).length, n - 1, 'at most those of the second in which it was released')
  assert.deepEqual(
    await actOnBlast(db, by('ada'), { of, act: 'discard', now: clock.now(), approvalAbove: 0 }),
    n > 1 ? { intents: n - 1 } : 'not in quarantine',
  )
  await world.settle({ holds: true })
  assert.deepEqual((await world.audit()).problems, [])
})
