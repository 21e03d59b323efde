import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyNotificationType, catalogueOf, type TemplateInput } from '#contracts/catalogue.ts'
import { type DigestId, intentId, newDigestId } from '#contracts/ids.ts'
import { outcomeName } from '#contracts/outcome.ts'
import { audit } from '#ledger/audit.ts'
import type { CarriedIntent } from '#ledger/batch.ts'
import { placeTombstone, supersede } from '#ledger/retractions.ts'
import { inboxProvider } from './in-app/inbox.ts'
import { createWorld, device, greeting, worldWithFcm } from './world.fixture.ts'

type Input = TemplateInput<unknown>
const nameOf = (data: unknown): string => (data as { name: string }).name
/** Its title is what it tells: how many, and of whom. */
const words = ({ data, digest }: Input) => {
  if (nameOf(data) === 'breaks') throw new Error('a template that fails')
  const title = digest ? `${digest.count}: ${digest.items.map(item => nameOf(item.data)).join(' ')}` : nameOf(data)
  return { title, body: '' }
}
const templates = { en: { in_app: words, push: words } }
const typeOf = (type: string, category = 'social'): AnyNotificationType => ({
  ...{ ...greeting, type, category, templates },
  deliver: [{ channel: 'in_app' }, { channel: 'push' }],
})
const types = [typeOf('post.liked'), typeOf('task.done', 'work')]
const catalogue = catalogueOf('1', types, { digests: [{ name: 'summary', templates }] })
const idOf = (key: string) => intentId({ producer: 'test', key })

type Member = { key: string; type?: string; reason?: string; intent?: Partial<CarriedIntent> }

/** What was put together for anna, on its way to one of her endpoints. */
const together = (members: readonly Member[], { id = newDigestId(), into }: { id?: DigestId; into?: string } = {}) => ({
  ...{ channel: 'in_app' as const, provider: 'inbox' },
  intent: { digest: { id, ...(into !== undefined && { into }) } },
  to: members.map(member => ({ recipient: 'anna', endpoint: 'inbox', type: 'post.liked', ...member })),
})

async function worldWithInbox() {
  const world = await createWorld({ types })
  world.deps.catalogue = catalogue
  world.use(inboxProvider(world.db))
  return world
}
type World = Awaited<ReturnType<typeof createWorld>>

/** Which outcomes the members came to, by key. */
async function endsIn({ db }: Pick<World, 'db'>, ...keys: string[]) {
  const rows = await db.query<{ intent_id: string; outcome: number | null }>(
    'select intent_id, outcome from deliveries where outcome is distinct from 0',
  )
  const ends = new Map(rows.map(row => [row.intent_id, row.outcome === null ? 'open' : outcomeName(row.outcome)]))
  return keys.map(key => ends.get(idOf(key)))
}
const titles = async ({ db }: Pick<World, 'db'>) =>
  (await db.query<{ content: string }>('select content from inbox_items order by created_at, delivery')).map(
    ({ content }) => (JSON.parse(content) as { title: string }).title,
  )

test('the last of what is told as one speaks for all of it; the others end as digested, by its id', async () => {
  await using world = await worldWithInbox()
  await world.deliver(await world.write(together(['a', 'b', 'c'].map(key => ({ key })))))
  assert.deepEqual(await titles(world), ['3: a b c'])
  assert.deepEqual(await endsIn(world, 'a', 'b', 'c'), ['digested', 'digested', 'delivered'])
  const [pack] = await world.db.query<{ payload: string }>(`select payload from outbox where payload like '%settled%'`)
  const { whys, slots } = JSON.parse(pack!.payload) as { whys: unknown[]; slots: { w?: number }[] }
  const told = slots.map(slot => slot.w !== undefined && whys[slot.w])
  const byC = { rule: 'digested', value: idOf('c') }
  assert.deepEqual(told, [byC, byC, false])
  assert.deepEqual((await audit(world.db)).problems, [])
})

test('each drops out by itself, whoever speaks, with its own reason, and is neither shown nor counted', async () => {
  await using world = await worldWithInbox()
  const { db, clock } = world
  const now = clock.now()
  const batches = await world.write(
    together(
      [
        { key: 'kept', intent: { occurredAt: now - 1 } },
        { key: 'muted', intent: { thread: 'muted' } },
        { key: 'other', intent: { thread: 'heard' } },
        { key: 'quiet-room', intent: { room: 'r1' } },
        { key: 'mentioned', reason: 'mention', intent: { room: 'r1' } },
        { key: 'read-thread', intent: { thread: 'read', occurredAt: now - 2 } },
        { key: 'newer', intent: { thread: 'read', occurredAt: now } },
        { key: 'read', intent: { occurredAt: now - 60_000 } },
        { key: 'work', type: 'task.done', intent: { category: 'work' } },
        { key: 'superseded' },
        { key: 'expired', intent: { expiresAt: now - 1 } },
        { key: 'retracted' },
      ],
      { into: 'summary' },
    ),
  )
  await world.addPerson('anna', {
    choices: {
      threads: { muted: true },
      levels: { room: { r1: { level: 'mentions' } } },
      categories: { work: { in_app: false } },
    },
  })
  await db.query(
    `update recipients set read_xid = pg_current_xact_id(), read_up_to = to_timestamp($1 / 1000.0) where id = 'anna'`,
    [now - 10_000],
  )
  await db.query(
    `insert into watermarks (recipient, thread, up_to) values ('anna', 'read', to_timestamp($1 / 1000.0))`,
    [now - 2],
  )
  await placeTombstone(db, idOf('retracted'))
  await supersede(db, [{ id: idOf('superseded'), by: idOf('later'), until: now }])
  await world.deliver(batches)
  assert.deepEqual(await titles(world), ['4: kept other mentioned newer'])
  assert.deepEqual(await endsIn(world, 'kept', 'other', 'mentioned', 'newer'), [
    ...['digested', 'digested', 'digested', 'delivered'],
  ])
  assert.deepEqual(await endsIn(world, 'muted', 'quiet-room', 'read-thread', 'read', 'work'), [
    ...['suppressed_mute', 'suppressed_mute', 'suppressed_read', 'suppressed_read', 'suppressed_preference'],
  ])
  assert.deepEqual(await endsIn(world, 'superseded', 'expired', 'retracted'), ['superseded', 'expired', 'retracted'])
  assert.deepEqual((await audit(db)).problems, [])
})

test('one that is left speaks for itself, and when none is left nothing is told', async () => {
  await using world = await worldWithInbox()
  const one = await world.write(together([{ key: 'left' }, { key: 'gone' }]))
  const none = await world.write(together([{ key: 'gone' }, { key: 'gone-too' }]))
  for (const key of ['gone', 'gone-too']) await placeTombstone(world.db, idOf(key))
  await world.deliver([...one, ...none])
  assert.deepEqual(await titles(world), ['left'])
  assert.deepEqual(await endsIn(world, 'left', 'gone', 'gone-too'), ['delivered', 'retracted', 'retracted'])
})

test('words of a type see data of no other, and count all; a digest of several types sees every item', async () => {
  await using world = await worldWithInbox()
  const members = [{ key: 'a' }, { key: 'b', type: 'task.done' }, { key: 'c' }]
  await world.deliver(await world.write(together(members)))
  const others = members.map(member => ({ ...member, key: `${member.key}2` }))
  await world.deliver(await world.write(together(others, { into: 'summary' })))
  assert.deepEqual((await titles(world)).toSorted(), ['3: a c', '3: a2 b2 c2'])
})

test('what cannot be sent now moves on as one, and what is taken back by then drops out of it', async () => {
  await using world = await worldWithFcm({ types })
  world.deps.catalogue = catalogue
  await world.addPerson('anna', { endpoints: [device('token')] })
  world.simulators.script.set({ provider: 'fcm', answer: 'quota', times: 1, retryAfterSeconds: 1 })
  const to = ['a', 'b', 'c'].map(key => ({ key, endpoint: 'phone' }))
  const batches = await world.write({ ...together(to), channel: 'push', provider: 'fcm' })
  await world.deliver(batches)
  const [moved, ...more] = await world.open()
  assert.deepEqual(more, [])
  await placeTombstone(world.db, idOf('c'))
  world.clock.set(world.clock.now() + 61_000)
  await world.makeDue()
  await world.deliver([moved!])
  assert.deepEqual(await endsIn(world, 'a', 'b', 'c'), ['digested', 'sent', 'retracted'])
  assert.equal(world.simulators.lines('fcm').filter(line => line.accepted).length, 1)
  assert.deepEqual((await audit(world.db)).problems, [])
})

test('each device of a person is told as one', async () => {
  await using world = await worldWithFcm({ types })
  world.deps.catalogue = catalogue
  await world.addPerson('anna', { endpoints: [device('one'), device('two', { id: 'tablet' })] })
  const { to, ...rest } = together([{ key: 'a' }, { key: 'b' }])
  const devices = to.flatMap(member => ['phone', 'tablet'].map(endpoint => ({ ...member, endpoint })))
  await world.deliver(await world.write({ ...rest, to: devices, channel: 'push', provider: 'fcm' }))
  assert.deepEqual(
    world.simulators
      .lines('fcm')
      .map(line => line.address)
      .toSorted(),
    ['one', 'two'],
  )
})

test('where the message is not told, all of it ends as the message does', async () => {
  await using world = await worldWithInbox()
  await world.deliver(await world.write(together([{ key: 'a' }, { key: 'b' }, { key: 'breaks' }])))
  assert.deepEqual(await endsIn(world, 'a', 'b', 'breaks'), ['template_error', 'template_error', 'template_error'])
})

test('who speaks and is taken back after the claim leaves the others to be told by the next claim', async () => {
  await using world = await worldWithInbox()
  const batches = await world.write(together(['a', 'b', 'c'].map(key => ({ key }))))
  world.deps.failpoint = async () => {
    delete world.deps.failpoint
    await placeTombstone(world.db, idOf('c'))
  }
  await world.deliver(batches)
  assert.deepEqual(await endsIn(world, 'a', 'b', 'c'), ['open', 'open', 'retracted'])
  await world.makeDue()
  await world.deliver(await world.open())
  assert.deepEqual(await titles(world), ['2: a b'])
  assert.deepEqual(await endsIn(world, 'a', 'b', 'c'), ['digested', 'delivered', 'retracted'])
  assert.deepEqual((await audit(world.db)).problems, [])
})

test('a thousand told as one stand in one batch, whatever else is decided with them', async () => {
  await using world = await worldWithInbox()
  const many = together(Array.from({ length: 1_200 }, (_, n) => ({ key: `k${n}` })))
  const few = together(['a', 'b'].map(key => ({ key })))
  const alone = Array.from({ length: 499 }, (_, n) => ({ recipient: `u${n}`, endpoint: 'inbox', type: 'post.liked' }))
  const digest = [few, many].flatMap(({ to, intent }) => to.map(member => ({ ...member, intent })))
  const batches = await world.write({ ...few, intent: {}, to: [...alone, ...digest] })
  const sizes = await world.db.query<{ n: number }>('select n from batches order by n')
  assert.deepEqual(
    sizes.map(({ n }) => n),
    [2, 499, 1_200],
  )
  await world.deliver(batches)
  const [last] = await world.db.query<{ content: string }>(
    `select content from inbox_items where recipient = 'anna' and content like '%1200:%'`,
  )
  assert.match(last!.content, /1200: k1150 .* k1199"/)
  assert.deepEqual((await audit(world.db)).problems, [])
})
