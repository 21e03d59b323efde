import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventPack } from '#contracts/event.ts'
import { intentId, newSetId } from '#contracts/ids.ts'
import { startPubSubServer } from '#local/pubsub/server.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { openPubSub } from '#runtime/pubsub.ts'
import { testDatabase } from '#tests/servers.ts'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { relayOutbox, writeOutbox } from './outbox.ts'
import { ledgerState } from './ready.ts'

async function setup() {
  await using started = new AsyncDisposableStack()
  const { url } = started.use(await testDatabase())
  const db = started.use(await openPostgres({ url, connectionsMax: 4, name: 'test' }))
  const folder = started.use(await temporaryFolder())
  const server = started.use(await startPubSubServer({ dataDir: folder.path }))
  const pubsub = started.use(openPubSub({ projectId: 'carillon-test', emulator: server.address }))
  await pubsub.ensureTopic('events')
  const publisher = pubsub.publisher('events', { batchMessages: 50, batchMs: 5 })
  const running = started.move()
  return { db, server, publisher, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** Names as long as they may be, in characters of three bytes. */
const longName = (n: number) => `${n}`.padEnd(200, '鐘')
const packOf = (slots: number): EventPack => {
  const set = newSetId()
  const facts = { type: longName(1), category: longName(2), producer: 'p', lane: 'bulk', occurredAt: 0 } as const
  return {
    ...{ v: 1, pack: `${set}/decided`, day: '2026-01-01', at: 0, kind: 'decided', set },
    intents: Array.from({ length: slots }, (_, n) => ({ id: intentId({ producer: 'p', key: `${n}` }), ...facts })),
    whys: Array.from({ length: 3 }, (_, n) => ({ rule: 'opted_out', value: longName(n) })),
    slots: Array.from({ length: slots }, (_, n) => ({
      ...{ i: n, recipient: longName(n), channel: 'push', what: 'deliver', w: n % 3 },
    })),
  }
}

/** What each slot says, wherever it stands. */
const told = (packs: readonly EventPack[]) =>
  packs.flatMap(({ intents, whys, slots }) =>
    slots.map(({ i, w, recipient }) => [recipient, intents[i]!.id, whys[w!]!.value].join(' ')),
  )

const packsIn = async (db: Database): Promise<EventPack[]> =>
  (await db.query<{ payload: string }>('select payload from outbox order by id')).map(row => JSON.parse(row.payload))

test('a pack that Pub/Sub would refuse is written as several, which say the same', async () => {
  await using world = await setup()
  const { db, publisher } = world
  const [small, large] = [packOf(5), packOf(9_000)]
  await writeOutbox(db, [small, large])
  const [first, ...parts] = await packsIn(db)
  assert.deepEqual(first, small)
  assert.ok(Buffer.byteLength(JSON.stringify(large)) > 10_000_000 && parts.length > 1)
  assert.equal(parts[0]!.pack, large.pack, 'who looks for the pack finds its first part')
  assert.equal(new Set(parts.map(part => part.pack)).size, parts.length)
  assert.deepEqual(told(parts), told([large]))
  const relayed = await relayOutbox(db, payload => publisher.publish(Buffer.from(payload)))
  assert.deepEqual(relayed, { published: 1 + parts.length, refused: [] })
})

test('a pack that is refused keeps no other waiting, and stays where it is seen', async () => {
  await using world = await setup()
  const { db, publisher } = world
  let requests = 0
  const relay = () => relayOutbox(db, payload => (requests++, publisher.publish(Buffer.from(payload))))
  await writeOutbox(db, [packOf(1), packOf(1)])
  await db.query(`insert into outbox (pack, n, payload) values ('poison', 1, repeat('x', 11000000))`)
  await writeOutbox(db, [packOf(1)])
  const { published, refused, failure } = await relay()
  assert.deepEqual([published, refused.map(one => one.pack), failure], [3, ['poison'], undefined])
  assert.match(refused[0]!.reason, /was refused \(3\)/)
  const state = await ledgerState(db)
  assert.deepEqual([state.outbox, state.outboxRefused], [0, 1])
  const before = requests
  assert.deepEqual(await relay(), { published: 0, refused: [] })
  assert.equal(requests, before, 'it is not tried for ever')
  await db.query('update outbox set refused = null')
  assert.equal((await relay()).refused.length, 1, 'an operator may have it tried again')
})

test('packs wait while Pub/Sub is away', async () => {
  await using world = await setup()
  const { db, publisher } = world
  await writeOutbox(db, [packOf(1), packOf(1)])
  let first = true
  const away = async (payload: string) => {
    if (!first) throw new Error('away')
    first = false
    return publisher.publish(Buffer.from(payload))
  }
  const { published, refused, failure } = await relayOutbox(db, away)
  assert.deepEqual([published, refused, (failure as Error).message], [1, [], 'away'])
  assert.equal((await packsIn(db)).length, 1)
})
