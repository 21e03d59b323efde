import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InboxPage } from '#contracts/inbox.ts'
import type { ProblemBody } from '#runtime/http-problem.ts'
import { createInbox, inboxMessage, itemId } from './inbox.fixture.ts'

type Marked = { found: number; number: number; counts: object }

test('an inbox is read by pages, newest first, and by what is asked for', async () => {
  await using inbox = await createInbox()
  const keys = ['a', 'b', 'c', 'd', 'e']
  const thread = (key: string) => ({ thread: 'bc'.includes(key) ? 't1' : 't2', title: `It is ${key}`, url: '/x' })
  for (const key of keys) await inbox.put([inboxMessage('anna', key, thread(key)), inboxMessage('ben', key)])
  const page = async (query: string): Promise<InboxPage> => (await inbox.ask('anna', query)).body
  const first = await page('?limit=2')
  assert.deepEqual(
    { ...first, items: first.items.map(({ at: _at, ...item }) => item) },
    {
      items: ['e', 'd'].map((key, place) => ({
        ...{ id: itemId('anna', key), number: 5 - place, type: 'test.greeting', category: 'social', thread: 't2' },
        ...{ reason: 'mention', title: `It is ${key}`, body: '', url: '/x', seen: false, read: false, archived: false },
      })),
      ...{ number: 5, counts: { unseen: 5, unread: 5 }, cursor: '4' },
    },
  )
  const titles = async (query: string) => (await page(query)).items.map(item => item.title.at(-1)).join('')
  assert.equal(await titles(`?limit=2&cursor=${first.cursor}`), 'cb')
  const last = await page('?limit=2&cursor=2')
  assert.deepEqual([last.items.length, last.cursor], [1, undefined])
  assert.equal(await titles('?thread=t1'), 'cb')
  assert.equal(await titles('?category=social&type=test.greeting'), 'edcba')
  assert.equal(await titles('?category=work'), '')
  await inbox.ask('anna', '/marks', { body: { what: 'read', ids: [itemId('anna', 'a')] } })
  await inbox.ask('anna', '/marks', { body: { what: 'archived', ids: [itemId('anna', 'b')] } })
  assert.equal(await titles('?unread=true'), 'edc')
  assert.equal(await titles('?archived=true'), 'b')
  assert.equal(await titles(''), 'edca')
})

test('marks take the next number each, tell what is left, and change nothing twice', async () => {
  await using inbox = await createInbox()
  await inbox.put(['a', 'b', 'c'].map(key => inboxMessage('anna', key, { thread: key === 'c' ? 't1' : 't2' })))
  const mark = async (body: object): Promise<Marked> => (await inbox.ask('anna', '/marks', { body })).body
  const left = (unseen: number, unread: number) => ({ unseen, unread })
  const ids = ['a'].map(key => itemId('anna', key))
  assert.deepEqual(await mark({ what: 'seen', upTo: 2 }), { found: 2, number: 4, counts: left(1, 3) })
  assert.deepEqual(await mark({ what: 'read', ids }), { found: 1, number: 5, counts: left(1, 2) })
  assert.deepEqual(await mark({ what: 'read', ids }), { found: 1, number: 5, counts: left(1, 2) })
  assert.deepEqual(await mark({ what: 'archived', all: true, thread: 't1' }), {
    found: 1,
    number: 6,
    counts: left(0, 1),
  })
  assert.deepEqual(await mark({ what: 'unarchived', all: true }), { found: 1, number: 7, counts: left(0, 1) })
  assert.deepEqual(await mark({ what: 'read', all: true }), { found: 1, number: 8, counts: left(0, 0) })
  assert.deepEqual((await inbox.ask('anna', '/counts')).body, { number: 8, counts: left(0, 0) })
})

test('whose inbox it is the token says alone: what is another’s is not there, and nothing else names a person', async () => {
  await using inbox = await createInbox()
  await inbox.put([inboxMessage('anna', 'a'), inboxMessage('ben', 'b')])
  const { body } = await inbox.ask('ben', '/marks', { body: { what: 'archived', ids: [itemId('anna', 'a')] } })
  assert.equal((body as Marked).found, 0)
  const page: InboxPage = (await inbox.ask('anna', '')).body
  assert.deepEqual([page.items.length, page.items[0]!.archived, page.number], [1, false, 1])
  for (const query of ['?recipient=anna', '/counts?user=anna', '/stream?recipient=anna'])
    assert.equal((await inbox.ask('ben', query)).status, 400, query)
  const named = { what: 'read', all: true, recipient: 'anna' }
  assert.equal((await inbox.ask('ben', '/marks', { body: named })).status, 400)
  assert.equal((await inbox.ask('ben', '/anna')).status, 404)
  assert.equal((await inbox.ask('anna', '/counts')).body['counts' as never]['unread'], 1)
})

test('what makes no sense is refused with every problem, and nothing is half-done', async () => {
  await using inbox = await createInbox()
  await inbox.put([inboxMessage('anna', 'a')])
  const refused: [string, unknown][] = [
    ...['?limit=0', '?limit=101', '?cursor=x', '?cursor=-1', '?unread=yes', '?thread='].map(
      (query): [string, unknown] => [query, undefined],
    ),
    ...[
      {},
      { what: 'unread', all: true },
      { what: 'read' },
      { what: 'read', ids: [] },
      { what: 'read', ids: ['a b'] },
      { what: 'read', ids: ['x'], all: true },
      { what: 'read', ids: ['x'], thread: 't' },
      { what: 'read', upTo: -1 },
      { what: 'read', upTo: 1.5 },
      { what: 'read', all: false },
      [],
    ].map((body): [string, unknown] => ['/marks', body]),
  ]
  for (const [path, body] of refused) {
    const answer = await inbox.ask('anna', path, { body })
    const told = answer.body as ProblemBody
    assert.equal(answer.status, 400, JSON.stringify([path, body]))
    assert.match(answer.headers.get('content-type')!, /problem\+json/)
    assert.ok(told.errors!.length > 0)
  }
  assert.equal((await inbox.ask('anna', '/counts')).body['number' as never], 1)
  const lacking = await fetch(`${inbox.url}/v1/me/inbox`, {
    headers: { authorization: `Bearer ${await inbox.tokenOf('anna', { scopes: ['preferences'] })}` },
  })
  assert.equal(lacking.status, 403)
})

test('in a tenant one sees what was told there and in none: items, counts, marks; no other can be named', async () => {
  await using inbox = await createInbox()
  for (const tenant of ['acme', 'bolt', undefined])
    for (const key of ['1', '2'])
      await inbox.put([inboxMessage('anna', `${tenant} ${key}`, tenant === undefined ? {} : { tenant })])
  type Asked = { tenant?: string; body?: unknown }
  const page = async (query: string, of: Asked = {}): Promise<InboxPage> => (await inbox.ask('anna', query, of)).body
  const seen = async (query: string, of?: Asked) => {
    const { items, counts } = await page(query, of)
    const told = items.map(item => `${item.tenant} ${item.title.at(-1)}`)
    return [told.join(), counts.unread]
  }
  const none = ['undefined 2,undefined 1']
  const acme = [[...none, 'acme 2', 'acme 1'].join(), 4]
  const all = [[...none, 'bolt 2', 'bolt 1', 'acme 2', 'acme 1'].join(), 6]
  assert.deepEqual(await seen(''), all)
  assert.deepEqual(await seen('?tenant=acme'), acme)
  assert.deepEqual(await seen('', { tenant: 'acme' }), acme)
  assert.deepEqual(await seen('?tenant=acme', { tenant: 'acme' }), acme)
  const counts = async (path: string, of: Asked) => (await inbox.ask('anna', path, of)).body['counts' as never]
  assert.deepEqual(await counts('/counts', { tenant: 'bolt' }), { unseen: 4, unread: 4 })
  assert.deepEqual(await counts('/counts?tenant=cog', {}), { unseen: 2, unread: 2 })
  for (const [path, body] of [
    ['?tenant=bolt', undefined],
    ['/counts?tenant=bolt', undefined],
    ['/stream?tenant=bolt', undefined],
    ['/marks', { what: 'read', all: true, tenant: 'bolt' }],
  ] as const) {
    const refused = await inbox.ask('anna', path, { tenant: 'acme', body })
    assert.deepEqual([refused.status, (refused.body as ProblemBody).detail], [403, 'the token is of another tenant'])
  }
  const bolts = ['1', '2'].map(key => itemId('anna', `bolt ${key}`))
  const marked = async (body: object, of: Asked = {}) =>
    (await inbox.ask('anna', '/marks', { ...of, body })).body as Marked
  assert.equal((await marked({ what: 'read', ids: bolts }, { tenant: 'acme' })).found, 0)
  assert.equal((await marked({ what: 'read', ids: bolts, tenant: 'acme' })).found, 0)
  assert.deepEqual(await marked({ what: 'read', all: true }, { tenant: 'acme' }), {
    ...{ found: 4, number: 7, counts: { unseen: 0, unread: 0 } },
  })
  assert.deepEqual(await seen('?unread=true'), ['bolt 2,bolt 1', 2])
})
