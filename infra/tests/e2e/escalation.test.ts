import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { markInboxItems } from '#channels/in-app/inbox-store.ts'
import { tellSuccess } from '#channels/receipts/deeds.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import { look, track } from '#preferences/engagement.ts'
import { writePresence } from '#preferences/presence-store.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
import { manualClock } from '#runtime/clock.ts'
import { until } from '../program.ts'
import { startWorld, type World } from '../world.ts'

const words = () => ({ title: 'News', body: '' })
const about = { category: 'social', lane: 'default', owner: 'docs', value: 3, schema: z.object({}) } as const
const commented = defineNotification({
  ...{ ...about, type: 'comment.created', throttle: { limit: 1, per: '1h' } },
  deliver: [{ channel: 'in_app' }, { channel: 'push', after: '30s', unless: 'seen' }],
  templates: { en: { in_app: words, push: words } },
})
const invited = defineNotification({
  ...{ ...about, type: 'invite.created', acted: 'invite.accepted', readCancels: false },
  deliver: [{ channel: 'in_app' }, { channel: 'push', after: '1d', unless: 'acted' }],
  templates: { en: { in_app: words, push: words } },
})
const called = defineNotification({
  ...{ ...about, type: 'call.missed' },
  deliver: [{ channel: 'push', after: '30s', unless: 'active' }],
  templates: { en: { push: words } },
})
const catalogue = catalogueOf('1', [commented, invited, called])
const second = 1_000
const hour = 3_600_000

async function setup(...people: string[]) {
  const clock = manualClock(Date.now())
  const world = await startWorld({ catalogue, clock })
  const { db } = world.installation
  for (const id of people)
    await db.query('insert into recipients (id, endpoints) values ($1, $2)', [
      id,
      JSON.stringify([
        { id: 'phone', channel: 'push', provider: 'fcm', address: `of-${id}`, state: 'active', since: 0 },
      ]),
    ])
  return {
    ...world,
    engagement: { db, now: clock.now(), markInbox: markInboxItems, tellSuccess: tellSuccess(catalogue) },
    /** Some time later, when everything that is due by then is decided and done. */
    async later(ms: number) {
      const now = clock.now() + ms
      clock.set(now)
      await until(async () => {
        const [row] = await db.query<{ due: number }>(
          'select count(*)::int as due from holds where released_at is null and due_at <= to_timestamp($1 / 1000.0)',
          [now],
        )
        return row!.due === 0
      })
      await world.settle({ holds: false })
    },
    decisions: () => decisionsOf(world),
    pushed: () => world.simulators.log.entries().flatMap(one => (one.provider === 'fcm' ? [one.address] : [])),
  }
}

/** `u1 push held escalation`, in the order in which it was decided or done. */
async function decisionsOf({ installation }: World): Promise<string[]> {
  const rows = await installation.db.query<{ line: string }>(
    `select concat_ws(' ', recipient, channel, what, rule) as line from delivery_events order by at, recipient, channel, kind`,
  )
  return rows.map(row => row.line)
}

test('a comment is in the inbox at once, and on the phone of those who have not seen it after 30 s', async () => {
  await using world = await setup('saw', 'read', 'away')
  await world.notifier.notify(commented, {
    to: ['saw', 'read', 'away'],
    thread: 't1',
    data: {},
    key: 'c1',
    occurredAt: world.engagement.now,
  })
  await world.settle({ holds: false })
  assert.deepEqual(world.pushed(), [])
  const [{ intent }] = (await world.installation.db.query('select intent_id as intent from inbox_items')) as [
    { intent: never },
  ]
  await look(world.engagement, { recipient: 'saw', what: 'seen', intent })
  await look(world.engagement, { recipient: 'read', what: 'read', thread: 't1', upTo: world.engagement.now })
  await world.restartRouting()
  await world.later(45 * second)
  assert.deepEqual(world.pushed(), ['of-away'])
  assert.deepEqual(
    (await world.decisions()).filter(line => line.includes('push ') && !line.endsWith('sent')),
    [
      ...['away push held escalation', 'read push held escalation', 'saw push held escalation'],
      'away push deliver default',
      'read push escalation_stopped escalation_stopped',
      'saw push escalation_stopped escalation_stopped',
    ],
  )
  const { problems, inFlight } = await world.audit()
  assert.deepEqual([problems, inFlight.held], [[], 0])
})

test('the success that a type names stops its reminder: of the intent that it is told of, or of all before', async () => {
  await using world = await setup('one', 'all', 'before', 'none')
  await track(world.engagement, { recipient: 'before', event: 'invite.accepted' })
  await world.later(2 * second)
  for (const key of ['i1', 'i2'])
    await world.notifier.notify(invited, { to: ['one', 'all', 'before', 'none'], data: {}, key })
  await world.settle({ holds: false })
  const { engagement } = world
  const now = engagement.now + hour
  const intent = { producer: 'test', key: 'i1' }
  for (let n = 0; n < 2; n++) {
    await track({ ...engagement, now }, { recipient: 'one', event: 'invite.accepted', intent })
    await track({ ...engagement, now }, { recipient: 'all', event: 'invite.accepted' })
  }
  await look({ ...engagement, now }, { recipient: 'none', what: 'read', upTo: now })
  await world.later(25 * hour)
  assert.deepEqual(world.pushed().sort(), ['of-before', 'of-before', 'of-none', 'of-none', 'of-one'])
  assert.deepEqual((await world.audit()).problems, [])
})

test('a phone stays silent while its person is active elsewhere, an hour at most, and for good if it was read', async () => {
  await using world = await setup('left', 'stayed', 'read', 'away')
  const { db } = world.installation
  const { engagement } = world
  const active = (recipient: string, ms: number) => writePresence(db, { recipient, activeUntil: engagement.now + ms })
  for (const id of ['left', 'stayed', 'read']) await active(id, 24 * hour)
  const to = ['left', 'stayed', 'read', 'away']
  await world.notifier.notify(called, { to, data: {}, key: 'm1', thread: 'dm', occurredAt: engagement.now })
  await world.settle({ holds: false })
  await world.later(45 * second)
  assert.deepEqual(world.pushed(), ['of-away'])
  await active('left', 0)
  await look(engagement, { recipient: 'read', what: 'read', thread: 'dm', upTo: engagement.now })
  await world.later(hour + 15 * second)
  assert.deepEqual(world.pushed(), ['of-away', 'of-left'])
  const ends = (await world.decisions()).filter(line => /read|stayed/.test(line))
  assert.deepEqual(ends.slice(-2), ['read push suppressed_read read', 'stayed push suppressed_active stayed_active'])
  assert.deepEqual((await world.audit()).problems, [])
})
