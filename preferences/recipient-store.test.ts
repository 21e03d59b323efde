import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#tests/program.ts'
import { writeEngagement } from './engagement-store.ts'
import { writePresence } from './presence-store.ts'
import { createStores, device, mailbox } from './store.fixture.ts'

test('a person is what was said last of each field', async () => {
  await using stores = await createStores()
  await stores.upsert(1, { id: 'u1', tenant: 'acme', locale: 'de', zone: 'Europe/Berlin' }, { id: 'u2' })
  await stores.upsert(2, { id: 'u1', locale: 'fr', quiet: { start: '22:00', end: '08:00' } })
  const { tenant, locale, zone, quiet } = await stores.person('u1')
  assert.deepEqual(
    { tenant, locale, zone, quiet },
    { tenant: 'acme', locale: 'fr', zone: 'Europe/Berlin', quiet: { start: '22:00', end: '08:00' } },
  )
  const weekends = {
    windows: [
      { days: ['sat', 'sun'] as const, start: '00:00', end: '24:00' },
      { start: '23:00', end: '06:00' },
    ],
  }
  await stores.upsert(2, { id: 'u1', quiet: weekends })
  assert.deepEqual((await stores.person('u1')).quiet, weekends)
  await stores.upsert(3, { id: 'u1', quiet: null })
  assert.equal((await stores.person('u1')).quiet, undefined)
  assert.deepEqual(await stores.consent(), [])
})

test('endpoints are replaced as a whole, and each that comes or goes is in the consent log', async () => {
  await using stores = await createStores()
  await stores.upsert(1, { id: 'u1', endpoints: [device('token-a', 'phone'), mailbox('a@mail.example', 'mail')] })
  await stores.upsert(2, { id: 'u1', endpoints: [device('token-b', 'phone')] })
  await stores.upsert(3, { id: 'u1', locale: 'de' })
  assert.deepEqual(await stores.endpoints('u1'), ['push/phone active'])
  assert.deepEqual(await stores.owned('u1'), ['phone'])
  const [phone] = (await stores.person('u1')).endpoints
  assert.deepEqual([phone?.address, phone?.since], ['token-b', 2])
  assert.deepEqual(await stores.consent('u1'), [
    'endpoint push phone yes',
    'endpoint email mail yes',
    'endpoint email mail no',
    'endpoint push phone yes',
  ])
})

test('an endpoint without a name of its own is known by its address', async () => {
  await using stores = await createStores()
  await stores.upsert(1, { id: 'u1', endpoints: [device('token-a'), mailbox('A@Mail.example')] })
  const before = await stores.endpoints('u1')
  await stores.upsert(2, { id: 'u1', endpoints: [mailbox('a@mail.example'), device('token-a')] })
  assert.deepEqual((await stores.endpoints('u1')).sort(), before.sort())
  assert.ok(before.every(one => /^(push|email)\/[\w-]{12} active$/.test(one)))
  assert.equal((await stores.consent('u1')).length, 3, 'another spelling is another registration')
})

test('a push token leaves its former owner, a mailbox is shared', async () => {
  await using stores = await createStores()
  const shared = mailbox('family@mail.example', 'mail')
  await stores.upsert(1, { id: 'ann', endpoints: [device('tablet', 'tablet'), device('phone', 'phone'), shared] })
  await stores.upsert(2, { id: 'bob', endpoints: [device('tablet', 'mine'), shared] })
  assert.deepEqual(await stores.endpoints('ann'), ['push/phone active', 'email/mail active'])
  assert.deepEqual(await stores.endpoints('bob'), ['push/mine active', 'email/mail active'])
  assert.deepEqual(await stores.owned('ann'), ['mail', 'phone'])
  assert.deepEqual((await stores.consent('ann')).slice(3), ['endpoint push tablet no'])
  await stores.upsert(3, { id: 'bob', endpoints: [] }, { id: 'ann', endpoints: [device('tablet', 'tablet')] })
  assert.deepEqual(await stores.endpoints('ann'), ['push/tablet active'])
  assert.deepEqual(await stores.endpoints('bob'), [])
})

test('a dead endpoint lives again when it is registered again, a suppressed address never', async () => {
  await using stores = await createStores()
  const mine = [device('token', 'phone'), mailbox('a@mail.example', 'mail')]
  await stores.upsert(10, { id: 'u1', endpoints: mine })
  await stores.mark(
    { recipient: 'u1', endpoint: 'phone', state: 'dead', reason: 'unregistered', at: 11 },
    { recipient: 'u1', endpoint: 'mail', state: 'suppressed', reason: 'complaint', at: 11 },
  )
  assert.deepEqual(await stores.endpoints('u1'), ['push/phone dead', 'email/mail suppressed'])
  await stores.upsert(12, { id: 'u1', endpoints: mine })
  assert.deepEqual(await stores.endpoints('u1'), ['push/phone active', 'email/mail suppressed'])
  await stores.upsert(13, { id: 'u2', endpoints: [mailbox('A@mail.example', 'other')] })
  assert.deepEqual(await stores.endpoints('u2'), ['email/other suppressed'])
})

test('who is erased keeps nothing but what was withdrawn, and may come back', async () => {
  await using stores = await createStores()
  const { db } = stores
  const mine = [device('token', 'phone'), mailbox('a@mail.example', 'mail')]
  await stores.upsert(1, { id: 'u1', tenant: 'acme', locale: 'de', endpoints: mine })
  await stores.mark({ recipient: 'u1', endpoint: 'mail', state: 'suppressed', reason: 'complaint', at: 2 })
  await writeEngagement(db, { recipient: 'u1', what: 'acted', event: 'joined', at: 2 })
  const events = () => db.query('select recipient, event from product_events')
  assert.deepEqual(await events(), [{ recipient: 'u1', event: 'joined' }])
  await stores.erase(3, 'u1')
  await writeEngagement(db, { recipient: 'u1', what: 'acted', event: 'joined', at: 4 })
  await writePresence(db, { recipient: 'u1', activeUntil: 4 })
  await stores.erase(4, 'u1')
  await stores.erase(5, 'never seen')
  assert.deepEqual(
    [await stores.person('u1'), await stores.person('never seen')].map(one => [
      one.erased,
      one.locale,
      one.endpoints.length,
    ]),
    [
      [true, undefined, 1],
      [true, undefined, 1],
    ],
  )
  assert.deepEqual(await stores.owned('u1'), [])
  for (const table of ['engagements', 'product_events', 'presence'])
    assert.deepEqual(await db.query(`select * from ${table}`), [], table)
  const dump = JSON.stringify([await db.query('select * from recipients'), await db.query('select * from consent_log')])
  assert.ok(!dump.includes('token') && !dump.includes('@'))
  assert.deepEqual((await stores.consent('u1')).slice(2), ['suppression email mail no', 'erase no'])
  await stores.upsert(6, { id: 'u1', endpoints: mine })
  assert.equal((await stores.person('u1')).erased, false)
  assert.deepEqual(await stores.endpoints('u1'), ['push/phone active', 'email/mail suppressed'])
  assert.deepEqual((await stores.consent('u1')).slice(4), [
    'erase yes',
    'endpoint push phone yes',
    'endpoint email mail yes',
    'suppression email mail no',
  ])
})

test('who is erased while somebody else takes their device stays erased', async () => {
  await using stores = await createStores()
  const { db } = stores
  const phone = device('token', 'phone')
  await stores.upsert(1, { id: 'old', endpoints: [phone] })
  const waiting = async (n: number) => {
    const [row] = await db.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return row!.n === n
  }
  const both = await db.transaction(async tx => {
    await tx.query(`select from recipients where id = 'old' for update`)
    const erased = stores.erase(2, 'old')
    await until(() => waiting(1))
    // It has read whose device that is, and waits for them, too.
    const taken = stores.upsert(3, { id: 'new', endpoints: [phone] })
    await until(() => waiting(2))
    return [erased, taken]
  })
  await Promise.all(both)
  assert.equal((await stores.person('old')).erased, true)
  assert.deepEqual(await stores.endpoints('new'), ['push/phone active'])
})

test('registrations that race for the same tokens end, and each token has one owner', async () => {
  await using stores = await createStores()
  const tokens = Array.from({ length: 6 }, (_, n) => device(`token-${n}`, `d${n}`))
  const people = ['a', 'b', 'c', 'd']
  const turned = <T>(items: readonly T[], by: number) => items.map((_, at) => items[(at + by) % items.length]!)
  await Promise.all(
    Array.from({ length: 100 }, (_, n) => {
      const [one, two] = turned(people, n)
      const mine = turned(tokens, n * 5)
      return n % 10 === 9
        ? stores.erase(n, one!)
        : stores.upsert(n, { id: one!, endpoints: mine.slice(0, 3) }, { id: two!, endpoints: mine.slice(3) })
    }),
  )
  const lists = await Promise.all(people.map(id => stores.endpoints(id)))
  const directory = (await Promise.all(people.map(id => stores.owned(id)))).map(ids =>
    ids.map(id => `push/${id} active`),
  )
  assert.deepEqual(
    lists.map(list => list.toSorted()),
    directory,
    'people and the directory agree',
  )
  assert.equal(new Set(lists.flat()).size, lists.flat().length)
})

test('a claim that sees a withdrawal in the log reads the person without it, and the other way round', async () => {
  await using stores = await createStores()
  const { db } = stores
  await stores.upsert(1, { id: 'u1', endpoints: [device('token', 'phone')] })
  let withdrawn = false
  const withdraw = (async () => {
    for (let n = 0; n < 40; n++)
      await stores.upsert(n, { id: 'u1', endpoints: n % 2 === 0 ? [] : [device('token', 'phone')] })
    withdrawn = true
  })()
  let seen = 0
  while (!withdrawn) {
    // One statement has one snapshot: what it sees of the log and of the person must say the same.
    const [row] = await db.query<{ wish: boolean; has: boolean }>(
      `select (select wish from consent_log where recipient = 'u1' and pg_visible_in_snapshot(xid, pg_current_snapshot())
         order by id desc limit 1) as wish, endpoints is not null as has from recipients where id = 'u1'`,
    )
    assert.equal(row!.wish, row!.has)
    seen++
  }
  await withdraw
  assert.ok(seen > 10)
})
