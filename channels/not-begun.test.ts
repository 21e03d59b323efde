import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Answer } from '#contracts/outcome.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { parseRule } from '#local/simulators/control.ts'
import { audit } from '#ledger/audit.ts'
import { notBegun } from './answer-table.ts'
import { sendgridProvider } from './email/sendgrid.ts'
import { triesMax } from './limits.ts'
import { postgresBuckets } from './pace/bucket-store.ts'
import { createPace } from './pace/pace.ts'
import type { OutMessage } from './provider.ts'
import { createWorld, device, greeting, mailbox, phones } from './world.fixture.ts'

type World = Awaited<ReturnType<typeof createWorld>>

/** Claims what is open, again and again. Gives how often. */
async function deliverAll(world: World, { most, everyMs }: { most: number; everyMs: number }): Promise<number> {
  for (let claims = 0; claims < most; claims++) {
    const open = await world.open()
    if (open.length === 0) return claims
    await world.deliver(open)
    world.clock.set(world.clock.now() + everyMs)
    await world.makeDue()
  }
  return most
}

/** How many calls the events tell of, by person. */
async function calledBy({ db }: World): Promise<Map<string, number>> {
  const packs = await db.query<{ slots: { recipient: string; what: string; called?: true }[] }>(
    `select payload::json->'slots' as slots from outbox where payload::json->>'kind' = 'settled'`,
  )
  const found = new Map<string, number>()
  for (const { recipient, what, called } of packs.flatMap(({ slots }) => slots))
    if (called || what === 'sent') found.set(recipient, (found.get(recipient) ?? 0) + 1)
  return found
}

test('mails that there was no time for go by later claims, however many it takes, and cost no try', async () => {
  await using simulators = await startSimulators()
  await using world = await createWorld()
  const baseUrl = `http://127.0.0.1:${simulators.ports.sendgrid}/`
  world.use(sendgridProvider({ ...simulators.credentials.sendgrid, from: 'notify@carillon.test', baseUrl }))
  await world.addPerson('ops', { endpoints: [mailbox('ops@carillon.test')] })
  simulators.script.set(parseRule({ provider: 'sendgrid', answer: 'slow', ms: 150 }))
  // Time for two of them.
  world.deps.limits = { leaseMs: 60_000, startWithinMs: 300, callMs: 30_000 }
  const to = Array.from({ length: 2 * triesMax + 4 }, (_, n) => ({
    ...{ recipient: 'ops', endpoint: 'mail', key: `mail ${n}` },
  }))
  await world.write({ channel: 'email', provider: 'sendgrid', to })
  const claims = await deliverAll(world, { most: 100, everyMs: 60_000 })
  assert.ok(claims > triesMax, `${claims} claims`)
  const lines = simulators.lines('sendgrid')
  assert.equal(lines.length, to.length)
  assert.equal(new Set(lines.map(({ attemptId }) => attemptId)).size, to.length)
  assert.deepEqual(await calledBy(world), new Map([['ops', to.length]]))
  const { problems, outcomes } = await audit(world.db)
  assert.deepEqual([problems, outcomes], [[], { sent: to.length }])
})

test('mails of one mailbox that meet a setting of ours that is refused cost one request, and all are held', async () => {
  await using simulators = await startSimulators()
  await using world = await createWorld()
  const baseUrl = `http://127.0.0.1:${simulators.ports.sendgrid}/`
  world.use(sendgridProvider({ ...simulators.credentials.sendgrid, from: 'notify@carillon.test', baseUrl }))
  await world.addPerson('ops', { endpoints: [mailbox('ops@carillon.test')] })
  simulators.script.set(parseRule({ provider: 'sendgrid', answer: 'unauthorized' }))
  const to = Array.from({ length: 8 }, (_, n) => ({ recipient: 'ops', endpoint: 'mail', key: `mail ${n}` }))
  await world.deliver(await world.write({ channel: 'email', provider: 'sendgrid', to }))
  assert.equal(simulators.lines('sendgrid').length, 1)
  const left = await world.db.query(
    `select sum(n)::int as n, bool_and(due_at > now() + interval '20 s') as held, max(tries) as tries, min(waits_for) as waits_for
       from batches where closed_at is null`,
  )
  assert.deepEqual(left, [{ n: to.length, held: true, tries: 0, waits_for: 'circuit' }])
  assert.deepEqual(await calledBy(world), new Map([['ops', 1]]))
})

test('what no request was made for is due in a moment, as it was, and is told as not called', async () => {
  await using world = await createWorld()
  await world.addPerson('anna', { endpoints: [device('token')] })
  useFcm(world, () => notBegun)
  await world.deliver(await world.write(phones('anna')))
  const left = await world.db.query(
    `select tries, maybe_sent, lapsed_n, due_at - now() <= interval '3 s' as soon, waits_for from
       (select *, (lease_until is not null)::int as lapsed_n from batches) b where closed_at is null`,
  )
  assert.deepEqual(left, [{ tries: 0, maybe_sent: false, lapsed_n: 0, soon: true, waits_for: 'rate' }])
  const [told] = await world.db.query<{ whys: unknown[]; slots: { what: string; w: number; called?: true }[] }>(
    `select payload::json->'whys' as whys, payload::json->'slots' as slots from outbox
     where payload::json->>'kind' = 'settled'`,
  )
  const [slot] = told!.slots
  assert.deepEqual([slot!.what, slot!.called, told!.whys[slot!.w]], ['moved', undefined, { rule: 'not_called' }])
})

test('whatever is begun and answered: one outcome each, a call told for each request, and no more of them than tries', async () => {
  const kinds = { accepted: 1, notBegun: 4, paused: 2, retry: 3, doubt: 2 } as const
  const kind = fc.oneof(
    ...Object.entries(kinds).map(([one, weight]) => ({ weight, arbitrary: fc.constant(one as keyof typeof kinds) })),
  )
  const minutes = 40
  // Asked once a minute, at most: also when it begins, and in the very moment that it is worth something until.
  const asks = { minLength: minutes + 1, maxLength: minutes + 1 }
  const plans = fc.sample(fc.array(kind, asks), { numRuns: 40, seed: 7 })
  plans.push(
    plans[0]!.map(() => 'paused'),
    plans[0]!.map(() => 'notBegun'),
  )
  const people = plans.map((_, n) => `p${n}`)
  const never = people.slice(-2)

  await using world = await createWorld({ types: [{ ...greeting, doubt: 'resend' }] })
  // A minute between any two calls, so that no circuit opens: there is nobody who asks whether it is mended.
  let ms = 0
  const nowMs = () => (ms += 60_000)
  world.deps.pace = createPace({ ...world.deps, buckets: postgresBuckets(world.db), nowMs })
  for (const who of people) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  const asked = new Map<string, number>()
  const requests = new Map<string, (keyof typeof kinds)[]>(people.map(who => [who, []]))
  const answers = {
    ...{ accepted: { kind: 'accepted', providerId: 'p' }, notBegun, paused },
    ...{ retry: { kind: 'retry', afterMs: 0, reason: 'r' }, doubt: { kind: 'doubt', reason: 'd' } },
  } satisfies Record<keyof typeof kinds, Answer>
  useFcm(world, ({ recipient }) => {
    const at = asked.get(recipient) ?? 0
    asked.set(recipient, at + 1)
    const said = plans[people.indexOf(recipient)]![at]!
    if (said !== 'notBegun' && said !== 'paused') requests.get(recipient)!.push(said)
    return answers[said]
  })
  const expiresAt = world.clock.now() + minutes * 60_000
  await world.write({ ...phones(...people), intent: { expiresAt } })
  const claims = await deliverAll(world, { most: 60, everyMs: 60_000 })
  assert.ok(claims <= 45, `${claims} claims`)

  const ends = await world.ends()
  const called = await calledBy(world)
  for (const who of people) {
    const said = requests.get(who)!
    assert.ok(said.length <= triesMax, `${who}: ${said.join()}`)
    assert.equal(called.get(who) ?? 0, said.length, `${who}: ${said.join()} ${ends[who]}`)
    const known = said.includes('accepted') ? 'sent' : said.includes('doubt') ? 'in_doubt' : undefined
    const unsent = said.length === triesMax ? 'provider_exhausted' : 'expired'
    assert.equal(ends[who], known ?? unsent, `${who}: ${said.join()}`)
  }
  for (const who of never) assert.equal(ends[who], 'expired')
  assert.deepEqual((await audit(world.db)).problems, [])
})

test('what we know by ourselves ends or waits as it would by its answer, and is told as not called', async () => {
  await using world = await createWorld()
  const answers: Record<string, Answer> = {
    dead: { kind: 'addressDead', reason: 'not a device token', uncalled: true },
    long: { kind: 'messageDead', reason: 'no room for its texts', uncalled: true },
    paused,
    refused: { kind: 'messageDead', reason: 'r' },
  }
  const people = Object.keys(answers)
  for (const who of people) await world.addPerson(who, { endpoints: [device(`token-${who}`)] })
  useFcm(world, ({ recipient }) => answers[recipient]!)
  await world.deliver(await world.write(phones(...people)))
  assert.deepEqual(await world.ends(), { dead: 'address_dead', long: 'rejected', paused: 'open', refused: 'rejected' })
  const states = await world.db.query(
    `select id, endpoints::json->0->>'state' as state from recipients where id = 'dead'`,
  )
  assert.deepEqual(states, [{ id: 'dead', state: 'dead' }])
  const left = await world.db.query(`select tries, waits_for from batches where closed_at is null`)
  assert.deepEqual(left, [{ tries: 0, waits_for: 'pause' }])
  const told = await world.db.query<{ recipient: string; rule: string; called: string | null }>(
    `select slot->>'recipient' as recipient, payload::json->'whys'->(slot->>'w')::int->>'rule' as rule, slot->>'called' as called
       from outbox, json_array_elements(payload::json->'slots') as slot where payload::json->>'kind' = 'settled' order by 1`,
  )
  assert.deepEqual(told, [
    { recipient: 'dead', rule: 'unsendable', called: null },
    { recipient: 'long', rule: 'unsendable', called: null },
    { recipient: 'paused', rule: 'not_called', called: null },
    { recipient: 'refused', rule: 'rejected', called: 'true' },
  ])
})

const paused: Answer = { kind: 'pause', afterMs: 1_000, reason: 'asked before', ofSome: true, uncalled: true }

/** A client of FCM that says this of each message. */
const useFcm = (world: World, answer: (message: OutMessage) => Answer) =>
  world.use({
    ...{ name: 'fcm', channel: 'push', callSizeMax: 5, callsAtOnce: 4, pauses: 'lane', mixes: () => true },
    send: async messages => messages.map(answer),
    async [Symbol.asyncDispose]() {},
  })
