import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { serveApi } from '#cli/api.ts'
import { funnel } from '#analytics/funnel-store.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { html } from '#producers/sdk/html.ts'
import { manualClock } from '#runtime/clock.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { until } from '../program.ts'
import { startWorld } from '../world.ts'

const push = () => ({ title: 'News', body: '' })
const email = () => ({ subject: 'News', text: 'News', html: html`<p>News</p>` })
const in_app = () => ({ title: 'News', body: '' })
const target = 'https://example.com/news'
const about = { category: 'social', lane: 'default', owner: 'docs', value: 3, schema: z.object({}) } as const
const commented = defineNotification({
  ...{ ...about, type: 'comment.created', acted: 'comment.answered' },
  deliver: [{ channel: 'push' }, { channel: 'in_app' }, { channel: 'email', after: '10m', unless: 'seen' }],
  templates: { en: { push, email, in_app } },
})
const mailed = defineNotification({
  ...{ ...about, type: 'mail.sent' },
  deliver: [{ channel: 'email' }, { channel: 'sms' }, { channel: 'push', after: '10m', unless: 'read' }],
  templates: {
    en: {
      push,
      sms: () => ({ text: 'News:', url: target }),
      email: () => ({ subject: 'News', text: target, html: html`<a href="${target}">News</a>` }),
    },
  },
})
const minute = 60_000

async function setup(...people: string[]) {
  const clock = manualClock(Date.now())
  const world = await startWorld({ catalogue: catalogueOf('1', [commented, mailed]), clock })
  const { db } = world.installation
  const api = await serveApi(world.installation, { host: '127.0.0.1', port: 0, metrics: createMetrics() })
  for (const [n, id] of people.entries())
    await db.query('insert into recipients (id, endpoints) values ($1, $2)', [
      id,
      JSON.stringify(
        [
          { id: 'phone', channel: 'push', provider: 'fcm', address: `of-${id}` },
          { id: 'mail', channel: 'email', provider: 'sendgrid', address: `${id}@example.com` },
          { id: 'sms', channel: 'sms', provider: 'twilio', address: `+1500555${1000 + n}` },
        ].map(one => ({ ...one, state: 'active', since: 0 })),
      ),
    ])
  const lines = (provider: string) => world.simulators.log.entries().filter(one => one.provider === provider)
  return {
    ...{ ...world, clock },
    pushed: () => lines('fcm').map(one => one.address),
    linkIn: (provider: string, address: string) => lines(provider).find(one => one.address === address)!.links![0]!,
    async call(method: string, link: string) {
      const { status } = await fetch(new URL(new URL(link).pathname, api.url), {
        ...{ method, headers: { 'user-agent': 'Mozilla/5.0 Firefox/144.0' } },
      })
      return status
    },
    mailed: () => lines('sendgrid').map(one => one.address),
    /** The token that a person's phone got. */
    tokenOf: (id: string) => lines('fcm').find(one => one.address === `of-${id}`)!.receipt!,
    async report(receipts: { token: string; event: string }[]) {
      const at = new Date(clock.now()).toISOString()
      const response = await fetch(new URL('/v1/receipts', api.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ receipts: receipts.map(one => ({ ...one, at })) }),
      })
      return [response.status, await response.json()]
    },
    async later(ms: number) {
      clock.set(clock.now() + ms)
      await until(async () => {
        const [row] = await db.query<{ due: number }>(
          `select count(*)::int as due from holds where released_at is null and due_at <= to_timestamp($1 / 1000.0)`,
          [clock.now()],
        )
        return row!.due === 0
      })
      await world.settle({ holds: false })
    },
    events: (what: string) =>
      db.query<{ recipient: string; n: number }>(
        `select recipient, count(*)::int as n from delivery_events where kind <> 'settled' and what = $1 group by 1 order by 1`,
        [what],
      ),
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

test('what a phone has shown, opened or answered is mailed to nobody, and is told once', async () => {
  await using world = await setup('shown', 'opened', 'acted', 'dismissed', 'silent')
  const to = ['shown', 'opened', 'acted', 'dismissed', 'silent']
  await world.notifier.notify(commented, { to, data: {}, key: 'c1', occurredAt: world.clock.now() })
  await world.settle({ holds: false })
  const said = to.slice(0, 4).map(event => ({ token: world.tokenOf(event), event }))
  for (let n = 0; n < 2; n++) assert.deepEqual(await world.report(said), [200, { known: 4, unknown: 0 }])
  await world.later(10 * minute + 15_000)
  assert.deepEqual(world.mailed().sort(), ['dismissed@example.com', 'silent@example.com'])
  const { db } = world.installation
  const items = await db.query<{ line: string }>(
    `select concat_ws(' ', recipient, case when seen_at is not null then 'seen' end, case when read_at is not null then 'read' end) as line
     from inbox_items order by 1`,
  )
  assert.deepEqual(
    items.map(row => row.line),
    ['acted', 'dismissed', 'opened seen read', 'shown seen', 'silent'],
  )
  await until(async () => (await world.events('delivered')).length === 4)
  for (const [event, what] of [
    ['opened', 'opened'],
    ['shown', 'seen'],
  ] as const)
    assert.deepEqual(await world.events(what), [{ recipient: event, n: 1 }])
  assert.deepEqual(
    (await world.events('delivered')).map(row => row.n),
    [1, 1, 1, 1],
  )
  const [pushes] = await funnel(db, { channel: 'push' })
  assert.deepEqual([pushes!.stages.accepted, pushes!.stages.seen, pushes!.stages.opened], [5, 2, 1])
  assert.deepEqual((await world.audit()).problems, [])
})

test('who follows a link of a mail or a text message is not called by phone; a scanner of links saves nobody from it', async () => {
  await using world = await setup('reader', 'texter', 'scanned', 'silent')
  const to = ['reader', 'texter', 'scanned', 'silent']
  await world.notifier.notify(mailed, { to, data: {}, key: 'm1', occurredAt: world.clock.now() })
  await world.settle({ holds: false })
  const links = {
    reader: world.linkIn('sendgrid', 'reader@example.com'),
    scanned: world.linkIn('sendgrid', 'scanned@example.com'),
    texter: world.linkIn('twilio', '+15005551001'),
  }
  for (const link of Object.values(links)) assert.ok(link.startsWith('https://bell.test/c/'), link)
  for (let n = 0; n < 10; n++) assert.equal(await world.call('GET', links.scanned), 200)
  for (const link of [links.reader, links.texter]) assert.equal(await world.call('POST', link), 204)
  await world.later(10 * minute + 15_000)
  assert.deepEqual(world.pushed().sort(), ['of-scanned', 'of-silent'])
  await until(async () => (await world.events('opened')).length === 2)
  assert.deepEqual((await world.audit()).problems, [])
})
