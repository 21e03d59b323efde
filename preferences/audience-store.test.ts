import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { byCodePoint } from './audience-page.ts'
import { addMembers, type AudienceMember, fillAudience, removeMembers, replaceMembers } from './audience-store.ts'
import { audiencePage, countWithSources, type MembershipSource } from './preferences.ts'
import { createStores, type Stores } from './store.fixture.ts'

const ids = (...names: string[]): AudienceMember[] => names.map(id => ({ id }))
const whole = { after: null, until: null }

async function membersOf({ db }: Stores, ...audiences: string[]): Promise<string[]> {
  const page = await audiencePage(db, { audiences, after: '', limit: 1_000_000 })
  return page.map(({ recipient, reason }) => (reason === undefined ? recipient : `${recipient}:${reason}`))
}

test('members are added, removed and replaced', async () => {
  await using stores = await createStores()
  const { db } = stores
  await addMembers(db, 'a', [...ids('u2', 'u1', 'u2'), { id: 'u3', reason: 'author' }])
  await addMembers(db, 'b', ids('u9'))
  await addMembers(db, 'a', [{ id: 'u1', reason: 'mention' }, ...ids('u4')])
  assert.deepEqual(await membersOf(stores, 'a'), ['u1:mention', 'u2', 'u3:author', 'u4'])
  await removeMembers(db, 'a', ['u2', 'never there'])
  assert.deepEqual(await membersOf(stores, 'a'), ['u1:mention', 'u3:author', 'u4'])
  await replaceMembers(db, 'a', { ...whole, members: ids('u3', 'u5') })
  assert.deepEqual(await membersOf(stores, 'a'), ['u3', 'u5'])
  await replaceMembers(db, 'a', { after: 'u3', until: 'u6', members: ids('u4', 'u6') })
  assert.deepEqual(await membersOf(stores, 'a'), ['u3', 'u4', 'u6'])
  await replaceMembers(db, 'a', { after: 'u3', until: null, members: [] })
  assert.deepEqual(await membersOf(stores, 'a'), ['u3'])
  assert.deepEqual(await membersOf(stores, 'b'), ['u9'], 'another audience is another')
})

test('100,000 members are replaced at once, and a reader sees the old ones or the new ones', async () => {
  await using stores = await createStores()
  const { db } = stores
  const list = (from: number) => Array.from({ length: 100_000 }, (_, n) => ({ id: `u${from + n}` }))
  await fillAudience(db, 'big', list(0))
  const replaced = replaceMembers(db, 'big', { ...whole, members: list(50_000) })
  const counts = new Set<string>()
  const look = async () => {
    const [row] = await db.query<{ n: string; old: string }>(
      `select count(*)::text as n, (count(*) filter (where recipient = 'u0'))::text as old from audience_members where audience = 'big'`,
    )
    counts.add(`${row!.n} ${row!.old}`)
  }
  let done = false
  const watching = (async () => {
    while (!done) await look()
  })()
  await replaced
  done = true
  await watching
  await look()
  for (const seen of counts) assert.ok(['100000 1', '100000 0'].includes(seen), seen)
  assert.ok(counts.has('100000 0'))
})

test('writers of one audience do not wait for each other in a circle', async () => {
  await using stores = await createStores()
  const { db } = stores
  const some = Array.from({ length: 300 }, (_, n) => ({ id: `u${(n * 7919) % 300}` }))
  await Promise.all(
    Array.from({ length: 24 }, (_, n) => {
      if (n % 3 === 0) return addMembers(db, 'a', n % 2 === 0 ? some : some.toReversed())
      if (n % 3 === 1) return removeMembers(db, 'a', some.map(one => one.id).toReversed())
      return replaceMembers(db, 'a', { ...whole, members: n % 2 === 0 ? some.slice(100) : some.slice(0, 200) })
    }),
  )
})

/** Pages of any list, as short as `pageMax`. */
const sourceOf = (name: string, lists: Record<string, AudienceMember[]>, pageMax = 100): MembershipSource => ({
  name,
  page: async (audience, after, limit) =>
    lists[audience]!.filter(({ id }) => byCodePoint(id, after) > 0)
      .toSorted((a, b) => byCodePoint(a.id, b.id))
      .slice(0, Math.min(limit, pageMax))
      .map(({ id, reason }) => ({ recipient: id, ...(reason !== undefined && { reason }) })),
})

async function pages(stores: Stores, limit: number, page: { audiences: string[]; sources?: MembershipSource[] }) {
  const all: Awaited<ReturnType<typeof audiencePage>> = []
  for (;;) {
    const next = await audiencePage(stores.db, { ...page, after: all.at(-1)?.recipient ?? '', limit })
    assert.ok(next.length <= limit)
    all.push(...next)
    if (next.length < limit) return all
  }
}

test('audiences are one list, each member once, in order, from the table and from teams’ own lists', async () => {
  await using stores = await createStores()
  // Order by UTF-16 would put the two last ones the other way round.
  const names = ['', 'A', 'Z', 'a', 'z', 'é', 'ｚ', '🦉'].flatMap(end => ['u', 'v'].map(begin => `${begin}${end}`))
  const members = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(members, members, members, members),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      async ([one, two, three, four], limit, pageMax) => {
        await replaceMembers(stores.db, 'one', { ...whole, members: one.map(id => ({ id, reason: 'one' })) })
        await replaceMembers(stores.db, 'two', { ...whole, members: ids(...two) })
        const lists = { 'team:three': three.map(id => ({ id, reason: 'three' })), 'team:four': ids(...four) }
        const sources = [sourceOf('team', lists, pageMax)]
        const audiences = ['one', 'team:three', 'two', 'team:four', 'empty']
        const found = await pages(stores, limit, { audiences, sources })
        const expected = [...new Set([...one, ...two, ...three, ...four])].toSorted((a, b) =>
          Buffer.compare(Buffer.from(a), Buffer.from(b)),
        )
        assert.deepEqual(
          found.map(member => member.recipient),
          expected,
        )
        const ofEach = [one, three, two, four]
        for (const { recipient, audience, reason } of found) {
          const first = ofEach.findIndex(list => list.includes(recipient))
          assert.deepEqual([audience, reason], [audiences[first], ['one', 'three', undefined, undefined][first]])
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('of several audiences that a member is in, the first gives the reason', async () => {
  await using stores = await createStores()
  for (const reason of ['a', 'b']) await addMembers(stores.db, reason, [{ id: 'u1', reason }])
  assert.deepEqual(await membersOf(stores, 'b', 'a'), ['u1:b'])
  assert.deepEqual(await membersOf(stores, 'a', 'b'), ['u1:a'])
})

test('a source that is out of order, or gives what is no name, is refused by its name', async () => {
  await using stores = await createStores()
  const wrong = [
    [{ recipient: 'b' }, { recipient: 'a' }],
    [{ recipient: 'a' }, { recipient: 'a' }],
    [{ recipient: 'a"b' }],
    [{ recipient: 'a', reason: '' }],
  ]
  for (const list of wrong) {
    const sources: MembershipSource[] = [{ name: 'team', page: async () => list }]
    const page = audiencePage(stores.db, { audiences: ['team:x'], after: '', limit: 10, sources })
    await assert.rejects(page, /membership source team, a page of team:x: member \d/)
  }
})

test('members are counted with those of a team’s own list, once each and no further than asked', async () => {
  await using stores = await createStores()
  const { db } = stores
  await addMembers(db, 'stored', ids('a', 'b', 'c'))
  const own = sourceOf('team', { 'team:x': ids('b', 'c', 'd', 'e') }, 2)
  const count = (audiences: string[], limit: number) => countWithSources(db, { audiences, limit, sources: [own] })
  assert.equal(await count(['stored', 'team:x'], 100), 5)
  assert.equal(await count(['stored', 'team:x'], 4), 4)
  assert.equal(await count(['stored'], 100), undefined, 'what is stored here is counted elsewhere')

  const asked: number[] = []
  const endless: MembershipSource = {
    name: 'all',
    page: async (_, after, limit) => {
      asked.push(limit)
      return Array.from({ length: limit }, (_, n) => ({ recipient: String(Number(after || 1_000_000) + n + 1) }))
    },
  }
  assert.equal(await countWithSources(db, { audiences: ['all:of them'], limit: 1_201, sources: [endless] }), 1_201)
  assert.deepEqual(asked, [500, 500, 201])
})

test('a page of many large audiences reads no more than itself', async () => {
  await using stores = await createStores()
  const { db } = stores
  for (const audience of ['x', 'y'])
    await db.query(`insert into audience_members select $1, 'u' || n from generate_series(1, 20000) n`, [audience])
  await db.query('vacuum analyze audience_members')
  const touched = await db.transaction(async tx => {
    const before = await tx.query<{ n: number }>(statistics)
    await audiencePage(tx, { audiences: ['x', 'y'], after: 'u15', limit: 500 })
    const after = await tx.query<{ n: number }>(statistics)
    return after[0]!.n - before[0]!.n
  })
  assert.ok(touched <= 1100, `${touched} rows`)
})

/** Rows of the table and entries of its indexes that this transaction has read. */
const statistics = `select (pg_stat_get_xact_tuples_returned('audience_members'::regclass)
  + pg_stat_get_xact_tuples_fetched('audience_members'::regclass))::int as n`
