import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Channel } from '#contracts/channel.ts'
import { changeChoices } from './choice-store.ts'
import type { Database, Queryable } from '#runtime/postgres.ts'
import {
  checkAddressKey,
  contactRecipient,
  type Endpoint,
  markEndpoint,
  purgeContacts,
  type Person,
  inTenant,
  readPeople,
  readReachable,
  whereTo,
} from './preferences.ts'
import { upsertRecipients } from './recipient-store.ts'
import { putTenant } from './tenant-store.ts'
import { createStores, device, mailbox } from './store.fixture.ts'
import type { Mark } from './mark.ts'

test('people are read as they were stored, the unknown as people with nothing set', async () => {
  await using stores = await createStores()
  const { db } = stores
  const quiet = { start: '22:00', end: '08:00' }
  const odd = 'Zoë 🦉, {null} NULL'
  await stores.upsert(
    7,
    { id: odd, tenant: 'a,b', locale: 'de', zone: 'Europe/Berlin', quiet, endpoints: [device('token', odd)] },
    { id: 'bare' },
    { id: 'gone', endpoints: [device('other')] },
  )
  await changeChoices({ db, now: 8 }, odd, { categories: { '*': { sms: false } }, threads: { [odd]: true } })
  await stores.erase(9, 'gone')
  const people = await readPeople(db, [odd, 'bare', 'gone', 'nobody', odd])
  assert.deepEqual([...people.keys()].sort(), ['bare', 'gone', 'nobody', odd].sort())
  const { endpoints, ...person } = people.get(odd)!
  assert.deepEqual(person, {
    ...{ id: odd, tenant: 'a,b', locale: 'de', zone: 'Europe/Berlin', quiet, erased: false },
    choices: { categories: { '*': { sms: false } }, threads: { [odd]: true } },
  })
  const phone = { channel: 'push', provider: 'fcm', address: 'token', id: odd, state: 'active', since: 7 }
  const inbox = { id: 'inbox', channel: 'in_app', provider: 'inbox', address: '', state: 'active', since: 0 }
  assert.deepEqual(endpoints, [phone, inbox])
  for (const id of ['bare', 'nobody'])
    assert.deepEqual([people.get(id)!.endpoints, people.get(id)!.choices], [[inbox], {}])
  assert.equal(people.get('gone')!.erased, true)
  assert.equal((await readPeople(db, [])).size, 0)
})

const endpoint = (id: string, channel: Channel, state: Endpoint['state']): Endpoint => ({
  ...{ id, channel, state, provider: 'fcm', address: 'x', since: 0 },
})
const where = (...endpoints: Endpoint[]) => {
  const person: Person = { id: 'u1', choices: {}, endpoints, erased: false }
  const { endpoints: usable, outcome, why } = whereTo(person, 'push', 0)
  return [...usable.map(one => one.id), outcome, why?.rule].filter(Boolean).join(' ')
}

test('where to: what lives, on the channel that was asked for', () => {
  const dead = endpoint('d', 'push', 'dead')
  const suppressed = endpoint('s', 'push', 'suppressed')
  assert.equal(where(), 'no_endpoint no_endpoint')
  assert.equal(where(dead, endpoint('m', 'email', 'active')), 'no_endpoint no_endpoint')
  assert.equal(where(dead, suppressed), 'suppressed_address endpoint_suppressed')
  assert.equal(where(endpoint('a', 'push', 'active'), dead, suppressed, endpoint('b', 'push', 'active')), 'a b')
})

test('an inline contact is one recipient, however often and by however many it is kept', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const contacts = [
    { contact: { phone: '+4915112345678' }, locale: 'de' },
    { contact: { email: 'Ann@Mail.example' } },
    { contact: { email: 'ann@mail.example' }, locale: 'fr' },
  ]
  const [phone, upper, lower] = await stores.keep(1, ...contacts)
  assert.equal(upper, lower)
  const made = (key: string) => [
    contactRecipient(key, contacts[0]!.contact),
    contactRecipient(key, contacts[2]!.contact),
  ]
  assert.deepEqual([phone, lower], made(addressKey))
  assert.notDeepEqual([phone, lower], made('another key'), 'who guesses an address cannot tell whose id it is')
  assert.ok(/^contact:[\w-]{22}$/.test(phone!))
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => stores.keep(2, ...(n % 2 === 0 ? contacts : contacts.toReversed()))),
  )
  const people = await readPeople(db, [phone!, lower!])
  const kept = (id: string) => {
    const { locale, endpoints } = people.get(id)!
    return [locale, endpoints[0]?.channel, endpoints[0]?.address]
  }
  assert.deepEqual(kept(phone!), ['de', 'sms', '+4915112345678'])
  assert.deepEqual(kept(lower!), ['fr', 'email', 'ann@mail.example'])
})

test('what is known of a contact stays when it is given again', async () => {
  await using stores = await createStores()
  const contacts = [{ contact: { phone: '+4915112345678' } }, { contact: { email: 'ann@mail.example' }, locale: 'de' }]
  const [phone, mail] = (await stores.keep(1, ...contacts)) as [string, string]
  await stores.mark({ recipient: phone, endpoint: 'contact', state: 'suppressed', reason: 'stop', at: 2 })
  await stores.erase(2, mail)
  await stores.keep(3, ...contacts)
  assert.deepEqual(await stores.endpoints(phone), ['sms/contact suppressed'])
  assert.deepEqual(await stores.consent(phone), ['endpoint sms contact yes', 'suppression sms contact no'])
  const { erased, locale } = await stores.person(mail)
  assert.deepEqual({ erased, locale }, { erased: true, locale: undefined })
})

test('what is suppressed for a person is so for a contact, and the other way round', async () => {
  await using stores = await createStores()
  const complaint = { state: 'suppressed', reason: 'complaint', at: 5 } as const
  await stores.upsert(1, { id: 'ann', endpoints: [mailbox('ann@mail.example', 'mail')] })
  await stores.mark({ recipient: 'ann', endpoint: 'mail', ...complaint })
  const [ann, ben, cem] = (await stores.keep(
    6,
    ...['Ann@mail.example', 'ben@mail.example', 'cem@mail.example'].map(email => ({ contact: { email } })),
  )) as [string, string, string]
  assert.deepEqual(await stores.endpoints(ann), ['email/contact suppressed'])
  await stores.upsert(7, { id: 'ben', endpoints: [mailbox('ben@mail.example', 'mail')] })
  await stores.mark({ recipient: ben, endpoint: 'contact', ...complaint, at: 8 })
  assert.deepEqual(await stores.endpoints('ben'), ['email/mail suppressed'])
  await stores.mark({ recipient: cem, endpoint: 'contact', ...complaint, at: 8 })
  await stores.upsert(9, { id: 'cem', endpoints: [mailbox('cem@mail.example', 'mail')] })
  assert.deepEqual(await stores.endpoints('cem'), ['email/mail suppressed'])
})

test('who dies while it tells of a suppressed address leaves nobody reachable by it', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const people = ['ann', 'bob'].map(id => ({ id, endpoints: [mailbox('family@mail.example', 'mail')] }))
  await stores.upsert(1, ...people)
  let statements = 0
  const dying: Queryable = {
    query: async (text, values) => {
      if (statements++ > 0) throw new Error('killed')
      return db.query(text, values)
    },
  }
  const mark: Mark = {
    ...{ recipient: 'ann', endpoint: 'mail', channel: 'email', address: 'family@mail.example' },
    ...{ state: 'suppressed', reason: 'complaint', at: 2 },
  }
  await assert.rejects(markEndpoint({ db: dying, addressKey }, [mark]), /killed/)
  const reachable = await readReachable({ db, addressKey }, { ids: ['ann', 'bob'], intents: [], channel: 'email' })
  const found = ['ann', 'bob'].map(id => whereTo(reachable.get(id)!, 'email', 0).outcome)
  assert.deepEqual(found, ['suppressed_address', 'suppressed_address'])
})

test('a database goes with the key that it was first used with', async () => {
  await using stores = await createStores()
  const { db } = stores
  await Promise.allSettled(['one', 'two'].map(addressKey => checkAddressKey({ db, addressKey })))
  const tried = await Promise.allSettled(['one', 'two', 'one'].map(addressKey => checkAddressKey({ db, addressKey })))
  assert.deepEqual(new Set(tried.map(one => one.status)), new Set(['fulfilled', 'rejected']))
  assert.equal(tried[0]!.status, tried[2]!.status)
})

test('a contact that nobody names any more is forgotten, unless it has said something', async () => {
  await using stores = await createStores()
  const { db } = stores
  const emails = ['old', 'named', 'chose', 'erased', 'complained'].map(name => ({
    contact: { email: `${name}@mail.example` },
  }))
  const [old, named, chose, erased, complained] = (await stores.keep(1, ...emails)) as [
    string,
    string,
    string,
    string,
    string,
  ]
  await changeChoices({ db, now: 1 }, chose, { categories: { '*': { email: false } } })
  await stores.erase(1, erased)
  await stores.mark({ recipient: complained, endpoint: 'contact', state: 'suppressed', reason: 'complaint', at: 2 })
  await db.query(`update recipients set updated_at = to_timestamp(1)`)
  await stores.upsert(1, { id: 'user', endpoints: [] })
  await stores.keep(200_000_000, emails[1]!)
  assert.equal(await purgeContacts(db, { before: 100_000_000 }), false)
  const left = await db.query<{ id: string }>(`select id from recipients`)
  assert.deepEqual(left.map(row => row.id).sort(), [named, chose, erased, 'user'].sort())
  assert.deepEqual(await stores.owned(old), [])
  assert.deepEqual(
    [await stores.owned(chose), await stores.endpoints(chose)],
    [[], []],
    'what was chosen needs no address',
  )
  assert.ok(!JSON.stringify(await db.query('select * from recipients')).includes('chose@'))
  assert.equal(await purgeContacts(db, { before: 100_000_000 }), false)
  await stores.keep(300_000_000, emails[2]!)
  assert.deepEqual(await stores.endpoints(chose), ['email/contact active'])
  assert.deepEqual((await stores.person(chose)).choices, { categories: { '*': { email: false } } }, 'and counts again')
  await stores.keep(300_000_000, emails[4]!)
  assert.deepEqual(await stores.endpoints(complained), ['email/contact suppressed'])
})

test('a dead endpoint is not used, unless it was registered after it was found dead', async () => {
  await using stores = await createStores()
  await stores.upsert(10, {
    id: 'u1',
    endpoints: [device('token-a', 'a'), device('token-b', 'b'), device('token-c', 'c')],
  })
  const dead = { recipient: 'u1', state: 'dead', reason: 'unregistered' } as const
  await stores.mark(
    { ...dead, endpoint: 'a', at: 10 },
    { ...dead, endpoint: 'b', at: 11 },
    { ...dead, endpoint: 'b', at: 12 },
    { ...dead, endpoint: 'never there', at: 11 },
    { ...dead, endpoint: 'a', recipient: 'nobody', at: 11 },
  )
  assert.deepEqual(await stores.endpoints('u1'), ['push/a active', 'push/b dead', 'push/c active'])
  assert.equal((await stores.consent('u1')).length, 3, 'that a device is gone is no wish')
})

test('a suppressed address is used for nobody, and said once', async () => {
  await using stores = await createStores()
  const { db } = stores
  const shared = (id: string) => mailbox('family@mail.example', id)
  await stores.upsert(
    1,
    { id: 'ann', endpoints: [shared('mail'), device('token', 'phone')] },
    { id: 'bob', endpoints: [shared('box')] },
  )
  const mark = { recipient: 'ann', endpoint: 'mail', state: 'suppressed', reason: 'complaint', at: 2 } as const
  await stores.mark(mark, mark)
  await stores.mark({ ...mark, at: 3 }, { ...mark, state: 'dead', at: 4 })
  assert.deepEqual(await stores.endpoints('ann'), ['email/mail suppressed', 'push/phone active'])
  assert.deepEqual(await stores.endpoints('bob'), ['email/box suppressed'])
  assert.deepEqual((await stores.consent()).filter(line => line.includes('suppression')).sort(), [
    'ann suppression email mail no',
    'bob suppression email box no',
  ])
  const rows = await db.query<{ reason: string; xid: string }>('select hash, reason from suppressions')
  assert.deepEqual(
    rows.map(row => row.reason),
    ['complaint'],
  )
  assert.ok(!JSON.stringify(rows).includes('family'))
})

test('an address that is suppressed while somebody else registers it is suppressed for both', async () => {
  await using stores = await createStores()
  const { db, addressKey } = stores
  const family = (id: string) => ({ id, endpoints: [mailbox('family@mail.example', 'mail')] })
  const mark: Mark = {
    ...{ recipient: 'ann', endpoint: 'mail', channel: 'email', address: 'family@mail.example' },
    ...{ state: 'suppressed', reason: 'complaint', at: 2 },
  }
  await stores.upsert(1, family('ann'))

  const registersFirst: Queryable = {
    query: async (text, values) => {
      if (text.includes('into suppressions')) await stores.upsert(1, family('bob'))
      return db.query(text, values)
    },
  }
  await markEndpoint({ db: registersFirst, addressKey }, [mark])
  assert.deepEqual(await stores.endpoints('bob'), ['email/mail suppressed'])

  await db.query('delete from suppressions')
  await db.query(`update recipients set endpoints = replace(endpoints, 'suppressed', 'active')`)
  const marksFirst: Database = {
    ...db,
    transaction: work =>
      db.transaction(async (tx, connection) => {
        const result = await work(tx, connection)
        await stores.mark(mark)
        return result
      }),
  }
  await upsertRecipients({ db: marksFirst, addressKey, now: 1 }, [family('eve')])
  assert.deepEqual(await stores.endpoints('eve'), ['email/mail suppressed'])
})

test('a late complaint does not touch the address that has taken the place of the one it is about', async () => {
  await using stores = await createStores()
  await stores.upsert(10, { id: 'u1', endpoints: [mailbox('old@mail.example', 'mail')] })
  await stores.upsert(20, { id: 'u1', endpoints: [mailbox('new@mail.example', 'mail')] })
  await stores.upsert(30, { id: 'u1', endpoints: [mailbox('new@mail.example', 'mail')] })
  const mark = { recipient: 'u1', endpoint: 'mail', state: 'suppressed', reason: 'complaint' } as const
  await stores.mark({ ...mark, channel: 'email', address: 'old@mail.example', at: 15 })
  assert.deepEqual(await stores.endpoints('u1'), ['email/mail active'])
  await stores.upsert(20, { id: 'u2', endpoints: [mailbox('old@mail.example', 'mail')] })
  assert.deepEqual(await stores.endpoints('u2'), ['email/mail suppressed'], 'whoever has it now')
  await stores.mark({ ...mark, at: 25 })
  assert.deepEqual(await stores.endpoints('u1'), ['email/mail suppressed'], 'registering again takes no complaint back')
})

test('marks and registrations that race lose nothing of each other', async () => {
  await using stores = await createStores()
  const mine = Array.from({ length: 8 }, (_, n) => device(`token-${n}`, `d${n}`))
  const people = ['a', 'b']
  const named = (id: string) => mine.map(one => ({ ...one, address: `${id}-${one.address}` }))
  await stores.upsert(1, ...people.map(id => ({ id, endpoints: named(id) })))
  await Promise.all(
    Array.from({ length: 8 }, (_, n) => n).flatMap(n => [
      stores.mark(
        ...(n % 2 === 0 ? people : people.toReversed()).map(recipient => ({
          ...{ recipient, endpoint: `d${n}`, reason: 'unregistered', at: 5 },
          state: 'dead' as const,
        })),
      ),
      ...people.map(id => stores.upsert(2, { id, locale: `x-n${n}` })),
    ]),
  )
  for (const id of people)
    assert.deepEqual(
      await stores.endpoints(id),
      mine.map(one => `push/${one.id} dead`),
    )
})

const now = 7

test('people come with what their tenants and those of the intents have set; what they set themselves counts', async () => {
  await using stores = await createStores()
  const { db, upsert } = stores
  await putTenant(db, {
    id: 'home',
    tenant: { zone: 'Asia/Tokyo', locale: 'ja', locks: { social: { sms: false } } },
    now,
  })
  await putTenant(db, { id: 'work', tenant: { zone: 'Europe/Berlin' }, now })
  await putTenant(db, { id: 'other', tenant: { zone: 'Asia/Kolkata' }, now })
  await upsert(now, { id: 'ann', tenant: 'home', locale: 'en' }, { id: 'bob' })
  const people = await readPeople(db, ['ann', 'bob', 'nobody'], [{ tenant: 'work' }, { tenant: 'unknown' }, {}])
  const seen = (id: string, tenant?: string) => {
    const { zone, locale, within } = inTenant(people.get(id)!, tenant)
    return [zone, locale, within?.locks?.social?.sms]
  }
  assert.deepEqual(seen('ann'), ['Asia/Tokyo', 'en', false])
  assert.deepEqual(seen('ann', 'work'), ['Europe/Berlin', 'en', undefined])
  assert.deepEqual(seen('ann', 'unknown'), ['Asia/Tokyo', 'en', undefined], 'it sets no zone, and their own does')
  assert.deepEqual(seen('bob'), [undefined, undefined, undefined])
  for (const id of ['bob', 'nobody']) assert.deepEqual(seen(id, 'work'), ['Europe/Berlin', undefined, undefined])
  assert.deepEqual([...people.get('ann')!.tenants!.keys()].sort(), ['home', 'work'], 'no others are read')
  assert.deepEqual(
    [...(await readPeople(db, ['nobody'], [{ tenant: 'work' }])).get('nobody')!.tenants!.keys()],
    ['work'],
  )
})
