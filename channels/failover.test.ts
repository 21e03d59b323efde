import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attemptId, newDigestId } from '#contracts/ids.ts'
import type { Route } from '#contracts/routes.ts'
import { resendDoubts } from '#ledger/doubts.ts'
import type { ReadyBatch } from '#ledger/set.ts'
import { openStop } from '#ledger/stops.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { otherRoute } from './failover.ts'
import { failover } from './limits.ts'
import { probeEveryMs } from './pace/breaker.ts'
import type { Provider } from './provider.ts'
import { applyReports } from './receipts/apply-reports.ts'
import { keepReports } from './receipts/receipt-store.ts'
import { keptOfTwilio } from './sms/twilio-reports.ts'
import { twilioProvider } from './sms/twilio.ts'
import { createWorld, device } from './world.fixture.ts'

const even: Route[] = [
  { name: 'twilio', weight: 50 },
  { name: 'twilio_b', weight: 50 },
]
const numberOf = (n: number) => `+1202555${String(n).padStart(4, '0')}`

/** Two accounts of Twilio at its simulator, and people with numbers. */
async function setup({ people = 30, routes = even }: { people?: number; routes?: Route[] } = {}) {
  await using opened = new AsyncDisposableStack()
  const simulators = opened.use(await startSimulators())
  const world = opened.use(await createWorld())
  const { db, deps } = world
  deps.routes = { sms: routes }
  const who = Array.from({ length: people }, (_, n) => `u${n}`)
  for (const [n, id] of who.entries())
    await world.addPerson(id, {
      endpoints: [device(numberOf(n), { id: 'number', channel: 'sms', provider: 'twilio' })],
    })
  const { twilio } = simulators.credentials
  const baseUrl = `http://127.0.0.1:${simulators.ports.twilio}`
  const account = (name: string, authToken = twilio.authToken): Provider =>
    twilioProvider({ ...twilio, name, authToken, baseUrl })
  world.use(account('twilio'))
  world.use(account('twilio_b'))
  const running = opened.move()
  return {
    ...{ ...world, world, simulators, account, who },
    write: (to = who, more: { key?: string; expiresAt?: number; provider?: string } = {}) =>
      world.write({
        ...{ channel: 'sms', provider: more.provider ?? 'twilio' },
        to: to.map(recipient => ({ recipient, endpoint: 'number', ...more })),
      }),
    /** Works on all that is open, so many times. */
    async work(turns: number) {
      for (let turn = 0; turn < turns; turn++) {
        await world.makeDue()
        await world.deliver(await world.open())
      }
    },
    /** How often each number was taken by the provider. */
    taken: () => {
      const accepted = simulators.lines('twilio').filter(line => line.accepted)
      return new Map(
        [...Map.groupBy(accepted, line => line.address)].map(([address, lines]) => [address, lines.length]),
      )
    },
    /** Of the last batches of deliveries, how many each route has, by whether they are open. */
    routes: () =>
      db.query<{ provider: string; open: boolean; n: number }>(
        `select provider, outcome is null as open, count(*)::int as n from deliveries
         where outcome is distinct from 0 group by 1, 2 order by 1, 2`,
      ),
    reasons: async () => {
      const packs = await db.query<{ payload: string }>(`select payload from outbox where payload like '%settled%'`)
      return packs.flatMap(({ payload }) =>
        (JSON.parse(payload) as { whys: { rule: string; value?: string }[] }).whys.filter(
          why => why.rule === 'rerouted',
        ),
      )
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
const isOnce = (taken: ReadonlyMap<string, number>, people: number) =>
  assert.deepEqual([...taken.values()], Array(people).fill(1))
const providersOf = (open: readonly ReadyBatch[]) => [...new Set(open.map(batch => batch.provider))].toSorted()

test('a set is written for the routes of its channel by weight; what is told as one goes by one of them', async () => {
  await using world = await setup({ people: 60 })
  const to = world.who.map(recipient => ({ recipient, endpoint: 'number' }))
  await world.world.write({ channel: 'sms', provider: 'twilio', to, routes: { sms: even } })
  const split = await world.routes()
  assert.deepEqual(
    split.map(({ provider }) => provider),
    ['twilio', 'twilio_b'],
  )
  assert.ok(
    split.every(({ n }) => n > 15),
    JSON.stringify(split),
  )
  const digest = { id: newDigestId() }
  const together = Array.from({ length: 20 }, (_, n) => ({
    recipient: 'u1',
    endpoint: 'number',
    key: `k${n}`,
    intent: { digest },
  }))
  await world.world.write({ channel: 'sms', provider: 'twilio', to: together, routes: { sms: even } })
  const [batch, ...others] = (await world.open()).filter(({ size }) => size === 20)
  assert.ok(batch)
  assert.equal(others.length, 0)
})

test('what an account refuses for our settings goes by the other one, each once, and comes back when they are mended', async () => {
  await using world = await setup()
  world.use(world.account('twilio', 'a wrong token'))
  await world.write()
  await world.work(4)
  assert.deepEqual(await world.routes(), [{ provider: 'twilio_b', open: false, n: 30 }])
  isOnce(world.taken(), 30)
  const refused = world.simulators.lines('twilio').filter(line => line.answer === '20003').length
  assert.ok(refused <= 30, 'each is refused once at most')
  assert.deepEqual(world.deps.pace.openCircuits(), [{ provider: 'twilio', cause: 'config' }])
  assert.deepEqual(await world.reasons(), [{ rule: 'rerouted', value: 'twilio_b refused' }])
  assert.match(await world.deps.metrics.text(), /^rerouted_total\{from="twilio",to="twilio_b"\} 30$/m)
  // New ones leave it without a call.
  await world.write(world.who, { key: 'k2' })
  await world.work(3)
  assert.equal(world.simulators.lines('twilio').filter(line => line.answer === '20003').length, refused)
  assert.ok((await world.reasons()).some(({ value }) => value === 'twilio_b unfit'))
  // Mended: a probe finds out, and what is written for it stays.
  world.use(world.account('twilio'))
  world.clock.set(world.clock.now() + probeEveryMs.config)
  await world.write(['u1'], { key: 'k3' })
  await world.work(1)
  assert.deepEqual(world.deps.pace.openCircuits(), [])
  await world.write(world.who, { key: 'k4' })
  await world.work(1)
  const ends = await world.routes()
  assert.deepEqual(ends, [
    { provider: 'twilio', open: false, n: 31 },
    { provider: 'twilio_b', open: false, n: 60 },
  ])
})

test('what an account may have taken never goes by another', async () => {
  await using world = await setup()
  const { simulators, db } = world
  // It takes every message and never says so.
  simulators.script.set({ provider: 'twilio', answer: 'resetAfter' })
  await world.write()
  await world.work(1)
  isOnce(world.taken(), 30)
  assert.deepEqual(world.deps.pace.openCircuits(), [{ provider: 'twilio', cause: 'failures' }])
  assert.deepEqual(await world.routes(), [{ provider: 'twilio', open: true, n: 30 }])
  // No receipt came in time: it is to be sent again, by whom it may be with, and this one is not to be called.
  await world.makeDue()
  assert.equal(await resendDoubts(db, { limit: 100 }), 30)
  simulators.script.clear()
  await world.work(3)
  assert.deepEqual(await world.routes(), [{ provider: 'twilio', open: true, n: 30 }])
  isOnce(world.taken(), 30)
  // Others, which nobody was called for, leave.
  await world.write(['u1', 'u2'], { key: 'k2' })
  await world.work(3)
  assert.deepEqual(await world.routes(), [
    { provider: 'twilio', open: true, n: 30 },
    { provider: 'twilio_b', open: false, n: 2 },
  ])
})

test('a lost worker’s batch stays with its account', async () => {
  await using world = await setup({ people: 3 })
  world.use(world.account('twilio', 'a wrong token'))
  const batches = await world.write()
  world.deps.failpoint = async name => {
    if (name === 'after claim') throw new Error('killed')
  }
  await world.deliver(batches).catch(() => {})
  delete world.deps.failpoint
  await world.lapse()
  await world.db.query(`update batches set lease_until = now() - interval '1 s' where closed_at is null`)
  await world.work(3)
  assert.ok((await world.routes()).every(({ provider }) => provider === 'twilio'))
})

test('where no account works nothing moves', async () => {
  await using world = await setup()
  for (const name of ['twilio', 'twilio_b']) world.use(world.account(name, 'a wrong token'))
  await world.write()
  await world.work(8)
  assert.equal(world.deps.pace.openCircuits().length, 2)
  const settled = () => world.db.query(`select from batches where closed_at is not null`)
  const before = (await settled()).length
  const called = world.simulators.lines('twilio').length
  await world.work(5)
  assert.equal((await settled()).length, before)
  assert.equal(world.simulators.lines('twilio').length, called)
  assert.equal(world.taken().size, 0)
  const open = await world.routes()
  assert.ok(open.every(one => one.open))
})

test('what both accounts refuse goes from one to the other no faster than it is held', async () => {
  await using world = await setup({ people: 1 })
  for (const name of ['twilio', 'twilio_b']) world.use(world.account(name, 'a wrong token'))
  await world.write()
  await world.work(2)
  assert.equal(world.simulators.lines('twilio').length, 2)
  const [open] = await world.db.query<{ provider: string; wait: number; tries: number }>(
    `select provider, tries, extract(epoch from due_at - now())::int as wait from batches where closed_at is null`,
  )
  assert.deepEqual([open!.provider, open!.tries], ['twilio_b', 0])
  assert.ok(open!.wait > 30, `due in ${open!.wait} s`)
})

test('a long pause is waited out by another account, a short one is waited out', async () => {
  await using world = await setup({ people: 2 })
  const { simulators } = world
  simulators.script.set({ provider: 'twilio', answer: '20429', times: 1 })
  await world.write(['u0'])
  await world.work(1)
  assert.deepEqual(providersOf(await world.open()), ['twilio'])
  world.clock.set(world.clock.now() + 3_000)
  await world.work(1)
  assert.deepEqual(await world.routes(), [{ provider: 'twilio', open: false, n: 1 }])
  simulators.script.set({ provider: 'twilio', answer: '21611', times: 1 })
  await world.write(['u1'])
  await world.work(1)
  assert.deepEqual(providersOf(await world.open()), ['twilio_b'])
  await world.work(1)
  isOnce(world.taken(), 2)
})

test('what would expire while it is held is sent by the other in time', async () => {
  await using world = await setup({ people: 1 })
  world.use(world.account('twilio', 'a wrong token'))
  await world.write(['u0'], { expiresAt: world.clock.now() + 10_000 })
  await world.work(2)
  assert.deepEqual(await world.ends(), { u0: 'sent' })
})

test('nothing moves to an account that an operator has stopped; a stop of the provider is one of all its accounts', async () => {
  await using world = await setup({ people: 2 })
  const { db } = world
  world.use(world.account('twilio', 'a wrong token'))
  const stop = (name: string) => openStop(db, { scope: 'provider', name, resume: 'send', who: 'ops', why: 'test' })
  await stop('twilio_b')
  await world.write(['u0'])
  await world.work(2)
  assert.deepEqual(providersOf(await world.open()), ['twilio'])
  await stop('twilio')
  const called = world.simulators.lines('twilio').length
  await world.write(['u1'], { provider: 'twilio_b' })
  await world.work(2)
  assert.equal(world.simulators.lines('twilio').length, called)
})

test('who cannot be called is left little by little, at first as much as the others weigh', () => {
  const providers = new Map(['twilio', 'twilio_b'].map(name => [name, { name } as Provider]))
  const routes = {
    sms: [
      { name: 'twilio', weight: 90 },
      { name: 'twilio_b', weight: 10 },
    ],
  }
  const leaving = (unfitForMs: number, random: number, lane: 'critical' | 'bulk' = 'bulk') => {
    const unfitMs = ({ provider }: { provider: Provider }) => (provider.name === 'twilio' ? unfitForMs : undefined)
    const asked = { lane, channel: 'sms' as const, provider: providers.get('twilio')! }
    return otherRoute('unfit', asked, { routes, providers, pace: { unfitMs }, random: () => random })
  }
  assert.equal(leaving(0, 0.09), 'twilio_b')
  assert.equal(leaving(0, 0.11), undefined)
  assert.equal(leaving(failover.rampMs.bulk / 2, 0.5), 'twilio_b')
  assert.equal(leaving(failover.rampMs.bulk / 2, 0.7), undefined)
  assert.equal(leaving(failover.rampMs.bulk, 0.999), 'twilio_b')
  assert.equal(leaving(failover.rampMs.critical, 0.999, 'critical'), 'twilio_b', 'what is urgent leaves sooner')
})

test('what a provider reports of another of our accounts is believed as well', async () => {
  await using world = await setup({ people: 1 })
  const { db, deps } = world
  const [batch] = await world.write(['u0'], { provider: 'twilio_b' })
  await world.work(1)
  const form = new URLSearchParams({ MessageStatus: 'delivered', MessageSid: `SM${'0'.repeat(32)}` })
  const report = keptOfTwilio(form, attemptId({ batch: batch!.id, slot: 0 }))!
  await keepReports(db, [{ ...report, provider: 'twilio', hash: null }])
  await applyReports({ ...deps })
  const rows = await db.query<{ standing: number }>(`select standing from standings`)
  assert.deepEqual(rows, [{ standing: 1 }])
})
