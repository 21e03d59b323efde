import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf } from '#contracts/catalogue.ts'
import { inboxDeeds } from '#contracts/engagement.ts'
import { countMax } from '#contracts/inbox.ts'
import { attemptId, type DeliveryId, deliveryId, intentId, newBatchId, type RecipientId } from '#contracts/ids.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { randomFrom } from '#tests/chaos/workload.ts'
import { testDatabase } from '#tests/servers.ts'
import type { OutMessage } from '../provider.ts'
import { forgetInbox } from './forget-store.ts'
import { readChanges, readCounts, readItems, shownItem, type StoredItem } from './inbox-feed-store.ts'
import { markOwnItems, putInboxItems, removeInboxItems } from './inbox-store.ts'
import { inboxProvider } from './inbox.ts'

type Message = OutMessage<'in_app'>

const message = (recipient: string, key: string, content: object = { title: key, body: '' }): Message =>
  ({
    ...{ recipient, content, reason: 'mention' },
    intent: { id: intentId({ producer: 'test', key }), type: 'test.greeting', occurredAt: Date.now() },
    ...{ deliveryId: itemOf(recipient, key), place: 0, attemptId: attemptId({ batch: newBatchId(), slot: 0 }) },
  }) as unknown as Message

const itemOf = (recipient: string, key: string): DeliveryId =>
  deliveryId({ intent: intentId({ producer: 'test', key }), recipient: recipient as RecipientId, endpoint: 'inbox' })

async function setup(connectionsMax = 4) {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await testDatabase())
  const db = opened.use(await openPostgres({ url: database.url, connectionsMax, name: 'test' }))
  const running = opened.move()
  return { db, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** Somebody who looks now and then, and knows the inbox by what changed alone. */
function follower(db: Database, recipient: string) {
  const items = new Map<string, StoredItem>()
  let since = 0
  return {
    items,
    look: async () => {
      const [changes] = await readChanges(db, [{ recipient, since }], 10_000)
      if (!changes) return
      assert.ok('items' in changes)
      assert.ok(changes.number > since)
      since = changes.number
      for (const item of changes.items) items.set(item.id, item)
      for (const id of changes.gone) items.delete(id)
      const unread = [...items.values()].filter(item => !item.read)
      const counts = { unseen: unread.filter(item => !item.seen).length, unread: unread.length }
      assert.deepEqual(changes.counts, counts, `counts are those of the items, at ${since}`)
    },
  }
}

const seed = Math.floor(Math.random() * 2 ** 31)
const random = randomFrom(seed)
const shuffled = <T>(list: readonly T[]): T[] => list.toSorted(() => random() - 0.5)

test(`whatever happens at once, who follows the numbers of a person has their inbox, and its counts (seed ${seed})`, async () => {
  await using world = await setup(10)
  const { db } = world
  const people = ['anna', 'ben', 'cem', 'dora']
  const keys = Array.from({ length: 30 }, (_, n) => `k${n}`)
  let open = true
  const act = async () => {
    for (let n = 0; n < 40; n++) {
      const some = shuffled(people).slice(0, 1 + (n % 4))
      const ids = (recipient: string) =>
        shuffled(keys)
          .slice(0, 5)
          .map(key => itemOf(recipient, key))
      const [who] = some as [string]
      const what = inboxDeeds[n % inboxDeeds.length]!
      const mark = { recipient: who, what, now: Date.now() }
      const put = () =>
        putInboxItems(
          db,
          some.flatMap(one =>
            shuffled(keys)
              .slice(0, 3)
              .map(key => message(one, key)),
          ),
          Date.now(),
        )
      const acts = [
        put,
        put,
        () => db.transaction(tx => markOwnItems(tx, { ...mark, deliveries: ids(who) })),
        () => db.transaction(tx => markOwnItems(tx, { ...mark, upToNumber: Math.floor(random() * 60) })),
        () => db.transaction(tx => removeInboxItems(tx, { deliveries: some.flatMap(ids).slice(0, 6) })),
      ]
      await acts[Math.floor(random() * acts.length)]!()
    }
  }
  const followers = people.map(recipient => follower(db, recipient))
  const follow = async ({ look }: (typeof followers)[number]) => {
    while (open) await look()
    await look()
  }
  const following = Promise.all(followers.map(follow))
  await Promise.all(Array.from({ length: 5 }, act))
  open = false
  await following
  for (const [at, recipient] of people.entries()) {
    const lists = await Promise.all([false, true].map(archived => readItems(db, { recipient, archived, limit: 1_000 })))
    const there = lists.flatMap(list => list.items).toSorted(byId)
    assert.deepEqual([...followers[at]!.items.values()].toSorted(byId), there)
    assert.deepEqual(new Set(there.map(item => item.number)).size, there.length, 'no number is taken twice')
    assert.deepEqual(await readCounts(db, { recipient }), { number: lists[0]!.number, counts: lists[0]!.counts })
  }
})

const byId = (a: StoredItem, b: StoredItem): number => (a.id < b.id ? -1 : 1)

test('what is new is counted, however much was seen and never read', async () => {
  await using world = await setup()
  const { db } = world
  const many = Array.from({ length: countMax + 1 }, (_, n) => message('anna', `seen ${n}`))
  await putInboxItems(db, many, 1)
  await db.transaction(tx => markOwnItems(tx, { recipient: 'anna', what: 'seen', upToNumber: 10_000, now: 2 }))
  await putInboxItems(db, [message('anna', 'new')], 3)
  assert.deepEqual((await readCounts(db, { recipient: 'anna' })).counts, { unseen: 1, unread: countMax })
})

test('what is removed is told as gone, who is behind by too much looks anew, who is not hears nothing', async () => {
  await using world = await setup()
  const { db } = world
  await putInboxItems(
    db,
    ['a', 'b', 'c'].map(key => message('anna', key)),
    Date.now(),
  )
  await putInboxItems(db, [message('ben', 'a')], Date.now())
  await db.transaction(tx => removeInboxItems(tx, { deliveries: [itemOf('anna', 'b'), itemOf('ben', 'a')] }))
  const asked = [
    { recipient: 'anna', since: 3 },
    { recipient: 'anna', since: 4 },
    { recipient: 'nobody', since: 0 },
    { recipient: 'ben', since: 0 },
  ]
  const counts = { unseen: 2, unread: 2 }
  assert.deepEqual(await readChanges(db, asked, 10), [
    { number: 4, counts, items: [], gone: [itemOf('anna', 'b')] },
    undefined,
    undefined,
    { number: 2, counts: { unseen: 0, unread: 0 }, items: [], gone: [itemOf('ben', 'a')] },
  ])
  assert.deepEqual(await readChanges(db, [{ recipient: 'anna', since: 0 }], 1), [{ number: 4, counts, tooMany: true }])
})

test('of who was erased the inbox is empty, who has it open hears what is gone, and what was claimed does not come', async () => {
  await using world = await setup()
  const { db } = world
  await using provider = inboxProvider(db)
  const send = (messages: Message[]) =>
    provider.send(messages, { lane: 'default', now: Date.now(), deadlineMs: 10_000 })
  await send([message('anna', 'a'), message('anna', 'b'), message('ben', 'a')])
  await db.transaction(tx => removeInboxItems(tx, { deliveries: [itemOf('anna', 'b')] }))
  await db.query(`insert into recipients (id, erased_at) values ('anna', now())`)
  await forgetInbox(db, 'anna')
  const [changes] = await readChanges(db, [{ recipient: 'anna', since: 2 }], 10)
  assert.ok(changes && 'gone' in changes)
  assert.deepEqual([changes.number, changes.items], [4, []])
  assert.deepEqual(changes.gone.toSorted(), ['a', 'b'].map(key => itemOf('anna', key)).toSorted())
  const answers = await send([message('anna', 'c'), message('ben', 'c')])
  assert.deepEqual(
    answers.map(answer => (answer.kind === 'takenBack' ? answer.end.why.rule : answer.kind)),
    ['erased', 'accepted'],
  )
  const left = await db.query<{ recipient: string }>('select recipient from inbox_items')
  assert.deepEqual(
    left.map(item => item.recipient),
    ['ben', 'ben'],
  )
})

test('a URL that would run something is left out, of hostile ones as of any other scheme', async () => {
  await using world = await setup()
  const { db } = world
  const bad = [
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    '//evil.test',
    '/\\evil.test',
    'vbscript:x',
    'x',
    '/a b',
  ]
  const good = ['https://acme.test/x?y#z', 'http://acme.test', '/threads/42']
  const urls = [...bad, ...good]
  await putInboxItems(
    db,
    urls.map((url, at) => message('anna', `${at}`, { title: 't', body: 'b', url })),
    Date.now(),
  )
  const { items } = await readItems(db, { recipient: 'anna', limit: 100 })
  assert.deepEqual(items.flatMap(item => item.url ?? []).toSorted(), good.toSorted())
  assert.equal(items.length, urls.length)
  assert.equal('category' in shownItem(items[0]!, catalogueOf('1', [])), false)
})
