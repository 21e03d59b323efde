import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#tests/program.ts'
import { markEndpoint } from './preferences.ts'
import { heldPrunes, listPrunes, purgePrunes, settlePrunes, undoPrunes } from './prune-acts.ts'
import { pruneFloor } from './prune.ts'
import { createStores, device, type Stores } from './store.fixture.ts'

const told = async () => {}
const group = { provider: 'fcm', app: '' } as const

/** So many people with a phone each. */
async function withPhones(stores: Stores, n: number, app?: string): Promise<string[]> {
  const ids = Array.from({ length: n }, (_, at) => `${app ?? 'u'}${String(at).padStart(3, '0')}`)
  const phone = (id: string) => ({ ...device(`token-${id}`, 'phone'), ...(app !== undefined && { app }) })
  await stores.upsert(1, ...ids.map(id => ({ id, endpoints: [phone(id)] })))
  return ids
}
const die = ({ db, addressKey }: Stores, ids: readonly string[]) =>
  markEndpoint(
    { db, addressKey },
    ids.map(recipient => ({
      ...{ recipient, endpoint: 'phone', channel: 'push', address: `token-${recipient}` },
      ...{ state: 'dead', reason: 'SenderIdMismatch', at: 5 },
    })),
  )
async function alive({ db }: Stores): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    `select count(*)::int as n from recipients where endpoints like '%"state":"active"%'`,
  )
  return row!.n
}

test('too many dead at once are kept alive, and so is what follows, until an operator has decided', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const ids = await withPhones(stores, 60)
  const others = await withPhones(stores, 2, 'second')
  assert.deepEqual(await die(stores, ids.slice(0, 3)), [], 'a few are pruned')
  assert.equal(await alive(stores), 59)
  assert.deepEqual(await die(stores, ids.slice(3, 40)), [
    { ...group, held: 37, most: pruneFloor, reason: 'SenderIdMismatch' },
  ])
  assert.equal(await alive(stores), 59, 'none of them')
  assert.deepEqual(await die(stores, ids.slice(40, 41)), [], 'and it is told once')
  assert.deepEqual(await die(stores, ids.slice(3, 4)), [])
  await die(stores, others)
  assert.equal(await alive(stores), 57, 'another app is another matter')
  assert.deepEqual(await heldPrunes(db), [{ provider: 'fcm', held: 38 }])
  const listed = (await listPrunes(db)).map(({ app, held, prunedLastDay, most }) => ({
    app,
    held,
    prunedLastDay,
    most,
  }))
  assert.deepEqual(listed, [
    { app: '', held: 38, prunedLastDay: 3, most: pruneFloor },
    { app: 'second', held: 0, prunedLastDay: 2, most: null },
  ])

  assert.equal(await settlePrunes({ db, addressKey }, { ...group, act: 'discard' }, told), 38)
  assert.deepEqual([await alive(stores), await heldPrunes(db)], [57, []])
  await die(stores, ids.slice(3, 10))
  assert.equal(await alive(stores), 50, 'it is counted anew')
  assert.equal((await die(stores, ids.slice(10, 40))).length, 1)
  assert.equal(await settlePrunes({ db, addressKey }, { ...group, act: 'release' }, told), 30)
  assert.equal(await alive(stores), 20)
  assert.equal(await undoPrunes({ db, addressKey }, { ...group, since: 0, now: Date.now() }, told), 40)
  assert.equal(await alive(stores), 60, 'all of this app, none of the other')
})

test('of two operators who decide at the same moment the second finds nothing left to decide', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const ids = await withPhones(stores, 40)
  assert.equal((await die(stores, ids)).length, 1)
  const settle = (act: 'release' | 'discard') => settlePrunes({ db, addressKey }, { ...group, act }, told)
  const { released, discarded } = await db.transaction(async tx => {
    // Whoever holds this row keeps the release between what it has read and what it does.
    await tx.query(`select from recipients where id = $1 for update`, [ids[39]])
    const releasing = settle('release')
    await until(() => stores.waiting(1))
    let isDone = false
    const discarding = settle('discard').finally(() => (isDone = true))
    await until(async () => isDone || stores.waiting(2))
    return { released: releasing, discarded: discarding }
  })
  assert.deepEqual([await released, await discarded, await alive(stores)], [40, 0, 0])
  assert.deepEqual(await db.query(`select state, count(*)::int as n from prunes group by 1`), [
    { state: 'pruned', n: 40 },
  ])
})

test('what an operator has undone counts no more against what may be pruned', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const ids = await withPhones(stores, 40)
  await die(stores, ids.slice(0, 19))
  assert.equal(await undoPrunes({ db, addressKey }, { ...group, since: 0, now: Date.now() }, told), 19)
  assert.deepEqual(await die(stores, ids.slice(20, 30)), [])
  assert.equal(await alive(stores), 30)
})

test('a device that many messages find dead at the same time counts once', async () => {
  await using stores = await createStores()
  const [id] = await withPhones(stores, 1)
  const twins = Array.from({ length: 50 }, () => id!)
  assert.deepEqual(await die(stores, twins), [])
  await stores.upsert(6, { id: id!, endpoints: [device(`token-${id}`, 'phone')] })
  const many = await Promise.all(Array.from({ length: 8 }, () => die(stores, twins)))
  assert.deepEqual([many.flat(), await alive(stores)], [[], 1], 'and one of before the last registration not at all')
})

test('workers that find dead devices at the same moment let no more through together than alone', async () => {
  await using stores = await createStores()
  const ids = await withPhones(stores, 64)
  const said = await Promise.all(Array.from({ length: 8 }, (_, at) => die(stores, ids.slice(at * 8, at * 8 + 8))))
  assert.ok((await alive(stores)) >= 64 - pruneFloor)
  assert.ok(said.flat().length > 0)
})

test('while there is ample room it is not counted for each dead device', async () => {
  await using stores = await createStores()
  const ids = await withPhones(stores, 80)
  let counts = 0
  const query: typeof stores.db.query = (text, values) => {
    if (text.includes('prune_limits')) counts++
    return stores.db.query(text, values)
  }
  const counting = { ...stores, db: { ...stores.db, query } }
  const after = async (ids: readonly string[]) => {
    await die(counting, ids)
    return counts
  }
  const limit = (most: number) =>
    stores.db.query(
      `insert into prune_limits (provider, app, active, most) values ('fcm', '', 1, $1) on conflict (provider, app) do update set most = $1`,
      [most],
    )
  await limit(2_000)
  const since = performance.now()
  assert.equal(await after(ids.slice(0, 25)), 1)
  for (const one of [25, 26, 27]) await after(ids.slice(one, one + 1))
  assert.ok(counts <= 1 + (performance.now() - since) / 1_000, 'once a second')
  const known = counts
  assert.equal(await after(ids.slice(28, 50)), known + 1, 'and for more than a hundredth of what may be')
  await limit(60)
  const other = { ...counting, db: { ...counting.db } }
  for (const one of [50, 51, 52]) await die(other, ids.slice(one, one + 1))
  assert.equal(counts, known + 4, 'near the limit each time')
  assert.equal((await die(other, ids.slice(53, 80))).length, 1)
})

test('those that were pruned longest ago are forgotten first, of whatever provider', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const write = (provider: string, at: number) =>
    db.query(
      `insert into prunes (recipient, endpoint, hash, provider, app, reason, at, state)
       select $1 || n, 'phone', 'h', $1, '', 'gone', to_timestamp($2 / 1000.0), 'pruned' from generate_series(1, 300) n`,
      [provider, at],
    )
  await write('apns', 2_000)
  await write('fcm', 1_000)
  assert.equal(await purgePrunes({ db, addressKey }, { before: 3_000, now: 7 }), true)
  assert.deepEqual(await db.query(`select provider, count(*)::int as n from prunes group by 1`), [
    { provider: 'apns', n: 100 },
  ])
})

test('what was released or pruned is forgotten after its time, with its address; who registered again stays', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const ids = await withPhones(stores, 3)
  await die(stores, ids)
  await stores.upsert(6, { id: ids[0]!, endpoints: [device(`token-${ids[0]}`, 'phone')] })
  const store = { db, addressKey }
  await purgePrunes(store, { before: Date.now() - 60_000, now: 7 })
  assert.deepEqual(await stores.endpoints(ids[1]!), ['push/phone dead'], 'not yet')
  assert.equal(await purgePrunes(store, { before: Date.now() + 60_000, now: 7 }), false)
  assert.deepEqual(await Promise.all(ids.map(id => stores.endpoints(id))), [['push/phone active'], [], []])
  assert.deepEqual(await Promise.all(ids.map(id => stores.owned(id))), [['phone'], [], []])
  assert.deepEqual(await db.query('select from prunes'), [])
})
