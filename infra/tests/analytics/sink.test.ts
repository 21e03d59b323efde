import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { funnel } from '#analytics/funnel-store.ts'
import { recomputeHour } from '#analytics/rollup-store.ts'
import { startPostgres } from '#local/postgres.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { decidedPack, people, settledPack } from './packs.fixture.ts'
import { setup, stored, until } from './sink.fixture.ts'

/** Packs carry the day that they were made on; the sink compares it with the time of publishing. */
const dayFromNow = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
const today = dayFromNow(0)

test('packs are stored with their events, and again only once, from two sinks at the same time', async () => {
  await using world = await setup()
  const packs = Array.from({ length: 40 }, (_, n) => (n % 2 ? settledPack : decidedPack)(people(50), { day: today }))
  await using first = await world.sink()
  await using second = await world.sink()
  await Promise.all([...packs, ...packs.toReversed(), ...packs].map(world.publish))
  await until(world.acked, acked => acked === 120)
  assert.deepEqual(await stored(world.db), { packs: 40, events: 2000 })
  assert.equal(first.lagMs() + second.lagMs(), 0)
})

test('a sink that is killed between commit and ack is followed by one that stores nothing twice', async () => {
  await using world = await setup()
  const packs = Array.from({ length: 5 }, () => settledPack(people(20), { day: today }))
  await Promise.all(packs.map(world.publish))
  const script = fileURLToPath(import.meta.resolve('./dies-before-ack.ts'))
  const doomed = spawn(process.execPath, [script, world.url, world.emulator, world.prefix])
  const [code, signal] = (await once(doomed, 'exit')) as [number | null, string | null]
  assert.deepEqual([code, signal], [null, 'SIGKILL'])
  const before = await stored(world.db)
  assert.ok(before.packs > 0, 'it had stored something')

  await using _sink = await world.sink()
  await world.publish(settledPack(people(1), { day: today }))
  // The five come again when their lease ends.
  await until(world.acked, acked => acked === 6)
  assert.deepEqual(await stored(world.db), { packs: 6, events: 101 })
})

test('sinks that are killed one after another, each with all packs again, change nothing', async () => {
  await using world = await setup()
  const packs = [decidedPack(people(20), { day: today }), ...people(4).map(id => settledPack([id], { day: today }))]
  const script = fileURLToPath(import.meta.resolve('./dies-before-ack.ts'))
  for (let round = 0; round < 3; round++) {
    await Promise.all(packs.map(world.publish))
    const doomed = spawn(process.execPath, [script, world.url, world.emulator, world.prefix])
    assert.deepEqual(await once(doomed, 'exit'), [null, 'SIGKILL'])
  }
  await using _sink = await world.sink()
  await until(world.acked, acked => acked === 15)
  assert.deepEqual(await stored(world.db), { packs: 5, events: 24 })
  const stages = async () => {
    const [row] = await funnel(world.db)
    return [row!.stages.intended, row!.stages.decided, row!.stages.accepted]
  }
  assert.deepEqual(await stages(), [20, 20, 4])
  while (await recomputeHour(world.db));
  assert.deepEqual(await stages(), [20, 20, 4])
})

test('malformed packs are counted, named in the log and taken off; good ones beside them are stored', async () => {
  await using world = await setup()
  await using _sink = await world.sink()
  const good = decidedPack(people(3), { day: today })
  const bad = ['no JSON', '{}', { ...good, pack: 'other', slots: [{ ...good.slots[0], i: 7 }] }, { ...good, at: 'now' }]
  const ids = await Promise.all(bad.map(world.publish))
  await world.publish(good)
  await until(world.acked, acked => acked === 5)
  const refused = world.lines.map(line => JSON.parse(line) as { messageId: string; level: string })
  assert.deepEqual(new Set(refused.map(line => line.messageId)), new Set(ids))
  assert.match(await world.metrics.text(), /errors_total\{part="sink"\} 4/)
  assert.deepEqual(await stored(world.db), { packs: 1, events: 3 })
})

test('a pack of a newer version waits for a build that knows it', async () => {
  await using world = await setup()
  await using _sink = await world.sink()
  const id = await world.publish({ ...decidedPack(people(1), { day: today }), v: 2 })
  const again = () => world.lines.filter(line => line.includes(`"messageId":"${id}"`)).length
  await until(again, times => times >= 2)
  assert.deepEqual(await stored(world.db), { packs: 0, events: 0 })
})

test('a day without a partition is made within bounds; beyond them the pack is refused', async () => {
  await using world = await setup()
  await using _sink = await world.sink()
  // Whether or not it becomes another day meanwhile.
  const made = [-30, -1, 0, 1].map(dayFromNow)
  const refused = [-40, 3].map(dayFromNow)
  for (const day of made) await world.publish(settledPack(people(2), { day }))
  await Promise.all(refused.map(day => world.publish(settledPack(people(2), { day }))))
  await until(world.acked, acked => acked === 6)
  assert.equal(world.lines.filter(line => line.includes('is refused')).length, 2)
  const days = await world.db.query<{ day: string }>(`select distinct day::text from delivery_events order by 1`)
  assert.deepEqual(
    days.map(row => row.day),
    made,
  )
})

test('an outage of Postgres loses nothing, and while it lasts no more is held than may be', async () => {
  await using folder = await temporaryFolder()
  const dataDir = path.join(folder.path, 'postgres')
  let postgres = await startPostgres({ dataDir })
  const { url } = postgres
  try {
    await using world = await setup(url)
    await using sink = await world.sink()
    await world.publish(settledPack(people(10), { day: today }))
    await until(world.acked, acked => acked === 1)
    await postgres[Symbol.asyncDispose]()
    // More than it may hold: the rest stays where it is.
    const more = 1_500
    await Promise.all(Array.from({ length: more }, () => world.publish(settledPack(people(10), { day: today }))))
    await until(
      () => world.lines.filter(line => line.includes('wait for Postgres')).length,
      waits => waits >= 2,
    )
    assert.ok(sink.lagMs() > 0)
    assert.match(await world.metrics.text(), /\nsink_lag (?!0\n)/)
    postgres = await startPostgres({ dataDir, port: Number(new URL(url).port) })
    await until(world.acked, acked => acked === more + 1)
    assert.deepEqual(await stored(world.db), { packs: more + 1, events: (more + 1) * 10 })
    assert.equal(world.heldMost(), 1_000)
    await until(sink.lagMs, lag => lag === 0)
  } finally {
    await postgres[Symbol.asyncDispose]()
  }
})
