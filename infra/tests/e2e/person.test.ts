import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { erasePerson, exportPerson } from '#cli/person.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { changeChoices } from '#preferences/choice-store.ts'
import { markEndpoint, readPeople } from '#preferences/preferences.ts'
import { upsertRecipients } from '#preferences/recipient-store.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { html } from '#producers/sdk/html.ts'
import type { Database } from '#runtime/postgres.ts'
import { startWorld } from '../world.ts'

const told = defineNotification({
  ...{ type: 'message.sent', category: 'social', lane: 'default', owner: 'docs', value: 3 },
  schema: z.object({ text: z.string() }),
  deliver: [{ channel: 'in_app' }, { channel: 'push' }, { channel: 'email' }],
  templates: {
    en: {
      in_app: ({ data }) => ({ title: data.text, body: '' }),
      push: ({ data }) => ({ title: data.text, body: '' }),
      email: ({ data }) => ({ subject: data.text, html: html`<p>${data.text}</p>`, text: data.text }),
    },
  },
})
const addresses = { token: 'canary-token-quokka', mailbox: 'quokka.canary@mail.example', zone: 'Pacific/Chatham' }

test('an export holds all that we know of a person; an erase takes it everywhere, reaches what waits, and stays', async () => {
  await using world = await startWorld({ catalogue: catalogueOf('1', [told]) })
  const { db, addressKey } = world.installation
  const store = { db, addressKey, now: Date.now() }
  const endpoints = [
    { id: 'phone', channel: 'push', provider: 'fcm', address: addresses.token },
    { id: 'mail', channel: 'email', provider: 'sendgrid', address: addresses.mailbox },
  ] as const
  await upsertRecipients(store, [{ id: 'ann', zone: addresses.zone, endpoints }, { id: 'bob' }])
  await changeChoices(store, 'ann', { threads: { 'a thread': true } })
  const tell = (key: string, later = {}) =>
    world.notifier.notify(told, { to: ['ann', 'bob'], data: { text: `word of ${key}` }, key, ...later })
  await tell('first')
  await world.settle()
  const mark = { recipient: 'ann', endpoint: 'mail', channel: 'email', address: addresses.mailbox } as const
  await markEndpoint(store, [{ ...mark, state: 'suppressed', reason: 'complaint', at: Date.now() }])
  await tell('later', { sendAt: Date.now() + 600_000 })
  await world.settle({ holds: false })

  const held = await exportPerson(db, { recipient: 'ann', addressKey })
  const text = JSON.stringify(held)
  for (const known of [...Object.values(addresses), 'a thread', 'word of first', 'complaint'])
    assert.ok(text.includes(known), known)
  for (const part of ['consents', 'suppressions', 'inbox', 'held', 'deliveries'])
    assert.notDeepEqual(held[part], [], part)
  assert.ok(!text.includes('bob'))

  const erased = { recipient: 'ann', now: Date.now() }
  await erasePerson(db, erased)
  // The report of a provider that comes late, of an address that nobody has any more.
  await markEndpoint(store, [{ ...mark, state: 'suppressed', reason: 'bounced', at: Date.now() }])
  await markEndpoint(store, [
    {
      ...mark,
      endpoint: 'phone',
      channel: 'push',
      address: addresses.token,
      state: 'dead',
      reason: 'x',
      at: Date.now(),
    },
  ])
  await db.query('update holds set due_at = now() where released_at is null')
  await world.settle()
  await erasePerson(db, { ...erased, now: Date.now() })

  assert.deepEqual((await readPeople(db, ['ann'])).get('ann')!.erased, true)
  for (const { name, rows } of await everyTable(db))
    for (const canary of Object.values(addresses))
      assert.ok(!rows.includes(canary.toLowerCase()), `${canary} in ${name}`)
  const inbox = await db.query<{ recipient: string }>('select recipient from inbox_items order by occurred_at')
  assert.deepEqual(
    inbox.map(one => one.recipient),
    ['bob', 'bob'],
  )
  const later = await db.query<{ rule: string }>(
    `select distinct rule from delivery_events where recipient = 'ann' and rule = 'erased'`,
  )
  assert.deepEqual(later, [{ rule: 'erased' }])
  // The keyed hash is what stays, and keeps the address unused when it comes back.
  await upsertRecipients({ ...store, now: Date.now() }, [{ id: 'eve', endpoints: [endpoints[1]] }])
  assert.equal(
    (await readPeople(db, ['eve'])).get('eve')!.endpoints.find(one => one.id === 'mail')!.state,
    'suppressed',
  )
  assert.deepEqual((await world.audit()).balanced, true)
})

async function everyTable(db: Database): Promise<{ name: string; rows: string }[]> {
  const tables = await db.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = current_schema() order by 1`,
  )
  const read = async ({ name }: { name: string }) => {
    const rows = JSON.stringify(await db.query(`select * from ${name}`)).toLowerCase()
    return { name, rows }
  }
  return Promise.all(tables.map(read))
}
