import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceIntent } from '#analytics/trace-store.ts'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import { markInboxItems } from '#channels/in-app/inbox-store.ts'
import { apnsProvider } from '#channels/push/apns.ts'
import { webPushProvider } from '#channels/push/web-push.ts'
import { removeDue } from '#channels/push/remove.ts'
import { budget, idsMax } from '#channels/push/removal-plan.ts'
import { purgeRemovals, type Sent } from '#channels/push/removal-store.ts'
import { device, worldWithFcm } from '#channels/world.fixture.ts'
import { retract, startFollowUps } from '#cli/retract.ts'
import { deliveryId, intentId, newDigestId, type RecipientId, type SetId } from '#contracts/ids.ts'
import { audit } from '#ledger/audit.ts'
import { linkIntents } from '#ledger/holds.ts'
import { openStop } from '#ledger/stops.ts'
import { pushServiceHost } from '#local/credentials.ts'
import { subscriptionOf } from '#local/simulators/browser.ts'
import { screenOf } from '#local/simulators/screen.ts'
import { look } from '#preferences/engagement.ts'
import { deleteRecipient, upsertRecipients } from '#preferences/recipient-store.ts'
import type { Endpoint } from '#preferences/preferences.ts'
import { until } from '../program.ts'

const appleToken = 'ab'.repeat(32)
const phone = device('token-phone')
const tablet = device('token-tablet', { id: 'tablet' })
const iphone = device(appleToken, { id: 'iphone', provider: 'apns' })
const idOf = (key: string) => intentId({ producer: 'test', key })
const shownAs = (key: string, endpoint = 'phone', recipient = 'anna') =>
  deliveryId({ intent: idOf(key), recipient: recipient as RecipientId, endpoint })

type Telling = { to?: Endpoint[]; thread?: string; inbox?: boolean; who?: string; ago?: number }

async function setup(endpoints: Endpoint[] = [phone]) {
  const world = await worldWithFcm()
  const { db, simulators, deps } = world
  world.use(inboxProvider(db))
  const { apns, caFile } = simulators.credentials
  const { apns: port, apnsSandbox: otherPort } = simulators.ports
  world.use(apnsProvider({ ...apns, production: true, server: { host: 'localhost', port, otherPort, caFile } }))
  const server = { host: '127.0.0.1', port: simulators.ports.webpush, caFile }
  world.use(webPushProvider({ ...simulators.credentials.webpush, hosts: [pushServiceHost], server }))
  await world.addPerson('anna', { endpoints })
  const now = world.clock.now()
  const lines = () => simulators.log.entries()
  /** Everybody who waits is due, and no budget is left over from a test's past. */
  const due = () => db.query(`update removal_turns set due_at = now() - interval '1 ms' where due_at is not null`)
  return {
    ...{ ...world, now, due },
    /** Tells somebody by inbox and push, to these of their devices. */
    async tell(
      keys: string | readonly string[],
      { to = endpoints, thread = 't1', inbox = true, who = 'anna', ago = 0 }: Telling = {},
    ) {
      for (const provider of ['inbox', 'fcm', 'apns', 'webpush'] as const) {
        const ids =
          provider === 'inbox'
            ? inbox
              ? ['inbox']
              : []
            : to.filter(one => one.provider === provider).map(one => one.id)
        const slots = [keys].flat().flatMap(key => ids.map(endpoint => ({ recipient: who, endpoint, key })))
        if (slots.length === 0) continue
        const channel = provider === 'inbox' ? 'in_app' : 'push'
        const batches = await world.write({ channel, provider, to: slots, intent: { thread, occurredAt: now - ago } })
        // A router decides all channels of an intent in one set.
        const sets = await db.query<{ id: SetId }>('select distinct set_id as id from batches')
        for (const { id } of sets) await linkIntents(db, id, [keys].flat().map(idOf))
        await world.deliver(batches)
      }
    },
    read: (what: { thread?: string; intent?: ReturnType<typeof idOf>; device?: string } = {}) => {
      const { intent, ...rest } = what
      const about = intent === undefined ? { upTo: now, ...rest } : { ...rest, intent }
      return look({ db, now, markInbox: markInboxItems }, { recipient: 'anna', what: 'read', ...about })
    },
    /** Lets time pass until removals are due, and has them sent. */
    async remove() {
      await due()
      while (await removeDue(deps));
    },
    removals: () => lines().flatMap(({ address, removes, badge }) => (removes ? [{ address, removes, badge }] : [])),
    screen: (address: string) => screenOf(lines(), address),
    open: async () => (await db.query('select from removals where done_at is null')).length,
  }
}

test('what is read leaves each screen that shows it, and no other, and moves the badge', async () => {
  await using world = await setup([phone, tablet, iphone])
  await world.tell('a', { to: [phone, iphone] })
  await world.tell('b', { to: [phone, iphone], thread: 't2' })
  assert.deepEqual(world.screen('token-phone'), { shown: [shownAs('a'), shownAs('b')], badge: 2 })
  assert.deepEqual(world.screen(appleToken), { shown: [shownAs('a', 'iphone'), shownAs('b', 'iphone')], badge: 2 })
  for (let n = 0; n < 2; n++) {
    await world.read({ thread: 't1' })
    await world.remove()
    assert.deepEqual(
      world.removals().toSorted((a, b) => b.address.localeCompare(a.address)),
      [
        { address: 'token-phone', removes: [shownAs('a')], badge: 1 },
        { address: appleToken, removes: [shownAs('a', 'iphone')], badge: 1 },
      ],
      'read again nothing more is said',
    )
  }
  await world.read({})
  await world.remove()
  for (const token of ['token-phone', appleToken]) assert.deepEqual(world.screen(token), { shown: [], badge: 0 })
  assert.deepEqual(world.screen('token-tablet'), { shown: [] })
  const { removals } = await traceIntent(world.db, idOf('a'))
  assert.deepEqual(
    removals.map(({ recipient, sentence }) => [recipient, sentence]),
    [
      [
        'anna',
        'The person has read it elsewhere: devices were told to take it off the screen, unless it was read there (iphone, phone).',
      ],
    ],
  )
  assert.equal(await world.open(), 0)
  // Sets that decide one channel each admit the intent once and again.
  const problems = (await audit(world.db)).problems.filter(one => one.check !== 'keys')
  assert.deepEqual(problems, [], "a removal is nobody's delivery")
})

test('a hundred reads in a burst are one removal for each device; a device that is named is not told', async () => {
  await using world = await setup([phone, iphone])
  const keys = Array.from({ length: 100 }, (_, n) => `k${n}`)
  await world.tell(keys)
  assert.equal(world.screen('token-phone').badge, 99)
  await Promise.all(keys.map(key => world.read({ intent: idOf(key), device: 'iphone' })))
  await world.remove()
  assert.deepEqual(
    world.removals().map(({ removes, ...rest }) => ({ ...rest, removes: removes.toSorted() })),
    [{ address: 'token-phone', badge: 0, removes: keys.map(key => shownAs(key)).toSorted() }],
  )
  assert.deepEqual(world.screen('token-phone'), { shown: [], badge: 0 })
  assert.ok(world.simulators.log.entries().every(line => line.accepted && line.bytes <= 4096))
})

test('a push without an item in the inbox goes when it is read by itself', async () => {
  await using world = await setup()
  await world.tell('a', { inbox: false })
  for (let n = 0; n < 2; n++) {
    await world.read({ intent: idOf('a') })
    await world.remove()
  }
  assert.deepEqual(world.removals().length, 1)
  assert.deepEqual(world.screen('token-phone').shown, [])
})

test('what was read on the one device that shows it: none is told, and the trace does not say so', async () => {
  await using world = await setup()
  await world.tell('a')
  await world.read({ intent: idOf('a'), device: 'phone' })
  await world.remove()
  assert.deepEqual([world.removals(), await world.open()], [[], 0])
  assert.deepEqual((await traceIntent(world.db, idOf('a'))).removals, [])
})

test('beyond the silent budget of a device removals wait, and go in one when there is room', async () => {
  await using world = await setup()
  const { db } = world
  const keys = Array.from({ length: budget.removals + 2 }, (_, n) => `k${n}`)
  await world.tell(keys)
  for (const key of keys) {
    await world.read({ intent: idOf(key) })
    await world.remove()
  }
  assert.equal(world.removals().length, budget.removals)
  assert.equal(world.screen('token-phone').shown.length, 2)
  const [row] = await db.query<{ sent: string; ms: number }>(
    `select sent, (extract(epoch from due_at - now()) * 1000)::float8 as ms from removal_turns`,
  )
  assert.ok(row!.ms > budget.windowMs - 60_000 && row!.ms <= budget.windowMs, `due in ${row!.ms} ms`)
  const [first, ...rest] = (JSON.parse(row!.sent) as Sent).phone!
  await db.query('update removal_turns set sent = $1', [JSON.stringify({ phone: [first! - budget.windowMs, ...rest] })])
  await world.remove()
  assert.deepEqual(
    world.removals().at(-1)!.removes.toSorted(),
    keys
      .slice(-2)
      .map(key => shownAs(key))
      .toSorted(),
  )
  assert.deepEqual(world.screen('token-phone').shown, [])
  assert.equal(await world.open(), 0)
})

test('a worker that is lost before the record has its removals sent again, and what was noted is not lost', async () => {
  await using world = await setup()
  const { db, deps } = world
  await world.tell('a')
  await world.read({ intent: idOf('a') })
  await world.due()
  deps.failpoint = async name => {
    if (name === 'after removal before record') throw new Error('killed')
  }
  await assert.rejects(removeDue(deps), /killed/)
  delete deps.failpoint
  await world.tell('b')
  await world.read({ intent: idOf('b') })
  await world.due()
  assert.equal(await removeDue(deps), false, 'its lease keeps others away')
  assert.equal(world.removals().length, 1)
  await db.query(`update removal_turns set lease_until = now() - interval '1 ms'`)
  await world.remove()
  assert.deepEqual(
    world.removals().map(one => one.removes.length),
    [1, 2],
  )
  assert.deepEqual([world.screen('token-phone').shown, await world.open()], [[], 0])
})

test('many workers at once tell each device once', async () => {
  await using world = await setup([phone, iphone])
  await world.tell('a')
  await world.read({})
  await world.due()
  await Promise.all(Array.from({ length: 8 }, () => removeDue(world.deps)))
  assert.equal(world.removals().length, 2)
})

test('a retracted intent leaves the screens too, also one that reading leaves alone', async () => {
  await using world = await setup()
  const { db, clock } = world
  await world.tell('a')
  await world.deliver(
    await world.write({
      ...{ channel: 'push', provider: 'fcm', to: [{ recipient: 'anna', endpoint: 'phone', key: 'must' }] },
      intent: { thread: 't1', ignoresReads: true },
    }),
  )
  await world.read({ intent: idOf('must') })
  await world.remove()
  assert.deepEqual([world.removals(), await world.open()], [[], 0])
  await retract(db, { producer: 'test', key: 'a', now: clock.now() })
  await retract(db, { producer: 'test', key: 'must', now: clock.now() })
  await using _following = startFollowUps({ db, clock, log: world.deps.log })
  await until(async () => (await world.open()) === 2)
  await world.remove()
  assert.deepEqual(world.screen('token-phone'), { shown: [], badge: 0 })
  await db.query(`update retractions set at = at - interval '2 min', follow_up_at = now()`)
  await until(async () => (await db.query('select from retractions where follow_up_at is not null')).length === 0)
  await world.remove()
  assert.equal(world.removals().length, 1, 'looked for again nothing more is said')
})

test("a device that is dead, somebody else's, or of who was erased is told nothing; a stopped one later", async () => {
  await using world = await setup([])
  const { db, deps, clock, simulators } = world
  const store = { db, addressKey: deps.addressKey, now: clock.now() - 1_000 }
  const register = (id: string, endpoints: { id: string; address: string }[]) =>
    upsertRecipients(store, [
      { id, endpoints: endpoints.map(one => ({ ...one, channel: 'push' as const, provider: 'fcm' as const })) },
    ])
  await register('anna', [phone, tablet])
  await world.tell('a', { to: [phone, tablet] })
  await world.tell('b', { to: [phone, tablet] })
  await register('ben', [tablet])
  await openStop(db, { scope: 'provider', name: 'fcm', resume: 'send', who: 'ada', why: 'test' })
  await world.read({ intent: idOf('a') })
  await world.remove()
  assert.deepEqual(world.removals(), [])
  await db.query('update stops set ended_at = now()')
  simulators.script.set({ provider: 'fcm', address: 'token-phone', answer: 'unregistered', times: 1 })
  await world.remove()
  await world.read({})
  await world.remove()
  assert.deepEqual(
    world.removals().map(one => one.address),
    ['token-phone'],
    "the phone is dead since, the tablet is Ben's",
  )
  await register('cem', [{ id: 'phone', address: 'token-cem' }])
  await world.deliver(
    await world.write({ channel: 'push', provider: 'fcm', to: [{ recipient: 'cem', endpoint: 'phone', key: 'c' }] }),
  )
  await look({ db, now: world.now, markInbox: markInboxItems }, { recipient: 'cem', what: 'read', intent: idOf('c') })
  await deleteRecipient({ db, now: clock.now() }, 'cem')
  await world.remove()
  assert.deepEqual([world.removals().length, await world.open()], [1, 0])
})

test('what is on its way while it is read leaves the screen when it has come', async () => {
  await using world = await setup()
  const { deps } = world
  deps.failpoint = async name => {
    if (name !== 'after send before record') return
    await world.read({ intent: idOf('a') })
    await world.remove()
    assert.deepEqual(world.removals(), [], 'nobody knows yet where it will be')
  }
  await world.tell('a', { inbox: false })
  delete deps.failpoint
  assert.equal(await world.open(), 1)
  await world.remove()
  assert.deepEqual([world.screen('token-phone').shown, await world.open()], [[], 0])
})

test('what was told as one leaves the screen when all of it is read, or any of it is taken back', async () => {
  await using world = await setup()
  const { db, clock } = world
  const together = async (keys: readonly string[], sensitive = false) =>
    world.deliver(
      await world.write({
        ...{ channel: 'push', provider: 'fcm', sensitive, intent: { digest: { id: newDigestId() } } },
        to: keys.map(key => ({ recipient: 'anna', endpoint: 'phone', key })),
      }),
    )
  await together(['a', 'b', 'c'])
  for (const key of ['c', 'a']) {
    await world.read({ intent: idOf(key) })
    await world.remove()
    assert.deepEqual(world.screen('token-phone').shown, [shownAs('c')], 'it still tells of what is not read')
  }
  await world.read({ intent: idOf('b') })
  await world.remove()
  assert.deepEqual([world.screen('token-phone').shown, await world.open()], [[], 0])
  await together(['d', 'e', 'f'], true)
  await retract(db, { producer: 'test', key: 'd', now: clock.now() })
  await using _following = startFollowUps({ db, clock, log: world.deps.log })
  await until(async () => (await world.open()) === 1)
  await world.remove()
  assert.deepEqual([world.screen('token-phone').shown, world.removals().length], [[], 2])
})

test('who is due stays; a turn of a day ago is forgotten, notes when the ledger has forgotten what they are about', async () => {
  await using world = await setup()
  const { db } = world
  await world.addPerson('ben', { endpoints: [tablet] })
  const purge = (before: number) => purgeRemovals(db, { before })
  const left = async () =>
    db.query(
      'select array(select recipient from removals order by 1) as notes, array(select recipient from removal_turns order by 1) as turns',
    )
  for (const who of ['anna', 'ben'])
    await world.tell('a', { who, inbox: false, to: who === 'ben' ? [tablet] : [phone] })
  await world.read({ intent: idOf('a') })
  await world.remove()
  await look({ db, now: world.now, markInbox: markInboxItems }, { recipient: 'ben', what: 'read', intent: idOf('a') })
  const both = ['anna', 'ben']
  assert.equal(await purge(world.now - 60_000), false)
  assert.deepEqual(await left(), [{ notes: both, turns: both }], 'its budget is used')
  await db.query(`update removal_turns set lease_until = lease_until - interval '25 h'`)
  await purge(world.now - 60_000)
  assert.deepEqual(await left(), [{ notes: both, turns: ['ben'] }])
  await purge(Date.now() + 60_000)
  assert.deepEqual(await left(), [{ notes: [], turns: ['ben'] }])
})

test('the newest go where there is too much for one message', async () => {
  await using world = await setup()
  const keys = Array.from({ length: idsMax + 1 }, (_, n) => `k${n}`)
  await world.tell(keys.slice(0, 1), { inbox: false, ago: 1_000 })
  await world.tell(keys.slice(1), { inbox: false })
  await Promise.all(keys.map(key => world.read({ intent: idOf(key) })))
  await world.remove()
  assert.deepEqual(world.screen('token-phone').shown, [shownAs('k0')])
  assert.equal(await world.open(), 0)
})

test('a browser, which lets nothing be silent, is told nothing, and keeps nothing open', async () => {
  const browser = device(subscriptionOf('anna'), { id: 'browser', provider: 'webpush' })
  await using world = await setup([phone, browser])
  await world.tell('a')
  assert.equal(world.simulators.lines('webpush').length, 1)
  await world.read({ thread: 't1' })
  await world.remove()
  assert.deepEqual(
    world.removals().map(({ address }) => address),
    ['token-phone'],
  )
  assert.equal(await world.open(), 0)
})
