import assert from 'node:assert/strict'
import path from 'node:path'
import { after, test } from 'node:test'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { erasePerson, exportPerson } from '#cli/person.ts'
import { sendgridProvider } from '#channels/email/sendgrid.ts'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import type { Provider } from '#channels/provider.ts'
import { startWorker } from '#channels/worker.ts'
import { channels } from '#contracts/channel.ts'
import { startRedis } from '#local/redis.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { until } from '../program.ts'
import { temporaryFolder } from '../temporary-folder.ts'
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

const redis = await startOwnRedis()
if (!redis) console.error('!!! THE REDIS HALF OF THE ERASE TESTS DID NOT RUN: there is no Redis')
after(async () => redis?.[Symbol.asyncDispose]())

test('what is queued in Redis says nothing of anybody; of who is erased it ends untold', { skip: !redis }, async () => {
  const bulk = { ...told, type: 'news.sent', lane: 'bulk' as const }
  const catalogue = catalogueOf('1', [bulk])
  await using world = await startWorld({ catalogue, redisUrl: redis!.url, served: ['critical', 'default'] })
  const { db, addressKey, queues } = world.installation
  const quokka = 'quokka-person'
  const mail = (address: string) => ({ id: 'mail', channel: 'email', provider: 'sendgrid', address }) as const
  await upsertRecipients({ db, addressKey, now: Date.now() }, [
    { id: quokka, zone: addresses.zone, endpoints: [mail(addresses.mailbox)] },
    { id: 'bob', endpoints: [mail('bob@mail.example')] },
  ])
  await world.notifier.notify(bulk, { to: [quokka, 'bob'], data: { text: 'word of quokka' }, key: 'queued' })
  const waiting = () => queues.waiting({ lane: 'bulk', channel: 'email' })
  await until(async () => (await waiting()) > 0)
  const kept = await redis!.everything()
  assert.match(kept, /sendgrid/, 'what is queued is seen')
  assert.doesNotMatch(kept, /quokka|bob|mail\.example|chatham/i)

  await erasePerson(db, { recipient: quokka, now: Date.now() })
  assert.doesNotMatch(await redis!.everything(), /quokka/i)
  const { apiKey } = world.credentials.sendgrid
  const baseUrl = `http://127.0.0.1:${world.simulators.ports.sendgrid}/`
  await using provider = sendgridProvider({ apiKey, from: 'us@carillon.test', baseUrl })
  const providers = [provider, inboxProvider(db)] as Provider[]
  await using _worker = await startWorker({
    ...{ ...world.installation, providers, metrics: createMetrics() },
    ...{ lanes: ['bulk'], channels, concurrency: 1 },
  })
  await world.settle()
  assert.deepEqual(
    world.simulators.log.entries().map(one => one.address),
    ['bob@mail.example'],
  )
  const inbox = await db.query<{ recipient: string }>('select recipient from inbox_items')
  assert.deepEqual(inbox, [{ recipient: 'bob' }])
  assert.doesNotMatch(await redis!.everything(), /quokka|bob/i)
  assert.ok((await world.audit()).balanced)
})

async function startOwnRedis() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const server = await startRedis({ dir: path.join(folder.path, 'redis') })
  if (!server) return undefined
  opened.use(server)
  const client = new Redis(server.url)
  opened.defer(() => client.disconnect())
  const running = opened.move()
  return {
    url: server.url,
    /** All that it holds, as it holds it. */
    async everything(): Promise<string> {
      const keys = await client.keys('*')
      const values = await Promise.all(keys.map(key => readable(client, key)))
      return [...keys, ...values].join('\n')
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function readable(client: Redis, key: string): Promise<string> {
  switch (await client.type(key)) {
    case 'hash':
      return JSON.stringify(await client.hgetall(key))
    case 'list':
      return JSON.stringify(await client.lrange(key, 0, -1))
    case 'zset':
      return JSON.stringify(await client.zrange(key, '0', '-1'))
    case 'set':
      return JSON.stringify(await client.smembers(key))
    case 'stream':
      return JSON.stringify(await client.xrange(key, '-', '+'))
    default:
      return (await client.get(key)) ?? ''
  }
}

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
