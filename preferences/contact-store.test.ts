import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channels, lanes } from '#contracts/channel.ts'
import { ensurePartitions } from '#db/partitions.ts'
import { changeChoices } from './choice-store.ts'
import { purgeContacts } from './contact-store.ts'
import { createStores } from './store.fixture.ts'

const ann = { contact: { email: 'ann@mail.example' } }

test('who chose something before anybody named them as a contact is reached when that happens', async () => {
  await using stores = await createStores()
  const { db } = stores
  const [id] = (await stores.keep(1, ann)) as [string]
  assert.equal(await purgeContacts(db, { before: 2 }), false)
  await changeChoices({ db, now: 3 }, id, { categories: { social: { email: false } } })
  assert.deepEqual(await stores.endpoints(id), [])
  await stores.keep(4, ann)
  assert.deepEqual(await stores.endpoints(id), ['email/contact active'])
  const { choices } = await stores.person(id)
  assert.deepEqual(choices, { categories: { social: { email: false } } }, 'and what was chosen counts')
})

test('a contact that is still to be told something keeps its address', async () => {
  await using stores = await createStores()
  const { db } = stores
  const contacts = ['held', 'told', 'done'].map(name => ({ contact: { email: `${name}@mail.example` } }))
  const [held, told, done] = (await stores.keep(1, ...contacts)) as [string, string, string]
  const day = '2026-11-21'
  await ensurePartitions(db, { from: day, days: 1 })
  const slot = { n: 1, channel: channels.indexOf('email'), lane: lanes.indexOf('default') }
  await db.query(
    `insert into holds (id, set_id, lane, reason, due_at, released_at, n, recipients, channels, reasons, intents, whys)
     select gen_random_uuid(), gen_random_uuid(), $3, 'scheduled', now(), released_at, 1, array[id], array[$4::smallint], '', array[gen_random_uuid()], ''
     from unnest($1::text[], $2::timestamptz[]) as h(id, released_at)`,
    [[held, done], [null, new Date()], slot.lane, slot.channel],
  )
  await db.query(
    `insert into batches (day, id, set_id, lane, channel, provider, sensitive, tries, maybe_sent, due_at, n, recipients, endpoints, intents)
     values ($1, gen_random_uuid(), gen_random_uuid(), $2, $3, 'sendgrid', false, 0, false, now(), 1, array[$4], array['contact'], array[gen_random_uuid()])`,
    [day, slot.lane, slot.channel, told],
  )
  assert.equal(await purgeContacts(db, { before: 2 }), false)
  const left = await db.query<{ id: string }>('select id from recipients')
  assert.deepEqual(left.map(row => row.id).sort(), [held, told].sort())
})
